/** Side jobs of several folders of log.dirs: one that is slow, or hangs, keeps none of the others' waiting. On the pool's real threads and real files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.js';
import { silentLogger } from '../../src/base/logger.js';
import { CLAIM_MARK_FILE } from '../../src/log/data-directory.js';
import { PROGRESS_FILE } from '../../src/log/directory-progress.js';
import { ASIDE_SUFFIX } from '../../src/log/file-system.js';
import { createSideJobs } from '../../src/partition/side-jobs.js';
import { temporaryFolder } from '../temp-folder.js';

const ENTRY = new URL('../../workers/side-job-worker.js', import.meta.url);
const GiB = 1024 ** 3;
/** Deleting so much takes minutes. */
const LARGE_BYTES = 64 * GiB;

function start(t: TestContext) {
  const root = temporaryFolder('side-jobs');
  const folders = ['a', 'b'].map((name) => join(root, name));
  for (const folder of folders) mkdirSync(folder);
  const threads = { compacting: 0, checking: 0, preparing: 0 };
  const jobs = createSideJobs({ entry: ENTRY, threads, folders, clock: systemClock, logger: silentLogger });
  t.after(() => jobs.close());
  const file = (folder: string, name: string): string => {
    writeFileSync(join(folder, name), 'bytes');
    return join(folder, name);
  };
  return { jobs, a: folders[0], b: folders[1], file };
}

test('deleting what is large on one disk lets other disks delete, and its own be read', async (t) => {
  const { jobs, a, b, file } = start(t);
  const large = file(a, 'large.deleted');
  try {
    truncateSync(large, LARGE_BYTES);
  } catch (error) {
    return t.skip(`the file system takes no file of ${LARGE_BYTES} bytes: ${(error as Error).message}`);
  }
  const behind = file(a, 'behind.deleted');
  const order: string[] = [];
  const all = [
    jobs.delete([large]).then(() => order.push('large')),
    jobs.delete([behind]).then(() => order.push('behind')),
  ];
  const other = file(b, 'other.deleted');
  await jobs.delete([other]);
  assert.equal(existsSync(other), false);
  assert.ok(await jobs.probe(a));
  assert.deepEqual(order, [], 'the large one is still being deleted');
  assert.equal(existsSync(behind), true, 'and what lies on its disk waits for it');
  // Whoever wants an end no longer pauses.
  await jobs.close();
  await Promise.all(all);
  assert.deepEqual(order, ['large', 'behind']);
  assert.equal(existsSync(behind), false);
});

test('a disk that hangs takes its own threads and no others', async (t) => {
  const { jobs, a, b, file } = start(t);
  // Whoever opens a pipe that nobody reads from waits, as for a disk that does not answer.
  const logs = Array.from({ length: 8 }, (_, number) => join(a, String(number)));
  for (const folder of logs) mkdirSync(folder);
  for (const folder of logs) file(folder, CLAIM_MARK_FILE);
  const pipes = logs.map((folder) => join(folder, PROGRESS_FILE + ASIDE_SUFFIX));
  const made = spawnSync('mkfifo', pipes);
  if (made.status !== 0) return t.skip(`no pipes here: ${made.error?.message ?? made.stderr}`);
  let answered = 0;
  const hanging = logs.map((folder) => jobs.checkpoint(folder, []).then(() => answered++));
  const retired = file(a, 'retired.deleted');
  const deleting = jobs.delete([retired]);

  try {
    const other = file(b, 'other.deleted');
    await jobs.delete([other]);
    const read = file(b, 'other.log');
    const fd = openSync(read, 'r');
    await jobs.readAhead(read, fd, 0, 5);
    closeSync(fd);
    assert.ok(await jobs.probe(b));
    assert.equal(existsSync(other), false);
    assert.equal(answered, 0);
    assert.equal(existsSync(retired), true);
  } finally {
    const readers = pipes.map((path) => openSync(path, constants.O_RDWR));
    await Promise.all([...hanging, deleting]);
    readers.forEach(closeSync);
  }
  assert.equal(existsSync(retired), false, 'when it answers again all is done');
});
