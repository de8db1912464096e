/** Ready-made record batches for the load client. Runs in its process, before the clock starts. */
import { encodeBatch } from '../../src/record/record.js';
import { Chance, halfCompressible, logLine } from './log-lines.js';

export interface Batch {
  readonly bytes: Buffer;
  readonly records: number;
}

/** Timestamps of all records begin here: a fixed day would be deleted at once by a broker that keeps a week. */
const startMs = Date.now();

/** A batch of log lines that fills `batchBytes` as far as whole records allow. */
export function logLineBatch(batchBytes: number, seed: number): Batch {
  const chance = new Chance(seed);
  const values: Buffer[] = [];
  // 61 bytes of batch header; a record without key and headers costs at most 12 bytes beside its value at these sizes.
  let size = 61;
  for (;;) {
    const value = Buffer.from(logLine(chance, startMs + values.length));
    if (size + value.length + 12 > batchBytes && values.length > 0) break;
    size += value.length + 12;
    values.push(value);
  }
  return batchOf(values);
}

/** A batch of `count` half-compressible records of `recordBytes` each. */
export function blobBatch(recordBytes: number, count: number, seed: number): Batch {
  const chance = new Chance(seed);
  return batchOf(Array.from({ length: count }, () => halfCompressible(chance, recordBytes)));
}

function batchOf(values: readonly Buffer[]): Batch {
  const records = values.map((value, at) => ({ offset: at, timestampMs: startMs + at, key: null, value, headers: [] }));
  return { bytes: encodeBatch({ records }), records: values.length };
}
