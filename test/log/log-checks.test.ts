/** What somebody finds who checks a segment elsewhere: it counts while the segment is the log's, is written down, and can be undone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { available, missing } from '../../src/base/libc.js';
import type { SegmentCheck } from '../../src/base/segment-check.js';
import { nodeFileSystem } from '../../src/log/file-system.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { checkSegment } from '../../src/log/segment-check.js';
import { FakeClock } from '../base/fake-clock.js';
import { temporaryFolder } from '../temp-folder.js';
import { FakeFileSystem } from './fake-file-system.js';
import { append, compact, DIRECTORY, flush, openLog, readAll } from './testbed.js';

const config = { segmentBytesMax: 2000, preparedBytesMax: 0 };
const AT_ONCE = { bytesPerSecondMax: Number.POSITIVE_INFINITY, coreShareMax: 1, sparesCache: false };
const host = { pause: () => assert.fail('nobody slows it down'), stopped: false };

function built(batches = 40): { files: FakeFileSystem; log: PartitionLog } {
  const files = new FakeFileSystem();
  const log = openLog(files, { config });
  for (let i = 0; i < batches; i++) append(log, { values: [`${i}`.padStart(60, 'x')] });
  flush(files, log);
  assert.ok(log.segments.length > 2);
  return { files, log };
}

/** A bit of the last byte of the batch at `offset`, which no header tells of. */
function rot(files: FakeFileSystem, log: PartitionLog, offset: number): void {
  const located = log.locate(offset, 1, offset + 1, true);
  const slice = located?.slices[0] ?? assert.fail('it is not there');
  const bytes = files.content(slice.path);
  bytes[slice.position + slice.length - 1] ^= 4;
  files.setContent(slice.path, bytes);
}

function plan(log: PartitionLog, offset: number): SegmentCheck {
  return log.checks.plan(offset) ?? assert.fail('nothing to check');
}

function checked(files: FakeFileSystem, log: PartitionLog, offset: number) {
  const check = plan(log, offset);
  const found = checkSegment(files, new FakeClock(), check, AT_ONCE, host) ?? assert.fail('it was stopped');
  return (log.checks.end(check.segmentBase, found) ?? assert.fail('it is gone')).damaged;
}

test('damage that only a checksum tells is refused once a check has found it, and all around it is served', () => {
  const { files, log } = built();
  const offsets = [1, log.segments[1].baseOffset, log.logEndOffset - 1];
  for (const offset of offsets) rot(files, log, offset);
  for (const offset of offsets) {
    const [range] = checked(files, log, offset);
    assert.deepEqual([range.startOffset, range.endOffset], [offset, offset + 1]);
  }
  const { records, refused } = readAll(files, log);
  assert.deepEqual(refused, offsets);
  assert.equal(records.length, 40 - offsets.length);
  log.deleteRecordsBefore(0);
  log.close();
  assert.deepEqual(readAll(files, openLog(files, { config, clean: true })).refused, offsets);
});

test('a small segment is checked at once, by whoever is asked about it; a large one is not', () => {
  const { files, log } = built();
  const sound = files.content(log.segments[0].path);
  rot(files, log, 2);
  const found = log.checks.examineSmall(3) ?? assert.fail('it is small');
  assert.equal(found.newlyDamaged, 1);
  assert.deepEqual([found.damaged[0].startOffset, found.damaged[0].endOffset], [2, 3]);
  assert.deepEqual(readAll(files, log).refused, [2]);
  files.setContent(log.segments[0].path, sound);
  assert.deepEqual(log.checks.examineSmall(0), { damaged: [], newlyDamaged: 0 });
  assert.equal(log.checks.examineSmall(-1), null);
  const larger = openLog(new FakeFileSystem(), { config: { preparedBytesMax: 0 } });
  for (let i = 0; i < 70; i++) append(larger, { values: ['x'.repeat(1000)] });
  assert.equal(larger.checks.examineSmall(0), null);
});

