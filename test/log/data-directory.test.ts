/** The data folder: how its last owner left it, what a crash left in it, and that it is given back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { available, missing } from '../../src/base/libc.js';
import { claimDataDirectory } from '../../src/log/data-directory.js';
import { type FileSystem, nodeFileSystem } from '../../src/log/file-system.js';
import { temporaryFolder } from '../temp-folder.js';
import { systemError } from './fake-file-system.js';

const identity = { nodeId: 1, clusterId: null, catalogueIn: null };
const claim = (folder: string, files: FileSystem = nodeFileSystem) => claimDataDirectory(files, folder, identity);

test('clean is said of a fresh folder and after a clean stop, and of nothing else', () => {
  const folder = temporaryFolder('data-directory');
  const first = claim(folder);
  assert.equal(first.clean, true);
  first.release(false, []);
  const second = claim(folder);
  assert.equal(second.clean, false);
  second.release(true, []);
  const third = claim(folder);
  assert.equal(third.clean, true);
  third.release(false, []);
});

test('a folder that lost the file with its name is not fresh as long as there are logs in it', () => {
  const folder = temporaryFolder('data-directory');
  claim(folder).release(false, []);
  mkdirSync(join(folder, 'logs-0'));
  for (const name of ['meta.properties', 'millrace.properties']) rmSync(join(folder, name));
  const claimed = claim(folder);
  assert.equal(claimed.clean, false);
  claimed.release(true, []);
});

test('the folder is given back also where what is known of the logs cannot be saved', () => {
  const folder = temporaryFolder('data-directory');
  let full = false;
  const files: FileSystem = {
    ...nodeFileSystem,
    writeFileAtomically(path, bytes, durable) {
      if (full) throw systemError('ENOSPC');
      nodeFileSystem.writeFileAtomically(path, bytes, durable);
    },
  };
  const claimed = claim(folder, files);
  full = true;
  assert.throws(() => claimed.release(true, []), /ENOSPC/);
  const again = claim(folder);
  assert.equal(again.clean, false, 'and is not called clean');
  again.release(true, []);
});

test('of threads of one process that claim the folder in the same instant, one gets it', async (t) => {
  if (!available.lock) return t.skip(`no fcntl: ${missing()}`);
  const threads = 4;
  for (let round = 0; round < 5; round++) {
    const folder = temporaryFolder('data-directory');
    const barrier = new Int32Array(new SharedArrayBuffer(4));
    const entry = new URL('./claiming-thread.js', import.meta.url);
    const workers = Array.from(
      { length: threads },
      () => new Worker(entry, { workerData: { folder, barrier, threads } }),
    );
    const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as string));
    for (const worker of workers) worker.postMessage('release');
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    assert.equal(answers.filter((answer) => answer === 'claimed').length, 1, answers.join('\n'));
    for (const answer of answers) assert.match(answer, /^claimed$|is in use/);
    claim(folder).release(true, []);
  }
});

test('what was left of deleted topics is named, so that it can be deleted', () => {
  const folder = temporaryFolder('data-directory');
  claim(folder).release(true, []);
  const left = join(folder, 'logs-0.q83vEjRWeJCrze8SNFZ4kA-delete');
  mkdirSync(left);
  for (const name of ['logs-1', 'a.b-delete-0', 'logs-2.q83vEjRWeJCrze8SNFZ4kA-stray']) mkdirSync(join(folder, name));
  const claimed = claim(folder);
  assert.deepEqual(claimed.garbage, [left]);
  claimed.release(true, []);
});
