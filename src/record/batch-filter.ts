/**
 * A batch with some of its records taken out, as compaction leaves it: the same offsets, the same sequences, a header that
 * fits what is left. Any thread; in the product the pool of side jobs.
 *
 * What the header says afterwards (KIP-98 for the fields, KIP-534 for the delete horizon):
 *
 * ```
 *  base offset, last offset delta, producer, sequence, leader epoch   as they were: offsets never change
 *  records count, length, CRC                                        of what is left
 *  max timestamp                                                     the largest that is left; as it was with LogAppendTime
 *  base timestamp                                                    as it was, or the delete horizon where one is stamped
 * ```
 */
import type { Offset } from '../base/units.js';
import * as layout from './batch-layout.js';
import { type Compression, compress, compressionName, decompress } from './compression.js';
import { writeInt16, writeInt32, writeInt64 } from './int.js';
import {
  attributesOf,
  baseOffsetOf,
  codecOf,
  computeCrc,
  hasDeleteHorizon,
  isLogAppendTime,
  recordsCountOf,
  sizeOf,
} from './record-batch.js';
import { RecordCursor } from './record-cursor.js';
import { longVarintLength, writeLongVarint, writeVarint } from './varint.js';

/** Decides on each record of a batch. */
export interface RecordFilter {
  /** Whether the record that the cursor stands on stays. */
  keeps(record: RecordCursor, offset: Offset): boolean;
}

export class BatchFilter {
  /** After {@link look}: how many records stay, and whether a tombstone is among them. */
  kept = 0;
  keepsTombstone = false;
  private readonly cursor = new RecordCursor();
  private batch: Buffer = Buffer.alloc(0);
  /** Starts and ends of runs of records that stay, in the plain bytes. */
  private runs = new Int32Array(256);
  private runCount = 0;
  /** The largest timestamp that stays, told from the base timestamp. */
  private maxDelta = 0;
  private scratch: Buffer = Buffer.alloc(0);

  /**
   * Asks `filter` about every record of `batch`, which must hold exactly one, with its CRC checked.
   * @throws KafkaError CORRUPT_MESSAGE, INVALID_RECORD (it unfolds to too much), UNSUPPORTED_COMPRESSION_TYPE
   */
  look(batch: Buffer, filter: RecordFilter): void {
    this.batch = batch;
    this.kept = 0;
    this.keepsTombstone = false;
    this.runCount = 0;
    this.maxDelta = Number.NEGATIVE_INFINITY;
    const { cursor } = this;
    const baseOffset = baseOffsetOf(batch, 0);
    cursor.begin(plainRecords(batch), recordsCountOf(batch, 0));
    while (cursor.next()) {
      if (!filter.keeps(cursor, baseOffset + cursor.offsetDelta)) continue;
      this.kept++;
      if (cursor.isTombstone) this.keepsTombstone = true;
      if (cursor.timestampDelta > this.maxDelta) this.maxDelta = cursor.timestampDelta;
      this.addToRuns(cursor.start, cursor.end);
    }
  }

  /** The records that {@link look} kept, at least one, as a batch; `deleteHorizonMs` -1 leaves the base timestamp as it is. */
  rewritten(deleteHorizonMs: number): Buffer {
    const { batch } = this;
    const plain = deleteHorizonMs < 0 ? this.copyRuns() : this.encodeRuns(deleteHorizonMs);
    const body = compress(compressionName(codecOf(batch, 0)) as Compression, plain);
    const bytes = this.withHeader(body, this.kept);
    if (deleteHorizonMs >= 0) {
      writeInt16(bytes, layout.ATTRIBUTES, attributesOf(bytes, 0) | layout.DELETE_HORIZON_BIT);
      writeInt64(bytes, layout.BASE_TIMESTAMP, deleteHorizonMs);
    }
    if (!isLogAppendTime(batch, 0)) {
      bytes.writeBigInt64BE(exactBaseTimestampOf(batch) + BigInt(this.maxDelta), layout.MAX_TIMESTAMP);
    }
    return sealed(bytes);
  }

  private addToRuns(start: number, end: number): void {
    const { runs } = this;
    const last = this.runCount * 2 - 1;
    if (last > 0 && runs[last] === start) {
      runs[last] = end;
      return;
    }
    if (this.runCount * 2 === runs.length) {
      this.runs = new Int32Array(runs.length * 2);
      this.runs.set(runs);
    }
    this.runs[this.runCount * 2] = start;
    this.runs[this.runCount * 2 + 1] = end;
    this.runCount++;
  }

