/**
 * Single records inside of batches: for the broker's own logs, the command line and look-ups by time, never for storing.
 *
 * ```
 *  length   attributes  timestamp delta  offset delta  key length  key  value length  value  header count  headers
 *  varint   int8 (0)    varlong          varint        varint      ...  varint        ...    varint        (varint, key, varint, value)*
 * ```
 *
 * Varints are zigzag-coded; a length of -1 stands for null (KIP-98).
 */
import { KafkaError } from '../base/kafka-error.js';
import * as layout from './batch-layout.js';
import { type Compression, codecNumber, compress, decompress } from './compression.js';
import { writeInt16, writeInt32, writeInt64 } from './int.js';
import {
  baseOffsetOf,
  baseTimestampOf,
  codecOf,
  computeCrc,
  isLogAppendTime,
  maxTimestampOf,
  recordsCountOf,
  sizeOf,
} from './record-batch.js';
import { VarintReader, varintLength, writeVarint } from './varint.js';

export interface RecordHeader {
  readonly key: string | Buffer;
  readonly value: Buffer | null;
}

export interface LogRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
  readonly headers: readonly RecordHeader[];
}

/** What a record to be encoded must say; the rest has defaults. */
export type NewRecord = Partial<LogRecord> & Pick<LogRecord, 'value'>;

export interface BatchOptions {
  readonly records: readonly NewRecord[];
  /** Offset of the first record; the others follow without holes unless they carry offsets of their own. */
  readonly baseOffset?: number;
  readonly compression?: Compression;
  readonly leaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
}

/** One record batch, CRC and all. Records without a timestamp get -1. */
export function encodeBatch(options: BatchOptions): Buffer {
  const { records, baseOffset = 0, compression = 'none' } = options;
  const timestamps = records.map((record) => record.timestampMs ?? layout.NO_TIMESTAMP);
  const baseTimestamp = timestamps[0] ?? layout.NO_TIMESTAMP;
  const deltas = records.map((record, index) => (record.offset === undefined ? index : record.offset - baseOffset));
  const parts = records.map((record, index) => encodeRecord(record, timestamps[index] - baseTimestamp, deltas[index]));
  const body = compress(compression, Buffer.concat(parts));
  const batch = Buffer.allocUnsafe(layout.BATCH_HEADER_BYTES + body.length);
  batch.set(body, layout.RECORDS);
  writeInt64(batch, layout.BASE_OFFSET, baseOffset);
  writeInt32(batch, layout.BATCH_LENGTH, batch.length - layout.LENGTH_OVERHEAD_BYTES);
  writeInt32(batch, layout.LEADER_EPOCH, options.leaderEpoch ?? layout.NO_LEADER_EPOCH);
  batch[layout.MAGIC] = layout.MAGIC_V2;
  const attributes =
    codecNumber(compression) |
    (options.transactional === true ? layout.TRANSACTIONAL_BIT : 0) |
    (options.control === true ? layout.CONTROL_BIT : 0);
  writeInt16(batch, layout.ATTRIBUTES, attributes);
  writeInt32(batch, layout.LAST_OFFSET_DELTA, deltas.at(-1) ?? 0);
  writeInt64(batch, layout.BASE_TIMESTAMP, baseTimestamp);
  writeInt64(
    batch,
    layout.MAX_TIMESTAMP,
    timestamps.reduce((max, value) => Math.max(max, value), layout.NO_TIMESTAMP),
  );
  writeInt64(batch, layout.PRODUCER_ID, options.producerId ?? layout.NO_PRODUCER_ID);
  writeInt16(batch, layout.PRODUCER_EPOCH, options.producerEpoch ?? -1);
  writeInt32(batch, layout.BASE_SEQUENCE, options.baseSequence ?? layout.NO_SEQUENCE);
  writeInt32(batch, layout.RECORDS_COUNT, records.length);
  writeInt32(batch, layout.CRC, computeCrc(batch, 0, batch.length));
  return batch;
}

function headerKey(header: RecordHeader): Buffer {
  return typeof header.key === 'string' ? Buffer.from(header.key) : header.key;
}

