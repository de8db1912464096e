/** Which of two batches is not believed where their offsets contradict each other: offsets lie outside of what a checksum covers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SegmentScan } from '../../src/log/segment-scan.js';
import { encodeBatch } from '../../src/record/record.js';
import { baseOffsetOf } from '../../src/record/record-batch.js';
import { FakeFileSystem } from './fake-file-system.js';

const PATH = '/data/00000000000000000066.log';

/** `count` records from `baseOffset` on. */
function batch(baseOffset: number, count: number): Buffer {
  const values = Array.from({ length: count }, (_, i) => ({ key: null, value: Buffer.from(`${i}`), timestampMs: 1 }));
  const bytes = encodeBatch({ records: values });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  return bytes;
}

/** What is believed of a sealed segment of offsets 66 to 109, by base offset, and the offsets that are called damaged. */
function scanned(...batches: Buffer[]): { believed: number[]; damaged: [number, number][] } {
  const files = new FakeFileSystem();
  files.mkdir('/data');
  files.setContent(PATH, Buffer.concat(batches));
  const believed: number[] = [];
  const range = { fd: files.open(PATH, 'read'), end: Buffer.concat(batches).length, baseOffset: 66, offsetLimit: 110 };
  const scan = new SegmentScan(files, Buffer.alloc(64 * 1024), range, (bytes, at) => {
    believed.push(baseOffsetOf(bytes, at));
  });
  while (!scan.run(1));
  return { believed, damaged: scan.damage.map(({ startOffset, endOffset }) => [startOffset, endOffset]) };
}

test('one that has its place in front of the other has lost its offset', () => {
  assert.deepEqual(scanned(batch(74, 3), batch(69, 3), batch(80, 2)), { believed: [69, 80], damaged: [[66, 69]] });
});

test('one that two behind it contradict has lost its offset', () => {
  assert.deepEqual(scanned(batch(90, 3), batch(70, 1), batch(73, 2)), { believed: [70, 73], damaged: [[66, 70]] });
});

test('neither is believed where compaction may have left either of them', () => {
  assert.deepEqual(scanned(batch(74, 3), batch(70, 1)), { believed: [], damaged: [[66, 110]] });
  assert.deepEqual(scanned(batch(74, 3), batch(70, 1), batch(79, 1)), { believed: [79], damaged: [[66, 79]] });
});
