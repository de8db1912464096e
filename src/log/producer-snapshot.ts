/**
 * Producer snapshots as Kafka writes them: the state of a log's producers at the offset in the file's name. Lives on shards.
 *
 * ```
 *  version = 1 | CRC-32C of what follows | count | entry * count
 *  int16       | uint32                  | int32 |
 *
 *  entry, 46 bytes:
 *  producer id | epoch | last sequence | last offset | offset delta | timestamp | coordinator epoch | transaction's first offset
 *  int64       | int16 | int32         | int64       | int32        | int64     | int32             | int64, -1 none
 * ```
 *
 * The format has room for one batch of each producer; the four before it are read from the log when they are asked for.
 */
import { crc32c } from '../record/crc32c.js';
import { readInt16, readInt32, readInt64, readUint32, writeInt16, writeInt32, writeInt64 } from '../record/int.js';
import { type Producer, type ProducerState, SEQUENCE_MAX } from './producer-state.js';

const VERSION = 1;
const CRC_AT = 2;
const COUNT_AT = 6;
const ENTRIES_AT = 10;
const ENTRY_BYTES = 46;

export function encodeProducerSnapshot(state: ProducerState): Buffer {
  const bytes = Buffer.alloc(ENTRIES_AT + state.size * ENTRY_BYTES);
  writeInt16(bytes, 0, VERSION);
  writeInt32(bytes, COUNT_AT, state.size);
  let at = ENTRIES_AT;
  for (const producer of state.all()) {
    const last = producer.batches.at(-1);
    writeInt64(bytes, at, producer.producerId);
    writeInt16(bytes, at + 8, producer.epoch);
    writeInt32(bytes, at + 10, last?.lastSequence ?? -1);
    writeInt64(bytes, at + 14, last?.lastOffset ?? -1);
    writeInt32(bytes, at + 22, last?.offsetDelta ?? 0);
    writeInt64(bytes, at + 26, last?.timestampMs ?? -1);
    writeInt32(bytes, at + 34, producer.coordinatorEpoch);
    writeInt64(bytes, at + 38, producer.transactionFirstOffset);
    at += ENTRY_BYTES;
  }
  writeInt32(bytes, CRC_AT, crc32c(bytes, COUNT_AT));
  return bytes;
}

/** Loads `bytes` into `state`, every producer as if used at `nowMs`; false, with `state` untouched, where they are no snapshot. */
export function decodeProducerSnapshot(bytes: Buffer, state: ProducerState, nowMs: number): boolean {
  if (bytes.length < ENTRIES_AT || readInt16(bytes, 0) !== VERSION) return false;
  if (readUint32(bytes, CRC_AT) !== crc32c(bytes, COUNT_AT)) return false;
  const count = readInt32(bytes, COUNT_AT);
  if (count < 0 || bytes.length < ENTRIES_AT + count * ENTRY_BYTES) return false;
  for (let i = 0, at = ENTRIES_AT; i < count; i++, at += ENTRY_BYTES) {
    const lastSequence = readInt32(bytes, at + 10);
    const offsetDelta = readInt32(bytes, at + 22);
    const producer: Producer = {
      producerId: readInt64(bytes, at),
      epoch: readInt16(bytes, at + 8),
      coordinatorEpoch: readInt32(bytes, at + 34),
      transactionFirstOffset: readInt64(bytes, at + 38),
      batches: [],
      isComplete: false,
      lastUseMs: nowMs,
    };
    if (lastSequence >= 0) {
      const first = lastSequence - offsetDelta;
      producer.batches.push({
        firstSequence: first < 0 ? first + SEQUENCE_MAX + 1 : first,
        lastSequence,
        lastOffset: readInt64(bytes, at + 14),
        offsetDelta,
        timestampMs: readInt64(bytes, at + 26),
      });
    }
    state.load(producer);
  }
  return true;
}