  private copyRuns(): Buffer {
    const { runs, runCount, cursor } = this;
    let length = 0;
    for (let run = 0; run < runCount; run++) length += runs[run * 2 + 1] - runs[run * 2];
    const plain = this.room(length);
    let at = 0;
    for (let run = 0; run < runCount; run++) at += cursor.bytes.copy(plain, at, runs[run * 2], runs[run * 2 + 1]);
    return plain;
  }

  /** Timestamps are told from the base, so that another base changes every record. */
  private encodeRuns(baseTimestampMs: number): Buffer {
    const { runs, runCount, cursor } = this;
    const shiftMs = exactBaseTimestampOf(this.batch) - BigInt(baseTimestampMs);
    const { bytes } = cursor;
    // Length and timestamp may each take up to ten bytes where they took one.
    let room = this.kept * 18;
    for (let run = 0; run < runCount; run++) room += runs[run * 2 + 1] - runs[run * 2];
    const plain = this.room(room);
    let to = 0;
    let run = 0;
    cursor.begin(bytes, recordsCountOf(this.batch, 0));
    while (run < runCount && cursor.next()) {
      if (cursor.start < runs[run * 2]) continue;
      const delta = BigInt(cursor.timestampDelta) + shiftMs;
      const length = 1 + longVarintLength(delta) + cursor.end - cursor.behindTimestamp;
      to = writeVarint(plain, to, length);
      plain[to++] = bytes[cursor.attributesAt];
      to = writeLongVarint(plain, to, delta);
      to += bytes.copy(plain, to, cursor.behindTimestamp, cursor.end);
      if (cursor.end === runs[run * 2 + 1]) run++;
    }
    return plain.subarray(0, to);
  }

  private withHeader(body: Uint8Array, count: number): Buffer {
    const bytes = Buffer.allocUnsafe(layout.BATCH_HEADER_BYTES + body.length);
    this.batch.copy(bytes, 0, 0, layout.BATCH_HEADER_BYTES);
    bytes.set(body, layout.RECORDS);
    writeInt32(bytes, layout.BATCH_LENGTH, bytes.length - layout.LENGTH_OVERHEAD_BYTES);
    writeInt32(bytes, layout.RECORDS_COUNT, count);
    return bytes;
  }

  private room(length: number): Buffer {
    if (this.scratch.length < length) this.scratch = Buffer.allocUnsafeSlow(length);
    return this.scratch.subarray(0, length);
  }
}

/** The records of a batch, unfolded where they are compressed. @throws KafkaError as {@link decompress} */
export function plainRecords(batch: Buffer): Buffer {
  const plain = decompress(codecOf(batch, 0), batch.subarray(layout.RECORDS, sizeOf(batch, 0)));
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}

/** The batch without its records: what it says of offsets, epoch and sequences stays. */
export function emptied(batch: Buffer): Buffer {
  const bytes = Buffer.from(batch.subarray(0, layout.BATCH_HEADER_BYTES));
  const attributes = attributesOf(batch, 0) & ~(layout.CODEC_MASK | layout.DELETE_HORIZON_BIT);
  writeInt16(bytes, layout.ATTRIBUTES, attributes);
  writeInt32(bytes, layout.BATCH_LENGTH, bytes.length - layout.LENGTH_OVERHEAD_BYTES);
  writeInt32(bytes, layout.RECORDS_COUNT, 0);
  // The base may have been a delete horizon, which is no time of any record.
  if (hasDeleteHorizon(batch, 0)) bytes.copyWithin(layout.BASE_TIMESTAMP, layout.MAX_TIMESTAMP, layout.PRODUCER_ID);
  return sealed(bytes);
}

/** Some producers count in nanoseconds, which a number cannot. Only batches whose base is moved pay for the exactness. */
function exactBaseTimestampOf(batch: Buffer): bigint {
  return batch.readBigInt64BE(layout.BASE_TIMESTAMP);
}

function sealed(bytes: Buffer): Buffer {
  writeInt32(bytes, layout.CRC, computeCrc(bytes, 0, bytes.length));
  return bytes;
}
