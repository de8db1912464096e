/** The records that the crash tests write, and what is left of them when they are read back. Test process. */
import { createHash } from 'node:crypto';
import { crc32c } from '../../src/record/crc32c.js';
import { decodeRecords, iterateBatches, type LogRecord, type NewRecord } from '../../src/record/record.js';
import { baseOffsetOf, computeCrc, crcOf, lastOffsetOf, recordsCountOf } from '../../src/record/record-batch.js';
import type { ReadBatch, ReadRecord, SentRecord } from '../history/history.js';

const PADDING = Buffer.alloc(400, 'a log line goes on and on. ');

export interface MadeRecord {
  readonly record: NewRecord;
  readonly sent: SentRecord;
}

/** A record whose value begins with `name`, unique in the history; sizes, keys, headers and times vary with `number`. */
export function makeRecord(name: string, number: number, nowMs: number): MadeRecord {
  const record = {
    key: number % 4 === 0 ? null : Buffer.from(`key ${number}`),
    value: Buffer.concat([Buffer.from(`${name} `), PADDING.subarray(0, (number * 37) % PADDING.length)]),
    headers: number % 3 === 0 ? [{ key: 'number', value: Buffer.from(String(number)) }] : [],
    timestampMs: nowMs - (number % 5),
  };
  return { record, sent: { value: name, hash: hashOf(record) } };
}

export function hashOf(record: Pick<LogRecord, 'key' | 'value' | 'headers' | 'timestampMs'>): string {
  const parts = [record.key ?? '-', record.value ?? '-', `${record.timestampMs}`];
  for (const { key, value } of record.headers) parts.push(key, value ?? '-');
  let crc = 0;
  for (const part of parts) crc = crc32c(Buffer.from(part), 0, Buffer.byteLength(part), crc);
  return crc.toString(16);
}

/** All records at or after `fromOffset` in what a fetch brought. @throws Error where a batch fails its checksum. */
export function readRecords(bytes: Buffer, fromOffset: number): ReadRecord[] {
  const records: ReadRecord[] = [];
  for (const batch of iterateBatches(bytes)) {
    if (computeCrc(batch, 0, batch.length) !== crcOf(batch, 0)) {
      throw new Error(`the batch at ${baseOffsetOf(batch, 0)} fails its checksum`);
    }
    for (const record of decodeRecords(batch)) {
      if (record.offset < fromOffset) continue;
      const text = record.value?.toString() ?? '';
      const value = text.slice(0, text.indexOf(' '));
      records.push({ offset: record.offset, value, hash: hashOf(record), timestampMs: record.timestampMs });
    }
  }
  return records;
}

/** What batch headers say, for all whole batches of what a fetch brought. */
export function readBatches(bytes: Buffer): ReadBatch[] {
  return [...iterateBatches(bytes)].map((batch) => ({
    baseOffset: baseOffsetOf(batch, 0),
    lastOffset: lastOffsetOf(batch, 0),
    count: recordsCountOf(batch, 0),
  }));
}

/** The whole batches among the bytes: a fetch may cut its last one. */
export function wholeBatches(bytes: Buffer): Buffer {
  let length = 0;
  for (const batch of iterateBatches(bytes)) length += batch.length;
  return bytes.subarray(0, length);
}

export function bytesHash(pieces: readonly Buffer[]): string {
  const hash = createHash('sha1');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
