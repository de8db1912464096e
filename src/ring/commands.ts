/**
 * What the main thread tells a shard. Appends and locates are laid out by hand, as they travel per batch and per fetch;
 * everything rarer is JSON behind the same eight bytes.
 *
 *   APPEND   ┌ request id u32 ┬ slot u32 ┬ flags u32 ┬ batch bytes u32 ┬ 0-7 bytes of gap ┬ the batch, as the producer sent it ┐
 *              flags: bit 0 from a client, bits 8-10 the gap
 *   LOCATE   ┌ request id u32 ┬ slot u32 ┬ offset low u32 ┬ offset high u32 ┬ bytes max u32 ┬ ahead u32 ┐
 *   others   ┌ request id u32 ┬ slot u32 ┬ JSON, UTF-8 ┐
 */
import type { CompactedSegment } from '../base/compaction-plan.js';
import type { DamagedRange } from '../base/segment-check.js';
import type { LeaderEpoch, Offset } from '../base/units.js';
import type { LogConfig } from '../config/log-config.js';
import type { RingConsumer, RingProducer } from './spsc-ring.js';

export const APPEND = 1;
export const LOCATE = 2;
export const REQUEST = 3;

const APPEND_HEADER_BYTES = 16;
const FROM_CLIENT = 1;
const GAP_SHIFT = 8;
/** Most that an append takes in the ring beside its batch. */
export const APPEND_OVERHEAD_BYTES = APPEND_HEADER_BYTES + 7;
const LOCATE_BYTES = 24;
const REQUEST_HEADER_BYTES = 8;
const TWO_32 = 2 ** 32;

/** How a partition is opened. */
export interface OpenRequest {
  readonly kind: 'open';
  readonly topic: string;
  readonly topicId: string;
  readonly index: number;
  /** The partition's folder. */
  readonly directory: string;
  readonly config: LogConfig;
  readonly leaderEpoch: LeaderEpoch;
  /** Everything below is known to be on disk. */
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  /** Where the part begins that no compaction has seen. */
  readonly firstDirtyOffset: Offset;
  /** How many ranges of the log were known to be damaged. */
  readonly damagedRanges: number;
  /** True after a clean stop: nothing needs to be scanned. */
  readonly clean: boolean;
}

/** The rare requests, told apart by `kind`; each is answered by one REPLY completion with the same request id. */
export type ShardRequest =
  | OpenRequest
  | { readonly kind: 'offsetAtTime'; readonly timestampMs: number }
  | { readonly kind: 'endOfEpoch'; readonly epoch: LeaderEpoch }
  /** Whole batches that hold `recordsMax` records from `offset` on and begin below `upTo`. */
  | {
      readonly kind: 'records';
      readonly offset: Offset;
      readonly upTo: Offset;
      readonly bytesMax: number;
      readonly recordsMax: number;
    }
  | { readonly kind: 'deleteRecords'; readonly offset: Offset }
  | { readonly kind: 'producers' }
  /** How the logs lie on the disk, from a slot on; as many as one answer holds. */
  | { readonly kind: 'survey'; readonly fromSlot: number }
  | { readonly kind: 'reconfigure'; readonly config: LogConfig }
  | { readonly kind: 'remove' }
  /** A segment that the shard said was sealed is on disk, or its flush failed. */
  | { readonly kind: 'sealedFlushed'; readonly segmentBase: Offset; readonly failure: string | null }
  /** The log's oldest segment goes, its files after `delayMs`. */
  | { readonly kind: 'evict'; readonly delayMs: number }
  /** Which logs should be compacted; what has waited too long in their active segments is sealed. */
  | { readonly kind: 'compactionNeeds' }
  /** The log's plan, if there is something to do; nobody else gets one before `endCompaction`. */
  | { readonly kind: 'planCompaction' }
  /** A segment of the plan is ready: it takes the place of its sources, which keep their bytes as `.<generation>.deleted`. */
  | { readonly kind: 'swapCompacted'; readonly segment: CompactedSegment; readonly generation: number }
  /** -1 where the work was given up. */
  | { readonly kind: 'endCompaction'; readonly firstDirtyOffset: Offset }
  /** What is damaged around `offset`, where that is soon told; else what is to be checked to know it. */
  | { readonly kind: 'planCheck'; readonly offset: Offset }
  /** As above, of the newest segment that begins below `offset` and has something in it, if there is one. */
  | { readonly kind: 'planScrub'; readonly offset: Offset }
  /** Every byte of a segment was checked, or (null) the check was given up; no answer where it is not the log's any more. */
  | { readonly kind: 'endCheck'; readonly segmentBase: Offset; readonly damaged: readonly DamagedRange[] | null }
  /** A page of the watermark board waits on the shard's message port. */
  | { readonly kind: 'boardPage' }
  /** Make everything durable, write what a quick start needs, close all files, and end. */
  | { readonly kind: 'close' };

