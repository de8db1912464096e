/** One segment of a log: its place, its size, its sparse indexes and what of it is damaged. Lives on shards. */
import type { FileSlice } from '../base/file-slice.js';
import { type DamagedRange, rangeHolding } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import { lastOffsetOf, maxTimestampOf, recordsCountOf } from '../record/record-batch.js';
import { OFFSET_ENTRY_BYTES, OffsetIndex } from './offset-index.js';
import { segmentFileName } from './segment-name.js';
import { TIME_ENTRY_BYTES, TimeIndex } from './time-index.js';

/** A segment before a turn, so that the turn can be taken back. */
export interface SegmentMark {
  readonly offsetEntries: number;
  readonly timeEntries: number;
  readonly maxTimestampMs: number;
  readonly maxTimestampOffset: Offset;
  readonly bytesSinceEntry: number;
  readonly firstAppendMs: number;
  readonly lastAppendMs: number;
}

/** For {@link Segment.firstTimestampMs}: nobody has looked yet. */
export const NOT_READ = -2;

export class Segment {
  readonly path: string;
  readonly indexPath: string;
  readonly timeIndexPath: string;
  /** What the file holds. */
  writtenBytes: FilePosition = 0;
  /** What it will hold once everything staged is written. */
  stagedBytes: FilePosition = 0;
  /** How far the present write has come. */
  pendingBytes: FilePosition = 0;
  flushedBytes: FilePosition = 0;
  /** Where the file ends: behind what was written it holds zeros, see prepared-room. */
  preparedBytes: FilePosition = 0;
  /** The file was cut to its data, and that is not on disk yet. */
  cutIsUnflushed = false;
  /** Flushed while one in front of it was not yet: `flushedBytes` follows when that is. */
  isFlushedAhead = false;
  /** What the flush that is under way covers. */
  collectedBytes: FilePosition = 0;
  /** In memory while batches are added, null when sealed: then they are searched in their files. */
  offsets: OffsetIndex | null = null;
  times: TimeIndex | null = null;
  /** -1 where no batch has a timestamp; of a sealed segment after a start, known once it is asked for. */
  maxTimestampMs = -1;
  maxTimestampOffset: Offset = -1;
  /** The largest timestamp of the first batch; -1 where it has none, {@link NOT_READ} until somebody asks after a start. */
  firstTimestampMs = NOT_READ;
  bytesSinceEntry = 0;
  /** The index files of a sealed segment were found to fit it. */
  indexesAreChecked = false;
  /** Its indexes in memory came from files: they are believed entry by entry, as those on disk are. */
  indexesAreLoaded = false;
  /** The swap that gave the file its name, see segment-swap; 0 for one that was there when the log was opened, or appended to since. */
  generation = 0;
  /** All of it was checked since it turned out to be damaged. */
  isExamined = false;
  /** Arrival of the first and of the last batch, wall clock; from the file's times after a start. */
  firstAppendMs = -1;
  lastAppendMs = -1;
  readonly damaged: DamagedRange[] = [];

  constructor(
    readonly directory: string,
    readonly baseOffset: Offset,
  ) {
    this.path = `${directory}/${segmentFileName(baseOffset, '.log')}`;
    this.indexPath = `${directory}/${segmentFileName(baseOffset, '.index')}`;
    this.timeIndexPath = `${directory}/${segmentFileName(baseOffset, '.timeindex')}`;
  }

  /** Path of the producer snapshot that was taken when the segment began. */
  get snapshotPath(): string {
    return `${this.directory}/${segmentFileName(this.baseOffset, '.snapshot')}`;
  }

  /** A range of the file, for readers who open it themselves. */
  slice(from: FilePosition, to: FilePosition): FileSlice {
    const { path, generation } = this;
    const range = { path, position: from, length: to - from };
    return generation === 0 ? range : { ...range, generation };
  }

  /** The file holds `bytes` valid bytes, all of them believed to be on disk. */
  holds(bytes: FilePosition): void {
    this.writtenBytes = bytes;
    this.stagedBytes = bytes;
    this.pendingBytes = bytes;
    this.flushedBytes = bytes;
    this.collectedBytes = bytes;
    this.preparedBytes = bytes;
    this.cutIsUnflushed = false;
  }

