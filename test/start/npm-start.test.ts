/** `npm start` in a checkout whose packages are installed: builds what changed, hands flags and signals on. Test process. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../temp-folder.js';
import { builtAtMs, copyOfCheckout } from './checkout.js';
import { flagsFor, ServeProcess } from './serve-process.js';

const command = ['npm', 'start', '--silent', '--'];

test('npm start', {
  skip: process.platform === 'win32' ? 'signals are not to be had on Windows' : false,
}, async (t) => {
  const cwd = copyOfCheckout();
  const start = (t: Parameters<typeof ServeProcess.spawn>[0], folder: string) =>
    ServeProcess.spawn(t, flagsFor(folder, { shards: 2, flush: 'never' }), { cwd, command });

  await t.test('builds, passes its flags on, and SIGTERM to npm reaches the broker', async (t) => {
    const folder = temporaryFolder('start');
    const serve = start(t, folder);
    assert.match(await serve.listening(), /^127\.0\.0\.1:\d+$/);
    assert.match(serve.stderr, /^Building/m);
    assert.doesNotMatch(serve.stderr, /^Installing/m);
    assert.match(serve.stdout, /shards +2\n.*flush=never/);
    assert.equal((await serve.stop()).code, 0);
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
  });

  await t.test('the second time there is nothing to build', async (t) => {
    const builtBeforeMs = builtAtMs(cwd);
    const serve = start(t, temporaryFolder('start'));
    await serve.listening();
    assert.doesNotMatch(serve.stderr, /^(Building|Installing)/m);
    assert.equal(builtAtMs(cwd), builtBeforeMs);
    assert.equal((await serve.stop()).code, 0);
  });

  await t.test('Ctrl-C, which a terminal sends to npm and the broker alike, is one stop', async (t) => {
    const folder = temporaryFolder('start');
    const serve = start(t, folder);
    await serve.listening();
    assert.equal((await serve.interrupt()).code, 0);
    assert.ok(existsSync(join(folder, '.kafka_cleanshutdown')));
  });

  await t.test('what changed is built again', async (t) => {
    const builtBeforeMs = builtAtMs(cwd);
    appendFileSync(join(cwd, 'src', 'index.ts'), '\n');
    const serve = start(t, temporaryFolder('start'));
    await serve.listening();
    assert.match(serve.stderr, /^Building/m);
    assert.ok(builtAtMs(cwd) > builtBeforeMs);
    assert.equal((await serve.stop()).code, 0);
  });

  await t.test('what does not compile is not started', async (t) => {
    appendFileSync(join(cwd, 'src', 'index.ts'), "export const wrong: number = 'text';\n");
    const folder = join(temporaryFolder('start'), 'data');
    const { code, stdout, stderr } = await start(t, folder).ended;
    assert.notEqual(code, 0);
    assert.match(stderr + stdout, /src\/index\.ts\(\d+,\d+\): error TS2322/);
    assert.ok(!existsSync(folder));
  });
});
