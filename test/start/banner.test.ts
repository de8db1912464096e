/** What `serve` says when it serves, and whose word counts for its settings. Test process. */
import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite, test } from 'node:test';
import { brokerIsBuilt, noBroker } from '../broker-process.js';
import { brokerEntry } from '../project-root.js';
import { mustRun } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import { flagsFor, ServeProcess } from './serve-process.js';

/** The banner's lines by their first word. */
function bannerOf(serve: ServeProcess): Record<string, string> {
  const lines = serve.stdout.split('\n').slice(1, -1);
  return Object.fromEntries(lines.map((line) => /^ {2}(\w+) +(.*)$/.exec(line)?.slice(1) ?? [line, '']));
}

suite('the banner', { skip: brokerIsBuilt ? false : noBroker }, () => {
  test('names address, data folder, shards and durability', async (t) => {
    const folder = temporaryFolder('start');
    const serve = ServeProcess.spawn(t, flagsFor(folder, { shards: 2, flush: 'never' }));
    const address = await serve.listening();
    assert.match(address, /^127\.0\.0\.1:[1-9]\d*$/);
    const { data, shards, durability } = bannerOf(serve);
    assert.equal(data, folder);
    assert.equal(shards, '2');
    assert.match(durability, /flush=never/);
    assert.equal((await serve.stop()).code, 0);
  });

  test('a data folder is shown in full, also one that was given relative to the current folder', async (t) => {
    const cwd = temporaryFolder('start');
    const serve = ServeProcess.spawn(t, flagsFor('here/data'), { cwd });
    await serve.listening();
    assert.equal(bannerOf(serve).data, join(cwd, 'here', 'data'));
  });

  test('its line to copy works in a shell', async (t) => {
    const serve = ServeProcess.spawn(t, flagsFor(temporaryFolder('start')));
    const address = await serve.listening();
    await mustRun('sh', ['-c', bannerOf(serve).try]);
    const args = [brokerEntry, 'consume', 'hello', '-b', address, '--from-beginning', '--exit'];
    assert.equal(await mustRun(process.execPath, args), 'hello\n');
  });

  test('its line to copy works where the program lies in a folder with an odd name', async (t) => {
    const cwd = temporaryFolder('start');
    symlinkSync(dirname(dirname(brokerEntry)), join(cwd, "it's $HOME; here"), 'dir');
    const command = [process.execPath, join("it's $HOME; here", 'src', 'main.js'), 'serve'];
    const serve = ServeProcess.spawn(t, flagsFor(join(cwd, 'data')), { cwd, command });
    await serve.listening();
    assert.match(bannerOf(serve).try, /\$HOME/);
    await mustRun('sh', ['-c', bannerOf(serve).try], { cwd });
  });

  test('on every interface and on IPv6 the line works as well', async (t) => {
    for (const listeners of ['PLAINTEXT://:0', 'PLAINTEXT://[::1]:0']) {
      const serve = ServeProcess.spawn(t, flagsFor(temporaryFolder('start'), { listeners }));
      try {
        await serve.listening();
      } catch (error) {
        if (/no such address|EAFNOSUPPORT/.test(String(error))) return t.skip('this machine has no IPv6');
        throw error;
      }
      await mustRun('sh', ['-c', bannerOf(serve).try]);
    }
  });
});

suite('whose word counts', { skip: brokerIsBuilt ? false : noBroker }, () => {
  /** shards and durability as the banner has them, with the settings given in three places. */
  async function shown(
    t: Parameters<typeof ServeProcess.spawn>[0],
    file: string,
    env: Record<string, string>,
    overrides: Record<string, string>,
  ): Promise<{ shards: string; durability: string; stderr: string }> {
    const folder = temporaryFolder('start');
    const path = join(folder, 'server.properties');
    writeFileSync(path, file);
    const serve = ServeProcess.spawn(t, [...flagsFor(join(folder, 'data'), overrides), '--config', path], { env });
    await serve.listening();
    const { shards, durability } = bannerOf(serve);
    const { code, stderr } = await serve.stop();
    assert.equal(code, 0);
    return { shards, durability, stderr };
  }

  test('the environment beats the file, the command line beats both', async (t) => {
    const file = 'shards=3\nflush=never\n';
    const plain = await shown(t, file, {}, {});
    assert.equal(plain.shards, '3');
    assert.match(plain.durability, /flush=never/);
    const env = await shown(t, file, { KAFKA_SHARDS: '2', KAFKA_CFG_FLUSH: 'interval' }, {});
    assert.equal(env.shards, '2');
    assert.match(env.durability, /flush=interval/);
    const all = await shown(t, file, { KAFKA_SHARDS: '2', KAFKA_CFG_FLUSH: 'interval' }, { flush: 'ack' });
    assert.equal(all.shards, '2');
    assert.match(all.durability, /flush=ack/);
  });

  test('an unknown key warns with the nearest name, wherever it stands', async (t) => {
    const { stderr } = await shown(t, 'num.partition=3\n', { KAFKA_NUM_PARTITOINS: '3' }, { 'log.dir.s': 'x' });
    assert.match(stderr, /server\.properties:1: num\.partition is not a known setting.*did you mean num\.partitions\?/);
    assert.match(stderr, /KAFKA_NUM_PARTITOINS: num\.partitoins is not a known.*did you mean num\.partitions\?/);
    assert.match(stderr, /--override: log\.dir\.s is not a known setting.*did you mean log\.dirs\?/);
  });
});
