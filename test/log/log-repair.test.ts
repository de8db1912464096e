/** What is lost is found without a broker, told exactly, and forgotten only on demand: then all else is served, and no offset twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspectLog, type LogInspection } from '../../src/log/log-inspection.js';
import { ACCEPTED_FILE, acceptLosses } from '../../src/log/log-repair.js';
import { MAGIC } from '../../src/record/batch-layout.js';
import { fc } from '../property.js';
import { type FakeFileSystem, FakeFileSystem as Files, PowerCut } from './fake-file-system.js';
import { append, DIRECTORY, flush, openLog, readAll } from './testbed.js';

const COUNT = 40;
const config = { segmentBytesMax: 1200, preparedBytesMax: 0 };
const known = { recoveryPoint: COUNT, logStartOffset: 0, firstDirtyOffset: 0, damagedRanges: 0 };

const inspected = (files: FakeFileSystem): LogInspection => inspectLog(files, DIRECTORY, known, () => {});

const lostIn = (files: FakeFileSystem): [string, number, number][] =>
  inspected(files).lost.map(({ kind, startOffset, endOffset }) => [kind, startOffset, endOffset]);

/** A log that was closed, and the base offsets of its segments. */
function built(): { files: FakeFileSystem; bases: number[] } {
  const files = new Files();
  const log = openLog(files, { config });
  for (let i = 0; i < COUNT; i++) append(log, { values: [`${i}`.padStart(60, 'x')], timestampMs: 1000 + i });
  flush(files, log);
  const bases = log.segments.map(({ baseOffset }) => baseOffset);
  log.close();
  assert.ok(bases.length > 3);
  return { files, bases };
}

const pathAt = (base: number): string => `${DIRECTORY}/${String(base).padStart(20, '0')}.log`;

/** Flips a bit in the middle of a batch. */
function rot(files: FakeFileSystem, bases: readonly number[], offset: number): void {
  const base = bases.findLast((candidate) => candidate <= offset) ?? 0;
  const next = bases.find((candidate) => candidate > offset) ?? COUNT;
  const bytes = files.content(pathAt(base));
  const size = bytes.length / (next - base);
  bytes[(offset - base) * size + size - 5] ^= 16;
  files.setContent(pathAt(base), bytes);
}

function cutBatches(files: FakeFileSystem, bases: readonly number[], base: number, batches: number): void {
  const next = bases.find((candidate) => candidate > base) ?? COUNT;
  const bytes = files.content(pathAt(base));
  files.setContent(pathAt(base), bytes.subarray(0, bytes.length - (bytes.length / (next - base)) * batches));
}

/** The log serves all but `lost`, refuses nothing, and goes on behind its old end. */
function assertForgotten(files: FakeFileSystem, lost: readonly number[], clean: boolean): void {
  const log = openLog(files, { config, clean, recoveryPoint: COUNT });
  const { records, refused } = readAll(files, log, 700);
  assert.deepEqual(refused, []);
  assert.deepEqual(
    records.map(({ offset }) => offset),
    Array.from({ length: COUNT }, (_, i) => i).filter((offset) => !lost.includes(offset)),
  );
  assert.equal(append(log).baseOffset, COUNT);
}

test('a sound log has lost nothing, and what a crash tears is no loss', () => {
  const { files, bases } = built();
  assert.deepEqual(inspected(files).lost, []);
  assert.deepEqual(inspected(files).harmless, []);
  const last = pathAt(bases.at(-1) ?? 0);
  files.setContent(last, Buffer.concat([files.content(last), Buffer.alloc(3000)]));
  assert.deepEqual(inspected(files).harmless, []);
  files.setContent(last, Buffer.concat([files.content(last).subarray(0, -3000), Buffer.alloc(77, 1)]));
  assert.deepEqual(inspected(files).lost, []);
  assert.match(inspected(files).harmless[0].what, /torn by a crash/);
});

test('damage at the beginning, in the middle and at the end of segments is told exactly, and forgotten on demand', () => {
  const { files, bases } = built();
  const lost = [0, 3, bases[1] - 1, bases[2], COUNT - 2];
  for (const offset of lost) rot(files, bases, offset);
  const { lost: found } = inspected(files);
  assert.deepEqual(
    found.map(({ kind, startOffset, endOffset }) => [kind, startOffset, endOffset]),
    lost.map((offset) => ['damaged', offset, offset + 1]),
  );
  assert.deepEqual([found[1].fromMs, found[1].toMs], [1002, 1004]);
  const damagedBytes = found.map(({ path, position, endPosition }) =>
    files.content(path).subarray(position, endPosition),
  );
  const accepted = acceptLosses(files, inspected(files), 5);
  assert.deepEqual(
    accepted.map(({ aside }) => aside !== null && files.content(aside)),
    damagedBytes,
    'no byte is deleted',
  );
  assert.equal(files.content(`${DIRECTORY}/${ACCEPTED_FILE}`).toString().split('\n').length, lost.length + 1);
  assert.deepEqual(inspected(files).lost, []);
  for (const clean of [false, true]) assertForgotten(files.snapshot(), lost, clean);
});

