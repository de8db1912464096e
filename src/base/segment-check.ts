/** What a shard, the main thread and the side-job pool tell each other when every byte of a segment is checked. Any thread. */
import type { FilePosition, Offset } from './units.js';

/** Bytes that were batches and cannot be believed any more. */
export interface DamagedRange {
  readonly position: FilePosition;
  readonly endPosition: FilePosition;
  /** Offsets that a fetch is refused for: from the first one missing up to the first one that is there again. */
  readonly startOffset: Offset;
  readonly endOffset: Offset;
}

/** What is to be checked, as the shard knew it when the work began. */
export interface SegmentCheck {
  readonly path: string;
  readonly segmentBase: Offset;
  /** The part of the file that holds batches. */
  readonly bytes: FilePosition;
  /** No batch may reach this offset: what follows begins there. */
  readonly offsetLimit: Offset;
}

/** What the shard knows of a segment after a check. */
export interface CheckedSegment {
  readonly damaged: readonly DamagedRange[];
  /** How many of them the check has brought to light. */
  readonly newlyDamaged: number;
}

/** How gently. Of the two bounds the slower one counts. */
export interface CheckPace {
  readonly bytesPerSecondMax: number;
  /** Of one core, above 0 and up to 1; time spent waiting for the disk counts as well. */
  readonly coreShareMax: number;
  /** What was not in the page cache is not left there either, so that nobody else's pages give way to it. */
  readonly sparesCache: boolean;
}

/** How far the scrubber has come with a log, from the newest segment down to the oldest. */
export interface ScrubProgress {
  /** When it was through with the log for the last time, Unix ms; 0: never. */
  readonly throughMs: number;
  /** Where it stands: from this offset up everything that was there has been checked; -1 between one time and the next. */
  readonly downTo: Offset;
}

export const NEVER_SCRUBBED: ScrubProgress = { throughMs: 0, downTo: -1 };

export function rangeHolding(ranges: readonly DamagedRange[], offset: Offset): DamagedRange | undefined {
  return ranges.find((range) => offset >= range.startOffset && offset < range.endOffset);
}
