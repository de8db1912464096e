/** What a shard does to a batch before it is written: check it whole, stamp its offset. Bench process. */

import { type BatchRules, type Verdict, validateBatch } from '../../src/record/batch-validator.js';
import { readInt64 } from '../../src/record/int.js';
import { stampPlace } from '../../src/record/record-batch.js';
import { logLineBatch } from '../load/batches.js';
import { type MicroFigure, measure, type Size } from './measure.js';

const operations = 100;

const rules: BatchRules = {
  messageBytesMax: 1_048_588,
  segmentBytesMax: 1_073_741_824,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  compacted: false,
};

export function benchBatch(size: Size): Promise<MicroFigure[]> {
  const { bytes } = logLineBatch(16 * 1024, 1);
  // A client's batch says base offset 0: the one that is stamped must be another.
  const stamped = Buffer.from(bytes);
  const nowMs = Date.now();
  const verdict: Verdict = { message: null };
  return measure(size, [
    {
      name: 'check a 16 KiB batch, checksum and header',
      operations,
      bytes: bytes.length,
      run() {
        for (let count = 0; count < operations; count++) {
          const error = validateBatch(bytes, 0, bytes.length, rules, nowMs, true, verdict);
          if (error !== 'NONE') throw new Error(`the batch was refused: ${error} ${verdict.message}`);
        }
      },
    },
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
