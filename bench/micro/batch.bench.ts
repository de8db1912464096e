/** What a shard does to a batch before it is written: check it whole, stamp its offset. Bench process. */

import { type PreparationRules, prepareBatch } from '../../src/record/batch-preparation.js';
import { type BatchRules, validateBatch } from '../../src/record/batch-validator.js';
import { readInt64 } from '../../src/record/int.js';
import { stampPlace } from '../../src/record/record-batch.js';
import type { Verdict } from '../../src/record/record-checks.js';
import { blobBatch, logLineBatch } from '../load/batches.js';
import { type MicroFigure, type MicroTask, measure, type Size } from './measure.js';

const nowMs = Date.now();
const verdict: Verdict = { message: null, recordErrors: null };
const operations = 100;

const rules: BatchRules = {
  messageBytesMax: 1_048_588,
  segmentBytesMax: 1_073_741_824,
  timestampType: 'CreateTime',
  validation: 'header',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  compacted: false,
};

const everyRecord: BatchRules = { ...rules, validation: 'records' };
const arriving: PreparationRules = { ...everyRecord, compression: 'producer', compressionLevel: 0 };
const recordSizes = [100, 1024] as const;

export function benchBatch(size: Size): Promise<MicroFigure[]> {
  const { bytes, records } = logLineBatch(16 * 1024, 1);
  // A client's batch says base offset 0: the one that is stamped must be another.
  const stamped = Buffer.from(bytes);
  return measure(size, [
    checking('check a 16 KiB batch, checksum and header', bytes, rules),
    checking(`check it and each of its ${records} records`, bytes, everyRecord),
    ...recordSizes.flatMap((recordBytes) => recordRows(recordBytes)),
    {
      name: 'stamp base offset and leader epoch',
      operations,
      run() {
        for (let count = 0; count < operations; count++) stampPlace(stamped, 0, count, 1);
        if (readInt64(stamped, 0) !== operations - 1) throw new Error('the stamp did not arrive');
      },
    },
  ]);
}

/** What `record.validation` costs: without it, with it on a shard, and with it in the side-job pool, where lz4 is unfolded. */
function recordRows(recordBytes: number): MicroTask[] {
  const count = Math.floor((64 * 1024) / recordBytes);
  const { bytes } = blobBatch(recordBytes, count, 1);
  const folded = blobBatch(recordBytes, count, 1, 'lz4').bytes;
  const work = `${count} records of ${recordBytes} B`;
  return [
    checking(`check ${work}, checksum and header`, bytes, rules),
    checking(`check ${work}, each of them`, bytes, everyRecord),
    {
      name: `check ${work}, each of them, out of lz4`,
      operations: operations / 10,
      // As they are unfolded, so that the rows compare.
      bytes: bytes.length,
      run() {
        for (let at = 0; at < operations / 10; at++) {
          const { error, message } = prepareBatch(folded, arriving, nowMs);
          if (error !== 'NONE') throw new Error(`the batch was refused: ${error} ${message}`);
        }
      },
    },
  ];
}

function checking(name: string, bytes: Buffer, by: BatchRules): MicroTask {
  return {
    name,
    operations,
    bytes: bytes.length,
    run() {
      for (let count = 0; count < operations; count++) {
        const error = validateBatch(bytes, 0, bytes.length, by, nowMs, true, verdict);
        if (error !== 'NONE') throw new Error(`the batch was refused: ${error} ${verdict.message}`);
      }
    },
  };
}
