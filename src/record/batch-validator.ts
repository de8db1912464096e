/**
 * Decides whether a record batch may enter a log: header and CRC always, every record where the topic asks for it. On shards,
 * which never unfold what is compressed: such records have been looked at before (batch-preparation.ts).
 */
import type { ErrorName } from '../base/error-code.js';
import * as layout from './batch-layout.js';
import { compressionName } from './compression.js';
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
  stampMaxTimestamp,
} from './record-batch.js';
import { checkRecords, largestTimestampMs, RECORD_BYTES_MIN, type Verdict } from './record-checks.js';

/** The settings of a topic that decide what it takes in. */
export interface BatchRules {
  /**
   * `off`: only what the log and its readers rest on, the CRC among it: a batch whose CRC is wrong would be taken for the
   * torn end of the log by the next start, and all behind it cut off. `header`: the timestamps that the header names, too.
   * `records`: every record.
   */
  readonly validation: 'off' | 'header' | 'records';
  readonly messageBytesMax: number;
  readonly segmentBytesMax: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** Every record must have a key, whatever `validation` says. */
  readonly compacted: boolean;
}

/** Any time at all. */
const NO_BOUND_MS = Number.POSITIVE_INFINITY;

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
  const error = validateHeader(bytes, start, length, rules, nowMs, fromClient, verdict);
  if (error !== 'NONE' || codecOf(bytes, start) !== layout.CODEC_NONE || !asksForRecords(rules)) return error;
  const from = start + layout.RECORDS;
  return validateRecords(bytes, start, length, bytes, from, start + length, rules, nowMs, fromClient, verdict);
}

/** True where every record of every batch is looked at. */
export function asksForRecords(rules: BatchRules): boolean {
  return rules.compacted || rules.validation === 'records';
}

/** As {@link validateBatch}, but for the records. */
export function validateHeader(
  bytes: Uint8Array,
  start: number,
  length: number,
  rules: BatchRules,
  nowMs: number,
  fromClient: boolean,
  verdict: Verdict,
): ErrorName {
  verdict.message = null;
  verdict.recordErrors = null;
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
  return fromClient ? validateClientBatch(bytes, start, rules, nowMs, verdict) : 'NONE';
}

/**
 * Looks at every record of the batch `bytes[start, start + size)`, whose header is good; unfolded they are
 * `plain[from, end)`. A largest timestamp that the header is wrong about is set right, as Apache Kafka does.
 */
export function validateRecords(
  bytes: Uint8Array,
  start: number,
  size: number,
  plain: Uint8Array,
  from: number,
  end: number,
  rules: BatchRules,
  nowMs: number,
  fromClient: boolean,
  verdict: Verdict,
): ErrorName {
  if (isControl(bytes, start)) return 'NONE';
  const times = fromClient && rules.validation === 'records' && rules.timestampType === 'CreateTime';
  const error = checkRecords(
    plain,
    from,
    end,
    recordsCountOf(bytes, start),
    baseTimestampOf(bytes, start),
    rules.compacted,
    times ? nowMs - rules.timestampBeforeMaxMs : -NO_BOUND_MS,
    times ? nowMs + rules.timestampAfterMaxMs : NO_BOUND_MS,
    verdict,
  );
  if (error === 'NONE' && times && largestTimestampMs !== maxTimestampOf(bytes, start)) {
    stampMaxTimestamp(bytes, start, size, largestTimestampMs);
  }
  return error;
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
  // Where every record is looked at, each timestamp is.
  if (rules.timestampType === 'LogAppendTime' || rules.validation !== 'header') return 'NONE';
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

function refuse(verdict: Verdict, error: ErrorName, message: string): ErrorName {
  verdict.message = message;
  return error;
}
