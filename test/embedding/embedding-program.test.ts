/** Whole programs that embed the broker: when it is closed nothing keeps them alive, in a process as in a worker. Test process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { createBroker } from '../../src/index.js';
import { runTool } from '../run-tool.js';
import { temporaryFolder } from '../temp-folder.js';
import type { Course, ProgramInput } from './embedding-program.js';

const program = new URL('./embedding-program.js', import.meta.url);

/** What Node.js 24 and newer say about a timer of kafkajs, whose delay it takes from a clock that was never set. */
const KAFKAJS_TIMER_WARNING = /\(node:\d+\) TimeoutNegativeWarning: [\s\S]*?created\)\n/g;

/** The program has to come to its end; one that does not is killed, and its exit code is no 0. */
async function outcomeInProcess(input: ProgramInput): Promise<string> {
  const result = await runTool(process.execPath, [fileURLToPath(program), JSON.stringify(input)]);
  const stderr = result.stderr.replaceAll(KAFKAJS_TIMER_WARNING, '');
  assert.deepEqual({ code: result.code, stderr }, { code: 0, stderr: '' });
  return result.stdout;
}

async function outcomeInWorker(input: ProgramInput): Promise<string> {
  const worker = new Worker(program, { workerData: input });
  const exited = once(worker, 'exit');
  const [outcome] = await Promise.race([once(worker, 'message'), exited]);
  const [code] = await exited;
  assert.equal(code, 0);
  return outcome as string;
}

const outcomes: Record<Exclude<Course, 'refused'>, string> = {
  use: 'one,two',
  'start only': 'closed',
  'never started': 'closed',
  'closed while starting': 'started',
  'left connected': 'closed',
};

suite('a program that embedded the broker ends by itself', () => {
  for (const [course, outcome] of Object.entries(outcomes) as [Course, string][]) {
    test(`as a process: ${course}`, async () => {
      assert.equal(await outcomeInProcess({ course, folder: temporaryFolder('embedding') }), outcome);
    });
  }

  test('as a process: refused, as the folder is in use', async () => {
    const folder = temporaryFolder('embedding');
    await using broker = await createBroker({
      settings: { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0' },
    });
    await broker.start();
    assert.match(await outcomeInProcess({ course: 'refused', folder }), /is in use by process \d+/);
  });

  test('as a process with flags that no thread could take', async () => {
    const folder = temporaryFolder('embedding');
    const script = `
      import { createBroker } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
      const broker = await createBroker({ settings: { 'log.dirs': ${JSON.stringify(folder)}, listeners: 'PLAINTEXT://127.0.0.1:0' } });
      await broker.start();
      await broker.close();
      process.stdout.write('closed');`;
    const { code, stdout, stderr } = await runTool(process.execPath, ['--input-type=module', '--eval', script]);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'closed', stderr: '' });
  });

  for (const course of ['use', 'closed while starting'] as const) {
    test(`as a worker of its host: ${course}`, async () => {
      assert.equal(await outcomeInWorker({ course, folder: temporaryFolder('embedding') }), outcomes[course]);
    });
  }

  test('workers of one host with a folder each', async () => {
    const inputs = [1, 2].map(() => ({ course: 'use' as const, folder: temporaryFolder('embedding') }));
    assert.deepEqual(await Promise.all(inputs.map(outcomeInWorker)), [outcomes.use, outcomes.use]);
  });

  test('a folder that a worker holds is refused to its host, too', async () => {
    const folder = temporaryFolder('embedding');
    await using broker = await createBroker({
      settings: { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0' },
    });
    await broker.start();
    assert.match(await outcomeInWorker({ course: 'refused', folder }), /is in use/);
  });
});
