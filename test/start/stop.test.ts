/** How a served folder is left: by SIGTERM, SIGINT, SIGKILL, and by a stop in the middle of a start. Test process. */
import assert from 'node:assert/strict';
import { existsSync, watch } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { brokerIsBuilt, noBroker } from '../broker-process.js';
import { brokerEntry } from '../project-root.js';
import { mustRun } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import { flagsFor, logLines, ServeProcess } from './serve-process.js';

const MARKER = '.kafka_cleanshutdown';

function produce(address: string, text: string): Promise<string> {
  return mustRun(process.execPath, [brokerEntry, 'produce', 'lines', '-b', address], { input: text });
}

function consume(address: string): Promise<string> {
  return mustRun(process.execPath, [brokerEntry, 'consume', 'lines', '-b', address, '--from-beginning', '--exit']);
}

/** The log line of a start that is through. */
function served(serve: ServeProcess): Record<string, unknown> | undefined {
  return logLines(serve.stderr).find(({ msg }) => msg === 'the broker serves');
}

suite('a broker that is stopped', { skip: brokerIsBuilt ? false : noBroker }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends it with exit code 0, and the next start is a clean one`, async (t) => {
      const folder = temporaryFolder('start');
      const first = ServeProcess.spawn(t, flagsFor(folder));
      await produce(await first.listening(), 'one\ntwo\n');
      assert.ok(!existsSync(join(folder, MARKER)));
      const { code, signal: killedBy } = await first.stop(signal);
      assert.deepEqual([code, killedBy], [0, null]);
      assert.ok(existsSync(join(folder, MARKER)));

      const second = ServeProcess.spawn(t, flagsFor(folder));
      const address = await second.listening();
      assert.ok(!existsSync(join(folder, MARKER)), 'the marker is good for one start');
      assert.equal(served(second)?.clean, true);
      assert.equal(await consume(address), 'one\ntwo\n');
      assert.equal((await second.stop()).code, 0);
    });
  }

  test('kill -9: the next start recovers what was acknowledged, under a higher leader epoch', async (t) => {
    const folder = temporaryFolder('start');
    const first = ServeProcess.spawn(t, flagsFor(folder));
    await produce(await first.listening(), 'one\ntwo\n');
    assert.equal((await first.stop('SIGKILL')).signal, 'SIGKILL');
    assert.ok(!existsSync(join(folder, MARKER)));

    const second = ServeProcess.spawn(t, flagsFor(folder));
    const address = await second.listening();
    assert.equal(served(second)?.clean, false);
    assert.ok(Number(served(second)?.leaderEpoch) > Number(served(first)?.leaderEpoch));
    assert.equal(await consume(address), 'one\ntwo\n');
    await produce(address, 'three\n');
    assert.equal(await consume(address), 'one\ntwo\nthree\n');
    assert.equal((await second.stop()).code, 0);
    assert.ok(existsSync(join(folder, MARKER)));
  });

  test('a stop in the middle of a start waits for it and leaves a clean folder', async (t) => {
    const folder = temporaryFolder('start');
    // The folder is claimed some turns of the event loop before the logs are open.
    const claimed = new Promise<void>((resolve) => {
      const watcher = watch(folder, (_event, name) => {
        if (name !== 'millrace.pid') return;
        watcher.close();
        resolve();
      });
      t.after(() => watcher.close());
    });
    const serve = ServeProcess.spawn(t, flagsFor(folder));
    await claimed;
    const { code, signal } = await serve.stop();
    assert.deepEqual([code, signal], [0, null]);
    assert.ok(existsSync(join(folder, MARKER)));
    assert.ok(!existsSync(join(folder, 'millrace.pid')));
  });

  test('a client that waits for records does not hold it up, and learns that it is over', async (t) => {
    const serve = ServeProcess.spawn(t, flagsFor(temporaryFolder('start')));
    const address = await serve.listening();
    await produce(address, 'one\n');
    const tail = ServeProcess.spawn(t, ['lines', '-b', address, '--from-beginning'], {
      command: [process.execPath, brokerEntry, 'consume'],
    });
    await tail.printed(/one/);
    assert.equal((await serve.stop()).code, 0);
    const { code, stdout, stderr } = await tail.ended;
    assert.deepEqual([code, stdout], [1, 'one\n']);
    assert.notEqual(stderr, '');
  });
});
