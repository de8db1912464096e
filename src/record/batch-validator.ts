/** Decides whether a record batch may enter a log: header and CRC always, every record only where the topic asks. On shards. */
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import * as layout from './batch-layout.js';
import { compressionName, decompress } from './compression.js';
import {
  baseOffsetOf,
  baseSequenceOf,
  baseTimestampOf,
  codecOf,
  computeCrc,
  crcOf,
  isControl,
  isLogAppendTime,
  isTransactional,
  lastOffsetDeltaOf,
  magicOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  recordsCountOf,
  sizeOf,
} from './record-batch.js';
import { VarintReader } from './varint.js';

/** Length, attributes, two deltas, and the lengths of no key, no value and no headers: a byte each. */
const RECORD_BYTES_MIN = 7;

/** The settings of a topic that decide what it takes in. */
export interface BatchRules {
  readonly messageBytesMax: number;
  readonly segmentBytesMax: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  readonly compacted: boolean;
}

/** Receives the sentence that goes with an error; the caller owns and reuses it. */
export interface Verdict {
  message: string | null;
}

/**
 * Checks `bytes[start, start + length)`, which must hold exactly one batch (protocol guide, "Record batch"; the codes are
 * those of Apache Kafka 4). `fromClient` false leaves out what only clients may not do.
 * Returns 'NONE' where it may be stored, else the error, with a sentence in `verdict.message`.
 */
export function validateBatch(
  bytes: Uint8Array,
  start: number,
  length: number,
  rules: BatchRules,
  nowMs: number,
  fromClient: boolean,
  verdict: Verdict,
): ErrorName {
  verdict.message = null;
  if (length > layout.MAGIC && magicOf(bytes, start) !== layout.MAGIC_V2) {
    return refuse(
      verdict,
      'INVALID_RECORD',
      `Records of magic ${magicOf(bytes, start)} are not taken, only of magic 2.`,
    );
  }
  if (length < layout.BATCH_HEADER_BYTES) {
    return refuse(verdict, 'CORRUPT_MESSAGE', `${length} bytes are too few for a record batch.`);
  }
  const size = sizeOf(bytes, start);
  if (size < layout.BATCH_HEADER_BYTES || size > length) {
    return refuse(verdict, 'CORRUPT_MESSAGE', `The batch says that it has ${size} bytes, ${length} have arrived.`);
  }
  if (size < length) {
    return refuse(verdict, 'INVALID_RECORD', 'More than one record batch for a partition in one request.');
  }
  if (size > rules.messageBytesMax) {
    return refuse(
      verdict,
      'MESSAGE_TOO_LARGE',
      `The batch has ${size} bytes, the topic takes at most ${rules.messageBytesMax} (max.message.bytes).`,
    );
  }
  if (size > rules.segmentBytesMax) {
    return refuse(
      verdict,
      'RECORD_LIST_TOO_LARGE',
      `The batch has ${size} bytes, a segment of the topic at most ${rules.segmentBytesMax} (segment.bytes).`,
    );
  }
  const computed = computeCrc(bytes, start, size);
  if (computed !== crcOf(bytes, start)) {
    return refuse(
      verdict,
      'CORRUPT_MESSAGE',
      `The batch's CRC is ${crcOf(bytes, start)}, its bytes have ${computed}: damaged on the way.`,
    );
  }
  const count = recordsCountOf(bytes, start);
  if (count <= 0 || lastOffsetDeltaOf(bytes, start) !== count - 1) {
    return refuse(
      verdict,
      'INVALID_RECORD',
      `The batch counts ${count} records, but its last offset delta is ${lastOffsetDeltaOf(bytes, start)}.`,
    );
  }
  // A count that is made up takes offsets by the billion, which are not without end.
  if (codecOf(bytes, start) === layout.CODEC_NONE && count > (size - layout.RECORDS) / RECORD_BYTES_MIN) {
    return refuse(verdict, 'INVALID_RECORD', `${size} bytes are too few for a batch of ${count} records.`);
  }
  if (compressionName(codecOf(bytes, start)) === undefined) {
    return refuse(verdict, 'UNSUPPORTED_COMPRESSION_TYPE', `There is no codec ${codecOf(bytes, start)}.`);
  }
  if (fromClient) {
    const error = validateClientBatch(bytes, start, rules, nowMs, verdict);
    if (error !== 'NONE') return error;
  }
  return rules.compacted ? validateEveryKey(bytes, start, size, verdict) : 'NONE';
}

