/** Batches that cannot be stored as they were sent: looked into, and compressed as their topic wants them. In the side-job pool. */
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import type { RecordError } from '../base/record-error.js';
import * as layout from './batch-layout.js';
import { asksForRecords, type BatchRules, validateHeader, validateRecords } from './batch-validator.js';
import { arrivingBytesMax, type Compression, codecNumber, compress, decompress } from './compression.js';
import { writeInt16, writeInt32 } from './int.js';
import { attributesOf, codecOf, computeCrc, magicOf } from './record-batch.js';
import type { Verdict } from './record-checks.js';

/** What a topic asks of batches before they are stored. */
export interface PreparationRules extends BatchRules {
  /** `producer`: as it was sent. */
  readonly compression: 'producer' | Compression;
  /** Of that codec; means nothing to those that have no levels. */
  readonly compressionLevel: number;
}

/** Batches of one partition, in order. */
export interface PreparationShare {
  readonly rules: PreparationRules;
  readonly lengths: readonly number[];
}

export interface PreparationJob {
  readonly shares: readonly PreparationShare[];
  readonly nowMs: number;
  /** All batches, one behind the other, in memory that both threads see. */
  readonly bytes: Uint8Array;
}

export interface PreparedBatch {
  readonly error: ErrorName;
  readonly message: string | null;
  readonly recordErrors: readonly RecordError[] | null;
  /** Null on error. */
  readonly batch: Uint8Array | null;
}

/** What became of one batch of a job. */
export interface PreparationOutcome {
  readonly error: ErrorName;
  readonly message: string | null;
  readonly recordErrors: readonly RecordError[] | null;
  /** The batch's bytes, where they were; 0 on error. */
  readonly length: number;
  /** The batch, where it has become too large for that. */
  readonly grown: Uint8Array | null;
}

/** True where a shard must not get the batch as it is. One that is no batch may go on: the shard says what is wrong with it. */
export function needsPreparation(batch: Uint8Array, rules: PreparationRules): boolean {
  if (batch.length < layout.BATCH_HEADER_BYTES || magicOf(batch, 0) !== layout.MAGIC_V2) return false;
  const codec = codecOf(batch, 0);
  if (codec !== layout.CODEC_NONE && asksForRecords(rules)) return true;
  return rules.compression !== 'producer' && codecNumber(rules.compression) !== codec;
}

/** One outcome for each batch; each that is no larger than before is where it was. */
export function runPreparation({ shares, nowMs, bytes }: PreparationJob): PreparationOutcome[] {
  let at = 0;
  return shares.flatMap(({ rules, lengths }) =>
    lengths.map((length) => {
      const place = bytes.subarray(at, at + length);
      at += length;
      return prepareInPlace(place, rules, nowMs);
    }),
  );
}

function prepareInPlace(place: Uint8Array, rules: PreparationRules, nowMs: number): PreparationOutcome {
  try {
    const { batch, ...verdict } = prepareBatch(place, rules, nowMs);
    if (batch === null) return { ...verdict, length: 0, grown: null };
    if (batch.length > place.length) return { ...verdict, length: batch.length, grown: batch };
    if (batch !== place) place.set(batch);
    return { ...verdict, length: batch.length, grown: null };
  } catch (thrown) {
    // A defect of ours, or no memory: the batches beside this one have nothing to do with it.
    return failedPreparation(thrown);
  }
}

/** With Apache Kafka's word for what it did not foresee. */
export function failedPreparation(reason: unknown): PreparationOutcome {
  return { error: 'UNKNOWN_SERVER_ERROR', message: String(reason), recordErrors: null, length: 0, grown: null };
}

/** One batch of a client's; it is given back itself where nothing but its header had to change. What must be unfolded anyway has its records looked at, as Apache Kafka does. */
export function prepareBatch(batch: Uint8Array, rules: PreparationRules, nowMs: number): PreparedBatch {
  const verdict: Verdict = { message: null, recordErrors: null };
  let error = validateHeader(batch, 0, batch.length, rules, nowMs, true, verdict);
  if (error !== 'NONE') return { error, ...verdict, batch: null };
  const codec = codecOf(batch, 0);
  try {
    const plain = decompress(codec, batch.subarray(layout.RECORDS), arrivingBytesMax(batch.length));
    error = validateRecords(batch, 0, batch.length, plain, 0, plain.length, rules, nowMs, true, verdict);
    if (error !== 'NONE') return { error, ...verdict, batch: null };
    if (rules.compression === 'producer' || codecNumber(rules.compression) === codec) {
      return { error, ...verdict, batch };
    }
    const records = compress(rules.compression, plain, rules.compressionLevel);
    return withRecords(batch, rules.compression, records, rules.messageBytesMax);
  } catch (thrown) {
    if (!(thrown instanceof KafkaError)) throw thrown;
    // What is broken today is broken tomorrow: the code for damage would have the client send it again.
    const name = thrown.error === 'CORRUPT_MESSAGE' ? 'INVALID_RECORD' : thrown.error;
    return { error: name, message: thrown.message, recordErrors: null, batch: null };
  }
}

/** The header is the same but for what it says of size, codec and CRC: offsets, times and sequences are the producer's. */
function withRecords(
  batch: Uint8Array,
  compression: Compression,
  records: Uint8Array,
  messageBytesMax: number,
): PreparedBatch {
  const size = layout.BATCH_HEADER_BYTES + records.length;
  if (size > messageBytesMax) {
    const message = `As ${compression} the batch has ${size} bytes, the topic takes at most ${messageBytesMax} (max.message.bytes).`;
    return { error: 'MESSAGE_TOO_LARGE', message, recordErrors: null, batch: null };
  }
  const made = new Uint8Array(size);
  made.set(batch.subarray(0, layout.BATCH_HEADER_BYTES));
  made.set(records, layout.RECORDS);
  writeInt32(made, layout.BATCH_LENGTH, size - layout.LENGTH_OVERHEAD_BYTES);
  writeInt16(made, layout.ATTRIBUTES, (attributesOf(batch, 0) & ~layout.CODEC_MASK) | codecNumber(compression));
  writeInt32(made, layout.CRC, computeCrc(made, 0, size));
  return { error: 'NONE', message: null, recordErrors: null, batch: made };
}