  mark(): SegmentMark {
    return {
      offsetEntries: this.offsets?.count ?? 0,
      timeEntries: this.times?.count ?? 0,
      maxTimestampMs: this.maxTimestampMs,
      maxTimestampOffset: this.maxTimestampOffset,
      bytesSinceEntry: this.bytesSinceEntry,
      firstAppendMs: this.firstAppendMs,
      lastAppendMs: this.lastAppendMs,
    };
  }

  /** Forgets what was staged since `mark`. */
  restore(mark: SegmentMark): void {
    this.stagedBytes = this.writtenBytes;
    this.pendingBytes = this.writtenBytes;
    this.flushedBytes = Math.min(this.flushedBytes, this.writtenBytes);
    if (this.offsets !== null) this.offsets.count = mark.offsetEntries;
    if (this.times !== null) this.times.count = mark.timeEntries;
    this.maxTimestampMs = mark.maxTimestampMs;
    this.maxTimestampOffset = mark.maxTimestampOffset;
    this.bytesSinceEntry = mark.bytesSinceEntry;
    this.firstAppendMs = mark.firstAppendMs;
    this.lastAppendMs = mark.lastAppendMs;
  }

  /** From now on the indexes are searched in their files, which were just written. */
  releaseIndexes(): void {
    this.indexesAreChecked = true;
    this.offsets = null;
    this.times = null;
  }

  /** Begins with empty indexes in memory. */
  startIndexes(): void {
    this.indexesAreLoaded = false;
    this.offsets = new OffsetIndex(this.baseOffset);
    this.times = new TimeIndex(this.baseOffset);
    this.maxTimestampMs = -1;
    this.maxTimestampOffset = -1;
    this.bytesSinceEntry = 0;
  }

  /** Takes a batch into the indexes: `bytes` at `at` holds its header, `position` is its place in the file. */
  note(bytes: Uint8Array, at: number, position: FilePosition, size: number, indexIntervalBytes: number): void {
    const timestampMs = indexedTimestampOf(bytes, at);
    const lastOffset = lastOffsetOf(bytes, at);
    if (position === 0) this.firstTimestampMs = timestampMs;
    if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs;
      this.maxTimestampOffset = lastOffset;
    }
    if (this.bytesSinceEntry > indexIntervalBytes) {
      this.offsets?.append(lastOffset, position);
      this.times?.append(this.maxTimestampMs, this.maxTimestampOffset);
      this.bytesSinceEntry = 0;
    }
    this.bytesSinceEntry += size;
  }

  /** True where one more entry would not fit into an index file of `indexBytesMax`. */
  indexesAreFull(indexBytesMax: number): boolean {
    const offsets = this.offsets?.count ?? 0;
    const times = this.times?.count ?? 0;
    return (offsets + 1) * OFFSET_ENTRY_BYTES > indexBytesMax || (times + 2) * TIME_ENTRY_BYTES > indexBytesMax;
  }

  /** The range that `position` lies in, if any. */
  damagedAt(position: FilePosition): DamagedRange | undefined {
    if (this.damaged.length === 0) return undefined;
    return this.damaged.find((range) => position >= range.position && position < range.endPosition);
  }

  damagedFor(offset: Offset): DamagedRange | undefined {
    if (this.damaged.length === 0) return undefined;
    return rangeHolding(this.damaged, offset);
  }

  /** Before it is checked anew. Lost records that left no byte behind cannot be found again by looking: those stay known. */
  forgetDamagedBytes(): void {
    const gone = this.damaged.filter((range) => range.position === range.endPosition);
    this.damaged.splice(0, this.damaged.length, ...gone);
  }

  /** The first damaged byte behind `position`, or `end`. */
  soundUntil(position: FilePosition, end: FilePosition): FilePosition {
    let until = end;
    for (const range of this.damaged) {
      if (range.position >= position && range.position < until) until = range.position;
    }
    return until;
  }
}

/** The largest timestamp of a batch's records; -1 where compaction has left none, whatever its header remembers. */
export function indexedTimestampOf(bytes: Uint8Array, at: number): number {
  return recordsCountOf(bytes, at) === 0 ? -1 : maxTimestampOf(bytes, at);
}

/** The segment that holds `offset`: the last whose base offset is not above it; -1 where all are. */
export function segmentFloor(segments: readonly Segment[], offset: Offset): number {
  let low = 0;
  let high = segments.length;
  // Nearly everyone reads at the tail.
  if (high > 0 && segments[high - 1].baseOffset <= offset) return high - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle].baseOffset <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