test('what a start has written down is forgotten, too, and nothing that was sound stays refused', () => {
  const { files, bases } = built();
  rot(files, bases, 2);
  assert.deepEqual(readAll(files, openLog(files, { config })).refused, [2]);
  acceptLosses(files, inspected(files), 5);
  for (const clean of [false, true]) assertForgotten(files.snapshot(), [2], clean);
});

test('acknowledged records that are missing at the end, or between segments, keep their offsets', () => {
  const { files, bases } = built();
  cutBatches(files, bases, bases.at(-1) ?? 0, 1);
  cutBatches(files, bases, bases[1], 2);
  const lost = [bases[2] - 2, bases[2] - 1, COUNT - 1];
  assert.deepEqual(lostIn(files), [
    ['missing', bases[2] - 2, bases[2]],
    ['missing', COUNT - 1, COUNT],
  ]);
  acceptLosses(files, inspected(files), 5);
  assert.deepEqual(inspected(files).lost, []);
  for (const clean of [false, true]) assertForgotten(files.snapshot(), lost, clean);
});

test('a log that is gone goes on behind what was known of it', () => {
  const files = new Files();
  files.mkdir('/data/other-0');
  assert.deepEqual(lostIn(files), [['gone', 0, COUNT]]);
  assert.throws(() => openLog(files, { config, recoveryPoint: COUNT }), /held records up to offset 40/);
  acceptLosses(files, inspected(files), 5);
  const log = openLog(files, { config, recoveryPoint: COUNT });
  assert.equal(log.logStartOffset, COUNT);
  assert.equal(append(log).baseOffset, COUNT);
});

test('a repair that is cut off anywhere loses nothing more, and can be done again', () => {
  const { files, bases } = built();
  const lost = [3, bases[2], COUNT - 2];
  for (const offset of lost) rot(files, bases, offset);
  // Known to a start, which wrote it down.
  assert.deepEqual(readAll(files, openLog(files, { config })).refused, lost);
  for (let step = 0, ended = false; !ended; step++) {
    const disk = files.snapshot();
    let left = step;
    disk.before = () => {
      if (left-- === 0) throw new PowerCut();
    };
    try {
      acceptLosses(disk, inspected(disk), 5);
      ended = true;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    disk.before = () => {};
    disk.kill();
    const between = disk.snapshot();
    const { records } = readAll(between, openLog(between, { config, clean: true, recoveryPoint: COUNT }), 700);
    assert.equal(records.length, COUNT - lost.length, `step ${step}`);
    acceptLosses(disk, inspected(disk), 6);
    assertForgotten(disk, lost, true);
  }
});

test('a cache that is wrong is told, and is no loss', () => {
  const { files, bases } = built();
  const index = pathAt(bases[0]).replace('.log', '.index');
  files.setContent(index, Buffer.alloc(16, 0xff));
  files.setContent(`${DIRECTORY}/leader-epoch-checkpoint`, Buffer.from('rubbish'));
  const { lost, harmless } = inspected(files);
  assert.deepEqual(lost, []);
  assert.deepEqual(harmless.map(({ path }) => path).sort(), [index, `${DIRECTORY}/leader-epoch-checkpoint`].sort());
});

test('a bit that flips anywhere behind the length of a batch is told, as is whose offsets it takes', () => {
  const { files, bases } = built();
  fc.assert(
    fc.property(fc.nat(bases.length - 1), fc.nat(), fc.nat(7), (segment, at, bit) => {
      const copy = files.snapshot();
      const path = pathAt(bases[segment]);
      const bytes = copy.content(path);
      const batches = (bases[segment + 1] ?? COUNT) - bases[segment];
      const size = bytes.length / batches;
      const batch = at % batches;
      // In front of its magic number lie what a broker stamps: the base offset, the leader epoch, and between them the length.
      const position = batch * size + MAGIC + (at % (size - MAGIC));
      bytes[position] ^= 1 << bit;
      copy.setContent(path, bytes);
      const lost = lostIn(copy);
      const offset = bases[segment] + batch;
      assert.deepEqual(lost, [['damaged', offset, offset + 1]], `byte ${position} of ${path}`);
    }),
    { numRuns: 300 },
  );
});
