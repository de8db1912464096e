/** Batches for readers to whom records are dealt out: as many as are wanted, whole ones, and where the last one ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecords, iterateBatches } from '../../src/record/record.js';
import { FakeFileSystem } from './fake-file-system.js';
import { append, bytesOf, flush, openLog } from './testbed.js';

const values = (count: number) => Array.from({ length: count }, (_, i) => `value ${i}`);

function logOf(sizes: readonly number[], segmentBytesMax = 1024 * 1024) {
  const files = new FakeFileSystem();
  const log = openLog(files, { config: { segmentBytesMax } });
  for (const size of sizes) append(log, { values: values(size) });
  flush(files, log);
  const find = (offset: number, upTo: number, recordsMax: number, bytesMax = 1024 * 1024) => {
    const { error, slices, endOffset } = log.locateRecords(offset, upTo, { recordsMax, bytesMax });
    const batches = [...iterateBatches(bytesOf(files, slices))].map((batch) =>
      [...decodeRecords(batch)].map(({ offset }) => offset),
    );
    return { error, endOffset, batches };
  };
  return { log, find };
}

test('as many whole batches as hold the records that are wanted', () => {
  const { find } = logOf([3, 3, 3]);
  assert.deepEqual(find(0, 9, 1), { error: 'NONE', endOffset: 3, batches: [[0, 1, 2]] });
  assert.deepEqual(find(0, 9, 3).endOffset, 3);
  assert.deepEqual(find(0, 9, 4).endOffset, 6);
  assert.deepEqual(find(1, 9, 3).endOffset, 6, 'records in front of the first wanted one do not count');
  assert.deepEqual(find(4, 9, 100), {
    error: 'NONE',
    endOffset: 9,
    batches: [
      [3, 4, 5],
      [6, 7, 8],
    ],
  });
});

test('none that begins behind the range, none but the first beyond the bytes', () => {
  const { find } = logOf([3, 3, 3]);
  assert.equal(find(0, 3, 100).endOffset, 3);
  assert.equal(find(0, 4, 100).endOffset, 6);
  assert.deepEqual(find(0, 9, 100, 1), { error: 'NONE', endOffset: 3, batches: [[0, 1, 2]] });
});

test('segment by segment, to the end', () => {
  const { log, find } = logOf(new Array<number>(60).fill(2), 1024);
  assert.ok(log.segments.length > 3);
  const seen: number[] = [];
  for (let offset = 0; offset < 120; ) {
    const { error, endOffset, batches } = find(offset, 120, 1000);
    assert.equal(error, 'NONE');
    assert.ok(endOffset > offset);
    seen.push(...batches.flat());
    offset = endOffset;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 120 }, (_, offset) => offset),
  );
});

test('ranges say which of the files of that name they lie in', () => {
  const { log } = logOf(new Array<number>(60).fill(2), 1024);
  log.segments[0].generation = 5;
  const generations = [0, log.segments[1].baseOffset].map((offset) => {
    return log.locateRecords(offset, 120, { recordsMax: 1, bytesMax: 1024 }).slices[0].generation;
  });
  assert.deepEqual(generations, [5, undefined]);
});

test('where no record is, the range is over', () => {
  const { find } = logOf([3]);
  assert.deepEqual(find(3, 9, 1), { error: 'NONE', endOffset: 9, batches: [] });
});
