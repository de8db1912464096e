/** What a shard, the main thread and the side-job pool tell each other of a compaction: decided, worked on, handed over. Any thread. */
import type { Offset } from './units.js';

/** Decided by the shard when the work begins. */
export interface CompactionPlan {
  readonly directory: string;
  /** Base offsets of the segments that may be rewritten, rising, from the log's first on. */
  readonly segments: readonly Offset[];
  /** Those among them that are damaged: they are left as they are, and no tombstone goes while there are any. */
  readonly damaged: readonly Offset[];
  /** Where they end and the part begins that is not touched. */
  readonly endOffset: Offset;
  /** Below this each key stands once. */
  readonly firstDirtyOffset: Offset;
  /** Last offsets of batches that producers' sequences rest on. */
  readonly producerBatches: readonly Offset[];
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
  readonly segmentBytesMax: number;
  readonly indexBytesMax: number;
  readonly indexIntervalBytes: number;
}

/** What the map of keys may take. */
export interface CompactionMemory {
  readonly bytesMax: number;
  readonly loadFactor: number;
}

export interface CompactionJob {
  readonly plan: CompactionPlan;
  readonly memory: CompactionMemory;
  /** Read and written together; Infinity for no bound. */
  readonly bytesPerSecondMax: number;
}

/** A segment that is ready to take the place of `sources`. */
export interface CompactedSegment {
  readonly baseOffset: Offset;
  /** Base offsets of the neighbouring segments that it was made from; the first is its own. */
  readonly sources: readonly Offset[];
  readonly bytes: number;
  readonly maxTimestampMs: number;
  readonly maxTimestampOffset: Offset;
}

export interface CompactionOutcome {
  /** Below this each key stands once now. */
  readonly firstDirtyOffset: Offset;
  readonly keys: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Kept although nobody can read them. */
  readonly unreadableBatches: number;
}

/** A log that should be compacted now. */
export interface CompactionNeed {
  readonly slot: number;
  /** The share of bytes, among those that may be rewritten, that no compaction has seen yet. */
  readonly dirtyRatio: number;
  /** `max.compaction.lag.ms` has passed for some of them. */
  readonly overdue: boolean;
}
