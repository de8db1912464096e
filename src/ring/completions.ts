/**
 * What a shard tells the main thread. Acknowledgements of appends are laid out by hand, the rest is JSON.
 *
 *   APPENDED ┌ request id u32 ┬ error code i32 ┬ base offset f64 ┬ log append time f64 ┬ log start offset f64 ┬ JSON, on errors ┐
 *   PROGRESS ┌ slot u32 ┐           the partition's high watermark has moved
 *   REPLY    ┌ request id u32 ┬ JSON ┐
 *   NOTICE   ┌ JSON ┐
 */
import type { CompactionNeed, CompactionPlan } from '../base/compaction-plan.js';
import type { ErrorName } from '../base/error-code.js';
import type { FileSlice } from '../base/file-slice.js';
import type { RecordError } from '../base/record-error.js';
import type { CheckedSegment, SegmentCheck } from '../base/segment-check.js';
import type { LeaderEpoch, Offset } from '../base/units.js';
import type { RingConsumer, RingProducer } from './spsc-ring.js';

export const APPENDED = 1;
export const PROGRESS = 2;
export const REPLY = 3;
export const NOTICE = 4;

const APPENDED_BYTES = 32;
const HEADER_BYTES = 4;
/** Of all appends that went well. */
const NOT_REFUSED: AppendRefusal = { message: null };

/** What goes with an append's error. */
export interface AppendRefusal {
  readonly message: string | null;
  readonly recordErrors?: readonly RecordError[];
}

/** What one fetch can be answered with. */
export interface LocatedRun {
  readonly offset: Offset;
  readonly slices: readonly FileSlice[];
  /** Where a reader goes on, if that is known. */
  readonly next: { readonly offset: Offset; readonly segmentBase: Offset; readonly position: number } | null;
}

/** An idempotent producer as a partition remembers it. */
export interface ActiveProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1 before its first batch of that epoch. */
  readonly lastSequence: number;
  readonly lastTimestampMs: number;
}

/** How a log lies on the disk. */
export interface SurveyedLog {
  readonly slot: number;
  /** Of all segments together. */
  readonly bytes: number;
  readonly segments: number;
  /** Arrival of the last batch of the oldest segment, ms since 1970; -1 where nobody knows. */
  readonly oldestMs: number;
  readonly oldestBytes: number;
  /** Arrival of its first batch; -1 where nobody knows. */
  readonly beganMs: number;
}

/** The logs of one shard, or a part of them. */
export interface Survey {
  readonly logs: readonly SurveyedLog[];
  /** Where the next part begins, -1 where there is none. */
  readonly nextSlot: number;
}

/** Answer to a request that is not an append. */
export interface ShardReply {
  readonly error: ErrorName;
  readonly message?: string;
  /** For locate: runs of whole batches, each beginning where the one before it ends. */
  readonly runs?: readonly LocatedRun[];
  /** For records: where they lie; `offset` is behind the last of them. */
  readonly slices?: readonly FileSlice[];
  readonly offset?: Offset;
  readonly timestampMs?: number;
  readonly leaderEpoch?: LeaderEpoch;
  readonly bytes?: number;
  readonly survey?: Survey;
  /** How the log lies after an eviction. */
  readonly surveyed?: SurveyedLog;
  readonly needs?: readonly CompactionNeed[];
  readonly plan?: CompactionPlan;
  readonly check?: SegmentCheck;
  readonly checked?: CheckedSegment;
  readonly producers?: readonly ActiveProducer[];
  /** Paths that were renamed out of the way, to be unlinked outside of the shard. */
  readonly garbage?: readonly string[];
}

/** What a shard says unasked. */
export type ShardNotice =
  | { readonly kind: 'state'; readonly slot: number; readonly state: 'online' | 'offline' }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: object;
      readonly message: string;
    }
  /** A segment is full and nobody waits for its flush (`flush=never`). */
  | { readonly kind: 'sealed'; readonly slot: number; readonly segmentBase: Offset; readonly path: string }
  /** A write found the disk full. */
  | { readonly kind: 'full'; readonly slot: number }
  /** Something rare happened: the counter `name` grows by `by`. */
  | {
      readonly kind: 'count';
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly by: number;
    }
  /** Files renamed out of the way, to be deleted after `delayMs`; of `bytes` in all. */
  | { readonly kind: 'garbage'; readonly paths: readonly string[]; readonly bytes: number; readonly delayMs: number };

function claimOrWait(ring: RingProducer, type: number, length: number): number {
  for (;;) {
    const at = ring.claim(type, length);
    if (at >= 0) return at;
    // The main thread always drains, so a full ring is only ever a matter of waiting for it.
    ring.commit();
    ring.waitForRoom(1000);
  }
}

export function writeAppended(
  ring: RingProducer,
  requestId: number,
  errorCode: number,
  baseOffset: Offset,
  logAppendTimeMs: number,
  logStartOffset: Offset,
  message: string | null,
  recordErrors?: readonly RecordError[],
): void {
  const refusal: AppendRefusal | null = message === null ? null : { message, recordErrors };
  const json = refusal === null ? '' : JSON.stringify(refusal);
  const at = claimOrWait(ring, APPENDED, APPENDED_BYTES + Buffer.byteLength(json));
  const data = ring.data;
  data.writeUInt32LE(requestId, at);
  data.writeInt32LE(errorCode, at + 4);
  data.writeDoubleLE(baseOffset, at + 8);
  data.writeDoubleLE(logAppendTimeMs, at + 16);
  data.writeDoubleLE(logStartOffset, at + 24);
  if (refusal !== null) data.write(json, at + APPENDED_BYTES);
}

export function writeProgress(ring: RingProducer, slot: number): void {
  ring.data.writeUInt32LE(slot, claimOrWait(ring, PROGRESS, HEADER_BYTES));
}

export function writeReply(ring: RingProducer, requestId: number, reply: ShardReply): void {
  const json = JSON.stringify(reply);
  const at = claimOrWait(ring, REPLY, HEADER_BYTES + Buffer.byteLength(json));
  ring.data.writeUInt32LE(requestId, at);
  ring.data.write(json, at + HEADER_BYTES);
}

export function writeNotice(ring: RingProducer, notice: ShardNotice): void {
  const json = JSON.stringify(notice);
  ring.data.write(json, claimOrWait(ring, NOTICE, Buffer.byteLength(json)));
}

/** Request id of APPENDED and REPLY; slot of PROGRESS. */
export const idAt = (ring: RingConsumer): number => ring.data.readUInt32LE(ring.position);
export const errorCodeAt = (ring: RingConsumer): number => ring.data.readInt32LE(ring.position + 4);
export const baseOffsetAt = (ring: RingConsumer): Offset => ring.data.readDoubleLE(ring.position + 8);
export const logAppendTimeMsAt = (ring: RingConsumer): number => ring.data.readDoubleLE(ring.position + 16);
export const logStartOffsetAt = (ring: RingConsumer): Offset => ring.data.readDoubleLE(ring.position + 24);

export function refusalAt(ring: RingConsumer): AppendRefusal {
  if (ring.length === APPENDED_BYTES) return NOT_REFUSED;
  return JSON.parse(ring.data.toString('utf8', ring.position + APPENDED_BYTES, ring.position + ring.length));
}

export function readReply(ring: RingConsumer): ShardReply {
  return JSON.parse(ring.data.toString('utf8', ring.position + HEADER_BYTES, ring.position + ring.length));
}

export function readNotice(ring: RingConsumer): ShardNotice {
  return JSON.parse(ring.data.toString('utf8', ring.position, ring.position + ring.length));
}