function blobLength(blob: Buffer | null): number {
  return blob === null ? varintLength(-1) : varintLength(blob.length) + blob.length;
}

function encodeRecord(record: NewRecord, timestampDelta: number, offsetDelta: number): Buffer {
  const { key = null, value, headers = [] } = record;
  const keys = headers.map(headerKey);
  let length = 1 + varintLength(timestampDelta) + varintLength(offsetDelta) + blobLength(key) + blobLength(value);
  length += varintLength(headers.length);
  for (let i = 0; i < headers.length; i++) length += blobLength(keys[i]) + blobLength(headers[i].value);
  const bytes = Buffer.allocUnsafe(varintLength(length) + length);
  let at = writeVarint(bytes, 0, length);
  bytes[at++] = 0;
  at = writeVarint(bytes, at, timestampDelta);
  at = writeVarint(bytes, at, offsetDelta);
  at = writeBlob(bytes, at, key);
  at = writeBlob(bytes, at, value);
  at = writeVarint(bytes, at, headers.length);
  for (let i = 0; i < headers.length; i++) {
    at = writeBlob(bytes, at, keys[i]);
    at = writeBlob(bytes, at, headers[i].value);
  }
  return bytes;
}

function writeBlob(bytes: Buffer, at: number, blob: Buffer | null): number {
  if (blob === null) return writeVarint(bytes, at, -1);
  const from = writeVarint(bytes, at, blob.length);
  bytes.set(blob, from);
  return from + blob.length;
}

/** The batches of a run of bytes, as views; stops in front of one that is cut (a fetch may end with such). */
export function* iterateBatches(buffer: Buffer): Generator<Buffer> {
  for (let at = 0; at + layout.BATCH_HEADER_BYTES <= buffer.length; ) {
    const size = sizeOf(buffer, at);
    if (size < layout.BATCH_HEADER_BYTES) {
      throw new KafkaError('CORRUPT_MESSAGE', `A batch at byte ${at} says that it is ${size} bytes long.`);
    }
    if (at + size > buffer.length) return;
    yield buffer.subarray(at, at + size);
    at += size;
  }
}

/**
 * Every record of one batch. Keys and values are views into `batch` (or into what it unfolded to).
 * @throws KafkaError CORRUPT_MESSAGE where the bytes do not add up, UNSUPPORTED_COMPRESSION_TYPE for unreadable codecs.
 */
export function decodeRecords(batch: Buffer): LogRecord[] {
  const records: LogRecord[] = [];
  visitRecords(batch, (record) => {
    records.push(record);
    return true;
  });
  return records;
}

/** As {@link decodeRecords}, one at a time; `visit` returns false to stop. */
export function visitRecords(batch: Buffer, visit: (record: LogRecord) => boolean): void {
  const plain = decompress(codecOf(batch, 0), batch.subarray(layout.RECORDS, sizeOf(batch, 0)));
  const bytes = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
  const baseOffset = baseOffsetOf(batch, 0);
  const baseTimestamp = baseTimestampOf(batch, 0);
  const appendTimeMs = isLogAppendTime(batch, 0) ? maxTimestampOf(batch, 0) : null;
  const reader = new VarintReader(bytes);
  for (let left = recordsCountOf(batch, 0); left > 0; left--) {
    const length = reader.next();
    const end = reader.at + length;
    if (length < 1 || end > bytes.length) throw brokenRecord(reader.at);
    reader.at += 1;
    const timestampDelta = reader.next();
    const offset = baseOffset + reader.next();
    const key = reader.blob();
    const value = reader.blob();
    const headers: RecordHeader[] = [];
    for (let headersLeft = reader.next(); headersLeft > 0; headersLeft--) {
      const headerName = reader.blob();
      if (headerName === null) throw brokenRecord(reader.at);
      headers.push({ key: headerName.toString(), value: reader.blob() });
    }
    if (reader.at !== end) throw brokenRecord(reader.at);
    if (!visit({ offset, timestampMs: appendTimeMs ?? baseTimestamp + timestampDelta, key, value, headers })) return;
  }
}

function brokenRecord(at: number): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `The records of a batch do not add up at byte ${at}.`);
}