/** What the broker's own batches may do and a client's may not. */
function validateClientBatch(
  bytes: Uint8Array,
  start: number,
  rules: BatchRules,
  nowMs: number,
  verdict: Verdict,
): ErrorName {
  if (baseOffsetOf(bytes, start) !== 0) {
    return refuse(verdict, 'INVALID_RECORD', `The base offset must be 0, it is ${baseOffsetOf(bytes, start)}.`);
  }
  if (isControl(bytes, start)) {
    return refuse(verdict, 'INVALID_RECORD', 'Control records are written by brokers only.');
  }
  if (isLogAppendTime(bytes, start)) {
    return refuse(verdict, 'INVALID_TIMESTAMP', 'The timestamp type must be CreateTime, the broker sets the other.');
  }
  const producerId = producerIdOf(bytes, start);
  if (producerId >= 0) {
    if (baseSequenceOf(bytes, start) < 0 || producerEpochOf(bytes, start) < 0) {
      return refuse(
        verdict,
        'INVALID_RECORD',
        `Producer ${producerId} sent sequence ${baseSequenceOf(bytes, start)} of epoch ${producerEpochOf(bytes, start)}.`,
      );
    }
    if (producerId > Number.MAX_SAFE_INTEGER) {
      return refuse(verdict, 'INVALID_RECORD', 'No broker has handed out a producer id as large as this one.');
    }
  }
  if (isTransactional(bytes, start)) {
    return refuse(verdict, 'INVALID_TXN_STATE', 'No transaction of this producer is open on this partition.');
  }
  if (rules.timestampType === 'LogAppendTime') return 'NONE';
  return validateTimestamps(bytes, start, rules, nowMs, verdict);
}

/** The header knows the first and the largest timestamp; the window is checked for these two. */
function validateTimestamps(
  bytes: Uint8Array,
  start: number,
  rules: BatchRules,
  nowMs: number,
  verdict: Verdict,
): ErrorName {
  const first = baseTimestampOf(bytes, start);
  const largest = maxTimestampOf(bytes, start);
  if (first !== layout.NO_TIMESTAMP && nowMs - first > rules.timestampBeforeMaxMs) {
    return refuse(
      verdict,
      'INVALID_TIMESTAMP',
      `Timestamp ${first} is more than ${rules.timestampBeforeMaxMs} ms old (message.timestamp.before.max.ms).`,
    );
  }
  if (largest !== layout.NO_TIMESTAMP && largest - nowMs > rules.timestampAfterMaxMs) {
    return refuse(
      verdict,
      'INVALID_TIMESTAMP',
      `Timestamp ${largest} is more than ${rules.timestampAfterMaxMs} ms ahead (message.timestamp.after.max.ms).`,
    );
  }
  return 'NONE';
}

/** Compaction needs keys, so every record is looked at, whatever it is compressed with. */
function validateEveryKey(bytes: Uint8Array, start: number, size: number, verdict: Verdict): ErrorName {
  if (isControl(bytes, start)) return 'NONE';
  const records = recordsCountOf(bytes, start);
  try {
    const plain = decompress(codecOf(bytes, start), bytes.subarray(start + layout.RECORDS, start + size));
    const view = Buffer.from(plain.buffer, plain.byteOffset, plain.length);
    const reader = new VarintReader(view);
    for (let index = 0; index < records; index++) {
      const end = reader.next() + reader.at;
      reader.at += 1;
      reader.next();
      const delta = reader.next();
      const keyLength = reader.skipBlob();
      if (delta !== index) {
        return refuse(verdict, 'INVALID_RECORD', `Record ${index} of the batch has offset delta ${delta}.`);
      }
      if (keyLength < 0) {
        return refuse(verdict, 'INVALID_RECORD', `Record ${index} of the batch has no key, the topic is compacted.`);
      }
      if (end < reader.at || end > view.length) {
        return refuse(verdict, 'INVALID_RECORD', `Record ${index} of the batch ends outside of it.`);
      }
      reader.at = end;
    }
    if (reader.at !== view.length) {
      return refuse(verdict, 'INVALID_RECORD', 'Bytes are left over behind the last record of the batch.');
    }
    return 'NONE';
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    // What is broken today is broken tomorrow: the code for damage would have the client send it again.
    const name = error.error === 'CORRUPT_MESSAGE' ? 'INVALID_RECORD' : error.error;
    return refuse(verdict, name, error.message);
  }
}

function refuse(verdict: Verdict, error: ErrorName, message: string): ErrorName {
  verdict.message = message;
  return error;
}