test('damage that is gone again is served again', () => {
  const { files, log } = built();
  const path = log.segments[0].path;
  const sound = files.content(path);
  rot(files, log, 2);
  assert.equal(checked(files, log, 2).length, 1);
  files.setContent(path, sound);
  assert.equal(checked(files, log, 2).length, 0);
  assert.deepEqual(readAll(files, log).refused, []);
  assert.deepEqual(readAll(files, openLog(files, { config, clean: true })).refused, []);
});

test('of a segment that grows while it is checked, all that was found meanwhile behind the checked part stays known', () => {
  const { files, log } = built();
  for (let i = 0; i < 3; i++) append(log, { values: ['before'] });
  const offset = log.logEndOffset - 1;
  rot(files, log, offset);
  const check = plan(log, offset);
  const found = checkSegment(files, new FakeClock(), check, AT_ONCE, host) ?? assert.fail('it was stopped');
  for (let i = 0; i < 4; i++) append(log, { values: ['meanwhile'] });
  const active = log.segments.at(-1) ?? assert.fail('no segment');
  assert.equal(active.baseOffset, check.segmentBase);
  // A reader comes upon what has rotted behind the checked part: one range reaches from there into it.
  for (const rotten of [offset + 1, offset + 3]) rot(files, log, rotten);
  log.checks.examine(active);
  assert.equal(log.checks.end(check.segmentBase, found)?.newlyDamaged, 0);
  assert.deepEqual(readAll(files, log).refused, [offset, offset + 1, offset + 3]);
  assert.deepEqual(
    active.damaged.map(({ startOffset, endOffset }) => [startOffset, endOffset]),
    [
      [offset, offset + 2],
      [offset + 3, offset + 4],
    ],
  );
});

test("what is found in a segment that is not the log's any more says nothing", () => {
  const { files, log } = built();
  const check = plan(log, 0);
  const damaged = [{ position: 0, endPosition: 100, startOffset: 0, endOffset: 1 }];
  log.deleteRecordsBefore(log.segments[1].baseOffset);
  assert.equal(log.checks.end(check.segmentBase, damaged), null);
  const first = log.segments[0];
  const second = plan(log, first.baseOffset);
  assert.notEqual(compact(files, log), null);
  assert.equal(log.checks.end(second.segmentBase, damaged), null);
  assert.deepEqual(readAll(files, log).refused, []);
});

test('a check keeps to its share of a core and to its bytes, and ends when told', () => {
  const { files, log } = built(400);
  const segment = { ...plan(log, 0), bytes: 0 };
  // As one file that is long enough for some steps.
  const whole = Buffer.concat(log.segments.map(({ path }) => files.content(path)));
  const copies = Buffer.alloc(4 * 1024 * 1024);
  whole.copy(copies);
  files.setContent(`${DIRECTORY}/long`, copies);
  const check = { ...segment, path: `${DIRECTORY}/long`, bytes: copies.length, offsetLimit: 1e6 };
  const openBefore = files.openDescriptors;
  const clock = new FakeClock();
  const pauses: number[] = [];
  let stopped = false;
  const slow = {
    pause: (ms: number) => {
      pauses.push(ms);
      clock.advance(ms);
    },
    get stopped() {
      return stopped;
    },
  };
  // Each read takes 2 ms.
  files.before = (operation) => {
    if (operation === 'read') clock.advance(2);
  };
  const beganMs = clock.monotonicMs();
  const found = checkSegment(files, clock, check, { ...AT_ONCE, coreShareMax: 0.05 }, slow);
  assert.equal(found?.length, 1, 'what is no batch is damaged');
  const pausedMs = pauses.reduce((sum, ms) => sum + ms, 0);
  const workedMs = clock.monotonicMs() - beganMs - pausedMs;
  assert.ok(pausedMs / workedMs > 15, `${pausedMs} ms of rest for ${workedMs} ms of work`);
  pauses.length = 0;
  checkSegment(files, clock, check, { ...AT_ONCE, bytesPerSecondMax: 1024 * 1024 }, slow);
  assert.ok(Math.abs(pauses.reduce((sum, ms) => sum + ms, 0) - 3500) < 700, `${pauses}`);
  stopped = true;
  assert.equal(checkSegment(files, clock, check, { ...AT_ONCE, bytesPerSecondMax: 1 }, slow), null);
  assert.equal(files.openDescriptors, openBefore, 'whether it ends by itself or is stopped, the file is let go of');
});

