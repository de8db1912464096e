/** Ready-made record batches for the load client. Runs in its process, before the clock starts. */
import type { Compression } from '../../src/record/compression.js';
import { encodeBatch } from '../../src/record/record.js';
import { Chance, halfCompressible, logLine } from './log-lines.js';

export interface Batch {
  readonly bytes: Buffer;
  /** Its length where nothing is compressed. */
  readonly plainBytes: number;
  readonly records: number;
}

/** Timestamps of all records begin here: a fixed day would be deleted at once by a broker that keeps a week. */
const startMs = Date.now();

/**
 * A batch of log lines that fills `batchBytes` as far as whole records allow; where it is compressed, that many bytes are
 * come near to, by packing more lines.
 */
export function logLineBatch(batchBytes: number, seed: number, compression: Compression = 'none'): Batch {
  if (compression === 'none') return batchOf(linesOf(batchBytes, seed), 'none');
  const packed = batchOf(linesOf(batchBytes, seed), compression);
  return batchOf(linesOf(Math.floor(batchBytes * (packed.plainBytes / packed.bytes.length)), seed), compression);
}

function linesOf(plainBytes: number, seed: number): Buffer[] {
  const chance = new Chance(seed);
  const values: Buffer[] = [];
  // 61 bytes of batch header; a record without key and headers costs at most 12 bytes beside its value at these sizes.
  let size = 61;
  for (;;) {
    const value = Buffer.from(logLine(chance, startMs + values.length));
    if (size + value.length + 12 > plainBytes && values.length > 0) return values;
    size += value.length + 12;
    values.push(value);
  }
}

/** A batch of `count` half-compressible records of `recordBytes` each. */
export function blobBatch(recordBytes: number, count: number, seed: number, compression: Compression = 'none'): Batch {
  const chance = new Chance(seed);
  return batchOf(
    Array.from({ length: count }, () => halfCompressible(chance, recordBytes)),
    compression,
  );
}

function batchOf(values: readonly Buffer[], compression: Compression): Batch {
  const records = values.map((value, at) => ({ offset: at, timestampMs: startMs + at, key: null, value, headers: [] }));
  const plain = encodeBatch({ records });
  const bytes = compression === 'none' ? plain : encodeBatch({ records, compression });
  return { bytes, plainBytes: plain.length, records: values.length };
}
