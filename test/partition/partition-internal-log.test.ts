/** The broker's own logs are replayed to their end, whatever compaction has left of their batches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FileRecords } from '../../src/base/file-slice.js';
import { PartitionInternalLog } from '../../src/partition/partition-internal-log.js';
import type { PartitionHandle, Partitions } from '../../src/partition/partitions.js';
import type { SegmentFiles } from '../../src/partition/segment-files.js';
import { BatchFilter, emptied } from '../../src/record/batch-filter.js';
import { encodeBatch } from '../../src/record/record.js';
import { lastOffsetOf } from '../../src/record/record-batch.js';

function batchAt(baseOffset: number, kept: readonly number[]): Buffer {
  const records = [0, 1, 2].map((i) => ({ key: Buffer.from(`${baseOffset + i}`), value: null, timestampMs: 1 }));
  const batch = encodeBatch({ records });
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  if (kept.length === 0) return emptied(batch);
  const filter = new BatchFilter();
  filter.look(batch, { keeps: (_, offset) => kept.includes(offset) });
  return filter.rewritten(-1);
}

test('batches that have lost their last records, or all of them, hold nobody up', async () => {
  const batches = [batchAt(0, [0]), batchAt(3, []), batchAt(6, [7]), batchAt(12, [])];
  // One batch at a time: the one that holds the offset, or the first behind it.
  let found: Buffer = batches[0];
  const records: FileRecords = { byteLength: 1, slices: [] };
  const partitions = {
    watermarks: () => ({ logStartOffset: 0, highWatermark: 15 }),
    read: (_: PartitionHandle, offset: number) => {
      found = batches.find((batch) => lastOffsetOf(batch, 0) >= offset) ?? assert.fail('nothing was lost at the end');
      return { error: 'NONE', records };
    },
  } as unknown as Partitions;
  const segmentFiles = { read: () => found } as unknown as SegmentFiles;
  const handle = { state: 'online', topic: 't', index: 0 } as PartitionHandle;
  const log = new PartitionInternalLog(partitions, handle, segmentFiles, () => 0);
  const visited: [string, number][] = [];
  await log.replay(({ key }, offset) => visited.push([`${key}`, offset]));
  assert.deepEqual(visited, [
    ['0', 0],
    ['7', 7],
  ]);
});
