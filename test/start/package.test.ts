/** The package as others install it: complete, small, and a broker with and without its optional parts. Test process. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { produceValues, readValues } from '../embedding/kafkajs-session.js';
import { projectRoot } from '../project-root.js';
import { mustRun } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import { npmWithRegistry } from './registry.js';
import { flagsFor, ServeProcess } from './serve-process.js';

const PACKED_BYTES_MAX = 2 * 1024 * 1024;

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

const notBuilt = existsSync(join(projectRoot, 'dist', 'src', 'main.js')) ? false : 'dist is not built';

test('the package', { skip: notBuilt }, async (t) => {
  const folder = temporaryFolder('package');
  const packing = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [packed] = JSON.parse(await mustRun('npm', packing, { cwd: projectRoot })) as Packed[];
  const paths = packed.files.map(({ path }) => path);

  await t.test('holds what it needs and nothing else, in less than 2 MiB', () => {
    for (const path of ['dist/src/main.js', 'dist/src/index.js', 'dist/src/index.d.ts', 'dist/bench/load/main.js']) {
      assert.ok(paths.includes(path), path);
    }
    for (const worker of ['shard-worker', 'side-job-worker']) assert.ok(paths.includes(`dist/workers/${worker}.js`));
    const strangers = paths.filter(
      (path) => !/^(dist\/(src|workers|bench)\/|README|CHANGELOG|LICENSE|package\.json)/.test(path),
    );
    assert.deepEqual(strangers, []);
    assert.ok(packed.size < PACKED_BYTES_MAX, `${packed.size} bytes`);
  });

  const installations: Record<string, readonly string[]> = {
    'installed without scripts': ['--omit=dev'],
    'installed without optional packages': ['--omit=dev', '--omit=optional'],
  };
  for (const [name, omitted] of Object.entries(installations)) {
    await t.test(name, async (t) => {
      const cwd = temporaryFolder('application');
      writeFileSync(join(cwd, 'package.json'), '{ "private": true, "type": "module" }');
      const tarball = join(folder, packed.filename);
      const offline = await npmWithRegistry(['install', '--ignore-scripts', ...omitted, tarball], { cwd });
      if (offline !== null) return t.skip(offline);

      const bare = omitted.includes('--omit=optional');
      assert.equal(existsSync(join(cwd, 'node_modules', 'koffi')), !bare);
      const serve = ServeProcess.spawn(t, flagsFor(join(cwd, 'data')), {
        cwd,
        command: ['npx', '--no', 'millrace', 'serve'],
      });
      const address = await serve.listening();
      const values = Array.from({ length: 500 }, (_, number) => `value ${number}`);
      await produceValues(address, 'packaged', values);
      assert.deepEqual(await readValues(address, 'packaged', 'group', values.length), values);
      if (bare) assert.match(serve.stderr, /koffi does not load/);
      const [, line] = await serve.printed(/^ {2}try +(.*)$/m);
      assert.match(line, /npx millrace produce/);
      await mustRun('sh', ['-c', line], { cwd });
      const second = ServeProcess.spawn(t, flagsFor(join(cwd, 'data')), {
        cwd,
        command: ['npx', '--no', 'millrace', 'serve'],
      });
      assert.match((await second.ended).stderr, /is in use by process/);
      // npx does not pass SIGTERM on, and has an exit code of its own; the broker's folder tells how it ended.
      await serve.interrupt();
      assert.ok(existsSync(join(cwd, 'data', '.kafka_cleanshutdown')));

      const program = `
        import { createBroker } from 'millrace';
        const broker = await createBroker({ settings: { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': './data' } });
        await broker.start();
        console.log(broker.durability);
        await broker.close();`;
      assert.equal(await mustRun(process.execPath, ['--input-type=module', '-e', program], { cwd }), 'ack\n');
      assert.match(await mustRun('npx', ['--no', 'millrace', 'bench', '--help'], { cwd }), /--quick/);
    });
  }
});
