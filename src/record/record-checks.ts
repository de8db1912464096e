/** Checks every record of a batch, its bytes unfolded: sizes, offsets, keys and timestamps. Any thread; allocates nothing for good ones. */
import type { ErrorName } from '../base/error-code.js';
import type { RecordError } from '../base/record-error.js';
import { NO_TIMESTAMP } from './batch-layout.js';

/** Length, attributes, two deltas, and the lengths of no key, no value and no headers: a byte each. */
export const RECORD_BYTES_MIN = 7;
/** So many records are named in a refusal; the rest of a bad batch is told by the sentence alone. */
export const RECORD_ERRORS_MAX = 100;

const INT32_BYTES_MAX = 5;
const INT64_BYTES_MAX = 10;

/** Receives what goes with an error; the caller owns and reuses it. */
export interface Verdict {
  /** The sentence. */
  message: string | null;
  /** The records that are to blame; null where it is the batch. */
  recordErrors: readonly RecordError[] | null;
}

/** The largest timestamp that the last call of {@link checkRecords} met, or -1. */
export let largestTimestampMs = NO_TIMESTAMP;

/** Where the varint that was read last ended; -1 where it did not end in time. */
let next = 0;

/**
 * `bytes[start, end)` must hold exactly `count` records with offset deltas 0, 1, 2 ... (protocol guide, "Record"), with a
 * key each where they are `keyed`, and timestamps between the two bounds, or none. Returns 'NONE', or INVALID_RECORD or INVALID_TIMESTAMP, as Apache Kafka does, with the rest in `verdict`.
 */
export function checkRecords(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  baseTimestamp: number,
  keyed: boolean,
  earliestMs: number,
  latestMs: number,
  verdict: Verdict,
): ErrorName {
  let largest = NO_TIMESTAMP;
  let errors: RecordError[] | null = null;
  let refused = 0;
  let error: ErrorName = 'INVALID_RECORD';
  let at = start;
  for (let index = 0; index < count; index++) {
    const length = int32At(bytes, at, end);
    if (next < 0 || length < RECORD_BYTES_MIN - 1 || length > end - next) {
      return broken(verdict, index, 'does not end where the batch does');
    }
    const recordEnd = next + length;
    // Attributes: eight bits that mean nothing so far, and that nobody looks at.
    const timestamp = baseTimestamp + int64At(bytes, next + 1, recordEnd);
    if (next < 0) return broken(verdict, index, 'has no timestamp delta');
    const offsetDelta = int32At(bytes, next, recordEnd);
    if (next < 0 || offsetDelta !== index) {
      return broken(verdict, index, `has offset delta ${next < 0 ? 'of no end' : offsetDelta}`);
    }
    const keyLength = int32At(bytes, next, recordEnd);
    if (!skip(keyLength, recordEnd)) return broken(verdict, index, 'has a key that does not end within it');
    if (!skip(int32At(bytes, next, recordEnd), recordEnd)) {
      return broken(verdict, index, 'has a value that does not end within it');
    }
    const headers = int32At(bytes, next, recordEnd);
    if (next < 0 || headers < 0) return broken(verdict, index, 'has no count of headers');
    for (let left = headers; left > 0; left--) {
      const nameLength = int32At(bytes, next, recordEnd);
      if (nameLength < 0 || !skip(nameLength, recordEnd) || !skip(int32At(bytes, next, recordEnd), recordEnd)) {
        return broken(verdict, index, 'has a header that does not end within it');
      }
    }
    if (next !== recordEnd) return broken(verdict, index, 'has bytes left over');
    at = recordEnd;
    if (keyed && keyLength < 0) {
      refused++;
      errors = noted(errors, index, 'has no key, the topic is compacted');
    } else if (timestamp !== NO_TIMESTAMP && (timestamp < earliestMs || timestamp > latestMs)) {
      refused++;
      error = 'INVALID_TIMESTAMP';
      errors = noted(errors, index, lateOrEarly(timestamp, earliestMs));
    }
    if (timestamp > largest) largest = timestamp;
  }
  if (at !== end) {
    verdict.message = `Bytes are left over behind the last of ${count} records of the batch.`;
    return 'INVALID_RECORD';
  }
  largestTimestampMs = largest;
  if (errors === null) return 'NONE';
  verdict.message =
    refused === 1 ? errors[0].message : `${refused} of ${count} records are refused, the first: ${errors[0].message}`;
  verdict.recordErrors = errors;
  return error;
}

/** Moves `next` over so many bytes, none for null; false where they are not there. */
function skip(length: number, end: number): boolean {
  if (next < 0 || length < -1 || length > end - next) return false;
  if (length > 0) next += length;
  return true;
}

/** The zigzag varint at `at`, which must end before `end`; sets `next`. */
function int32At(bytes: Uint8Array, at: number, end: number): number {
  if (at < end) {
    const first = bytes[at];
    if (first < 128) {
      next = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
  }
  return longInt32At(bytes, at, end);
}

function longInt32At(bytes: Uint8Array, at: number, end: number): number {
  let raw = 0;
  const last = Math.min(end, at + INT32_BYTES_MAX);
  for (let to = at, shift = 0; to >= 0 && to < last; to++, shift += 7) {
    const byte = bytes[to];
    raw |= (byte & 0x7f) << shift;
    if (byte < 128) {
      next = to + 1;
      return (raw >>> 1) ^ -(raw & 1);
    }
  }
  next = -1;
  return 0;
}

/** As {@link int32At} up to 64 bits; beyond the safe integers the nearest double. */
function int64At(bytes: Uint8Array, at: number, end: number): number {
  let raw = 0;
  let scale = 1;
  const last = Math.min(end, at + INT64_BYTES_MAX);
  for (let to = at; to < last; to++, scale *= 128) {
    const byte = bytes[to];
    raw += (byte & 0x7f) * scale;
    if (byte < 128) {
      next = to + 1;
      return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
    }
  }
  next = -1;
  return 0;
}

function broken(verdict: Verdict, index: number, what: string): ErrorName {
  const message = sentence(index, what);
  verdict.message = message;
  verdict.recordErrors = [{ index, message }];
  return 'INVALID_RECORD';
}

function noted(errors: RecordError[] | null, index: number, what: string): RecordError[] {
  const list = errors ?? [];
  if (list.length < RECORD_ERRORS_MAX) list.push({ index, message: sentence(index, what) });
  return list;
}

function lateOrEarly(timestampMs: number, earliestMs: number): string {
  return timestampMs < earliestMs
    ? `has timestamp ${timestampMs}, which is older than message.timestamp.before.max.ms allows`
    : `has timestamp ${timestampMs}, which is further ahead than message.timestamp.after.max.ms allows`;
}

function sentence(index: number, what: string): string {
  return `Record ${index} of the batch ${what}.`;
}