/**
 * False while the ring is full; then nothing was written.
 *
 * The gap puts the batch at the same place within eight bytes as where it comes from: into shared memory V8 copies eight
 * bytes at a time only then, and else one by one (16 KiB: 0.6 µs against 6).
 */
export function writeAppend(
  ring: RingProducer,
  requestId: number,
  slot: number,
  fromClient: boolean,
  batch: Uint8Array,
): boolean {
  const gap = batch.byteOffset & 7;
  const at = ring.claim(APPEND, APPEND_HEADER_BYTES + gap + batch.length);
  if (at < 0) return false;
  const data = ring.data;
  data.writeUInt32LE(requestId, at);
  data.writeUInt32LE(slot, at + 4);
  data.writeUInt32LE((fromClient ? FROM_CLIENT : 0) | (gap << GAP_SHIFT), at + 8);
  data.writeUInt32LE(batch.length, at + 12);
  data.set(batch, at + APPEND_HEADER_BYTES + gap);
  return true;
}

export function writeLocate(
  ring: RingProducer,
  requestId: number,
  slot: number,
  offset: Offset,
  maxBytes: number,
  ahead: boolean,
): boolean {
  const at = ring.claim(LOCATE, LOCATE_BYTES);
  if (at < 0) return false;
  const data = ring.data;
  data.writeUInt32LE(requestId, at);
  data.writeUInt32LE(slot, at + 4);
  data.writeUInt32LE(offset % TWO_32, at + 8);
  data.writeUInt32LE(Math.floor(offset / TWO_32), at + 12);
  data.writeUInt32LE(maxBytes, at + 16);
  data.writeUInt32LE(ahead ? 1 : 0, at + 20);
  return true;
}

export function writeRequest(ring: RingProducer, requestId: number, slot: number, request: ShardRequest): boolean {
  const json = JSON.stringify(request);
  const at = ring.claim(REQUEST, REQUEST_HEADER_BYTES + Buffer.byteLength(json));
  if (at < 0) return false;
  ring.data.writeUInt32LE(requestId, at);
  ring.data.writeUInt32LE(slot, at + 4);
  ring.data.write(json, at + REQUEST_HEADER_BYTES);
  return true;
}

export const requestIdAt = (ring: RingConsumer): number => ring.data.readUInt32LE(ring.position);
export const slotAt = (ring: RingConsumer): number => ring.data.readUInt32LE(ring.position + 4);
export const fromClientAt = (ring: RingConsumer): boolean =>
  (ring.data.readUInt32LE(ring.position + 8) & FROM_CLIENT) !== 0;
/** Where the batch of an append begins in `ring.data`. */
export const batchStartAt = (ring: RingConsumer): number =>
  ring.position + APPEND_HEADER_BYTES + (ring.data.readUInt32LE(ring.position + 8) >>> GAP_SHIFT);
export const batchBytesAt = (ring: RingConsumer): number => ring.data.readUInt32LE(ring.position + 12);
export const locateOffsetAt = (ring: RingConsumer): Offset =>
  ring.data.readUInt32LE(ring.position + 8) + ring.data.readUInt32LE(ring.position + 12) * TWO_32;
export const locateBytesMaxAt = (ring: RingConsumer): number => ring.data.readUInt32LE(ring.position + 16);
/** Located at once for a reader who goes through the log: so many fetches are then answered without asking. */
export const RUNS_AHEAD = 8;
/** True: the reader is not there yet, and only runs of the full size are wanted. */
export const locateAheadAt = (ring: RingConsumer): boolean => ring.data.readUInt32LE(ring.position + 20) === 1;

export function readRequest(ring: RingConsumer): ShardRequest {
  return JSON.parse(ring.data.toString('utf8', ring.position + REQUEST_HEADER_BYTES, ring.position + ring.length));
}
