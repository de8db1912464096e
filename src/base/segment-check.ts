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

/** How fast: whichever is slower. */
export interface CheckPace {
  readonly bytesPerSecondMax: number;
  /** Of one core, above 0 and up to 1; time spent waiting for the disk counts as well. */
  readonly coreShareMax: number;
}

export function rangeHolding(ranges: readonly DamagedRange[], offset: Offset): DamagedRange | undefined {
  return ranges.find((range) => offset >= range.startOffset && offset < range.endOffset);
}
