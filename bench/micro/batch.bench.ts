/** What a shard does to a batch before it is written: check it whole, stamp its offset. Bench process. */
import { readInt64 } from '../../src/record/int.js';
import { computeCrc, sizeOf, stampPlace } from '../../src/record/record-batch.js';
import { logLineBatch } from '../load/batches.js';
import { type MicroFigure, measure, type Size } from './measure.js';

const operations = 100;

export function benchBatch(size: Size): Promise<MicroFigure[]> {
  const { bytes } = logLineBatch(16 * 1024, 1);
  return measure(size, [
    {
      name: 'checksum of a 16 KiB batch',
      operations,
      bytes: bytes.length,
      run() {
        for (let count = 0; count < operations; count++) computeCrc(bytes, 0, sizeOf(bytes, 0));
      },
    },
    {
      name: 'stamp base offset and leader epoch',
      operations,
      run() {
        for (let count = 0; count < operations; count++) stampPlace(bytes, 0, count, 1);
        if (readInt64(bytes, 0) !== operations - 1) throw new Error('the stamp did not arrive');
      },
    },
  ]);
}
