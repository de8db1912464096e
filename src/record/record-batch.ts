/** Reads and stamps the header fields of a record batch where it lies, without allocating. Used on every thread. */
import type { LeaderEpoch, Offset } from '../base/units.js';
import * as layout from './batch-layout.js';
import { crc32c } from './crc32c.js';
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from './int.js';

export function baseOffsetOf(bytes: Uint8Array, at: number): Offset {
  return readInt64(bytes, at + layout.BASE_OFFSET);
}

/** Bytes of the whole batch as its header states it, offset and length fields included. Not yet known to be true. */
export function sizeOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.BATCH_LENGTH) + layout.LENGTH_OVERHEAD_BYTES;
}

export function leaderEpochOf(bytes: Uint8Array, at: number): LeaderEpoch {
  return readInt32(bytes, at + layout.LEADER_EPOCH);
}

export function magicOf(bytes: Uint8Array, at: number): number {
  return bytes[at + layout.MAGIC];
}

/** The stored CRC-32C, unsigned. */
export function crcOf(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + layout.CRC);
}

export function attributesOf(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + layout.ATTRIBUTES);
}

export function codecOf(bytes: Uint8Array, at: number): number {
  return attributesOf(bytes, at) & layout.CODEC_MASK;
}

export function isLogAppendTime(bytes: Uint8Array, at: number): boolean {
  return (attributesOf(bytes, at) & layout.LOG_APPEND_TIME_BIT) !== 0;
}

export function isTransactional(bytes: Uint8Array, at: number): boolean {
  return (attributesOf(bytes, at) & layout.TRANSACTIONAL_BIT) !== 0;
}

export function isControl(bytes: Uint8Array, at: number): boolean {
  return (attributesOf(bytes, at) & layout.CONTROL_BIT) !== 0;
}

/** True where compaction has noted when the batch's tombstones may go: its base timestamp is that time then (KIP-534). */
export function hasDeleteHorizon(bytes: Uint8Array, at: number): boolean {
  return (attributesOf(bytes, at) & layout.DELETE_HORIZON_BIT) !== 0;
}

/** Also the distance from the first to the last sequence number. */
export function lastOffsetDeltaOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.LAST_OFFSET_DELTA);
}

export function lastOffsetOf(bytes: Uint8Array, at: number): Offset {
  return baseOffsetOf(bytes, at) + lastOffsetDeltaOf(bytes, at);
}

export function baseTimestampOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.BASE_TIMESTAMP);
}

export function maxTimestampOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.MAX_TIMESTAMP);
}

export function producerIdOf(bytes: Uint8Array, at: number): number {
  return readInt64(bytes, at + layout.PRODUCER_ID);
}

export function producerEpochOf(bytes: Uint8Array, at: number): number {
  return readInt16(bytes, at + layout.PRODUCER_EPOCH);
}

export function baseSequenceOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.BASE_SEQUENCE);
}

export function recordsCountOf(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + layout.RECORDS_COUNT);
}

/** CRC-32C over what the stored one covers; `size` is the batch's whole length. */
export function computeCrc(bytes: Uint8Array, at: number, size: number): number {
  return crc32c(bytes, at + layout.CRC_FROM, at + size);
}

/** Base offset and leader epoch lie outside of the CRC, so a batch is given its place in a log where it lies. */
export function stampPlace(bytes: Uint8Array, at: number, baseOffset: Offset, leaderEpoch: LeaderEpoch): void {
  writeInt64(bytes, at + layout.BASE_OFFSET, baseOffset);
  writeInt32(bytes, at + layout.LEADER_EPOCH, leaderEpoch);
}

/** Sets right what the header says of the records' timestamps; the CRC covers that and is computed anew. */
export function stampMaxTimestamp(bytes: Uint8Array, at: number, size: number, timestampMs: number): void {
  writeInt64(bytes, at + layout.MAX_TIMESTAMP, timestampMs);
  writeInt32(bytes, at + layout.CRC, computeCrc(bytes, at, size));
}

/** Turns the batch into one of LogAppendTime; its CRC covers what changes and is computed anew. */
export function stampLogAppendTime(bytes: Uint8Array, at: number, size: number, timestampMs: number): void {
  writeInt16(bytes, at + layout.ATTRIBUTES, attributesOf(bytes, at) | layout.LOG_APPEND_TIME_BIT);
  stampMaxTimestamp(bytes, at, size, timestampMs);
}