test('of very many damaged ranges the last become one', () => {
  const files = new FakeFileSystem();
  const log = openLog(files, { config: { ...config, segmentBytesMax: 10_000_000 } });
  for (let i = 0; i < 4000; i++) append(log, { values: ['v'] });
  flush(files, log);
  const [{ path }] = log.segments;
  const bytes = files.content(path);
  const size = bytes.length / 4000;
  for (let i = 0; i < 4000; i += 2) bytes[(i + 1) * size - 1] ^= 1;
  files.setContent(path, bytes);
  const ranges = checked(files, log, 0);
  assert.equal(ranges.length, 1000);
  assert.equal(ranges.at(-1)?.endOffset, 3999);
  assert.equal(readAll(files, log).records.length, 1000);
});

test('a check leaves in the page cache what was there, and nothing else', () => {
  const files = new FakeFileSystem();
  const log = openLog(files, { config: { ...config, segmentBytesMax: 100_000_000 } });
  for (let i = 0; i < 9; i++) append(log, { values: ['v'.repeat(1_000_000)] });
  flush(files, log);
  const block = 2 * 1024 * 1024;
  const dropped: [number, number | undefined][] = [];
  let readUpTo = 0;
  const { read } = files;
  files.read = (...args) => {
    const got = read.apply(files, args);
    readUpTo = Math.max(readUpTo, args[4] + got);
    return got;
  };
  files.isCached = (_fd?: number, position = 0) => {
    assert.equal(readUpTo, 0, 'who has read cannot tell what was there before');
    return position === block;
  };
  files.dropCache = (_fd, position, length) => {
    assert.ok(readUpTo >= Math.min(position + block, check.bytes));
    dropped.push([position, length]);
  };
  const check = plan(log, 0);
  const found = checkSegment(files, new FakeClock(), check, { ...AT_ONCE, sparesCache: true }, host);
  assert.deepEqual(found, []);
  assert.deepEqual(
    dropped,
    [0, 2 * block, 3 * block, 4 * block].map((position) => [position, block]),
  );
  dropped.length = 0;
  checkSegment(files, new FakeClock(), check, AT_ONCE, host);
  assert.deepEqual(dropped, []);
});

test('a cold file is cold again when it was checked, a warm one stays warm: the kernel does what it is told', (t) => {
  if (!available.fadvise || !available.preadNoWait) return t.skip(`no page cache to be asked: ${missing()}`);
  if (readFileSync('/proc/mounts', 'utf8').includes(` ${tmpdir()} tmpfs`))
    return t.skip('temporary files lie in memory');
  const block = 2 * 1024 * 1024;
  const blocks = 12;
  const path = join(temporaryFolder('page-cache'), '00000000000000000000.log');
  nodeFileSystem.writeFileAtomically(path, Buffer.alloc(blocks * block, 0x55));
  const fd = nodeFileSystem.open(path, 'read');
  t.after(() => nodeFileSystem.close(fd));
  const check = { path, segmentBase: 0, bytes: blocks * block, offsetLimit: 1 };
  const warm = () => {
    const all = Array.from({ length: blocks }, (_, at) => nodeFileSystem.isCached(fd, at * block, block));
    return all.filter((isCached) => isCached).length;
  };
  nodeFileSystem.dropCache(fd, 0);
  assert.equal(warm(), 0);
  const checkIt = (sparesCache: boolean) =>
    checkSegment(nodeFileSystem, new FakeClock(), check, { ...AT_ONCE, sparesCache }, host);
  checkIt(true);
  // What is on its way into the cache as the kernel is asked may stay.
  assert.ok(warm() <= blocks / 4, `${warm()} of ${blocks} blocks`);
  checkIt(false);
  assert.ok(warm() >= (blocks * 3) / 4, `${warm()} of ${blocks} blocks`);
  checkIt(true);
  assert.ok(warm() >= blocks / 2, `${warm()} of ${blocks} blocks`);
});
