/**
 * The compaction of one log as its shard sees it: what is due, what the pool may work on, and what takes whose place. The
 * work itself is done elsewhere and slowly (compaction.ts); here are decisions, renames and a little memory. On shards.
 */
import type { CompactedSegment, CompactionNeed, CompactionPlan } from '../base/compaction-plan.js';
import type { Offset } from '../base/units.js';
import type { LogConfig } from '../config/log-config.js';
import type { FileSystem } from './file-system.js';
import type { FlushProgress } from './flush-progress.js';
import type { OpenFiles } from './open-files.js';
import type { PartitionFolder } from './partition-folder.js';
import type { ProducerState } from './producer-state.js';
import { Segment } from './segment.js';
import { swapIn } from './segment-swap.js';

/** Of a log with more segments only the first are rewritten at a time: the plan has to fit into a ring. */
const SEGMENTS_MAX = 32_768;
/** Producers' batches beyond so many are not kept for a rebuild from the log alone; their snapshots know them all the same. */
const PRODUCER_BATCHES_MAX = 20_000;

export interface LogCompactionParts {
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly directory: string;
  readonly segments: Segment[];
  readonly folder: PartitionFolder;
  readonly progress: FlushProgress;
  readonly producers: ProducerState;
  /** The settings as they are at the moment. */
  readonly config: () => LogConfig;
}

/** The part of a log that may be rewritten at a time. */
interface Cleanable {
  /** That many segments, from the first on. */
  readonly count: number;
  readonly cleanBytes: number;
  readonly dirtyBytes: number;
  /** Arrival of the oldest dirty batch. */
  readonly dirtySinceMs: number;
}

export class LogCompaction {
  /** The segments that the pool may be reading. */
  private underWay: ReadonlySet<Segment> | null = null;

  /** `firstDirtyOffset`: below this each key stands once. A cache: where it says too little, more is compacted once more. */
  constructor(
    private readonly parts: LogCompactionParts,
    public firstDirtyOffset: Offset,
  ) {}

  /** The log was read from the disk: its segments are others now, and what is remembered of it has to fit them. */
  begin(logStartOffset: Offset): void {
    const { firstDirtyOffset, parts } = this;
    // Records below the log's start that are still in a file count, too: a tombstone among them must be seen as any other.
    const first = parts.segments[0]?.baseOffset ?? logStartOffset;
    const active = parts.segments.at(-1)?.baseOffset ?? logStartOffset;
    if (firstDirtyOffset < first || firstDirtyOffset > active) this.firstDirtyOffset = first;
    this.underWay = null;
  }

  /** null where there is nothing to do yet. */
  need(nowMs: number): Omit<CompactionNeed, 'slot'> | null {
    const config = this.parts.config();
    if (!config.compacted) return null;
    const { cleanBytes, dirtyBytes, dirtySinceMs } = this.cleanable(nowMs);
    if (dirtyBytes === 0) return null;
    const dirtyRatio = dirtyBytes / (cleanBytes + dirtyBytes);
    const overdue = dirtySinceMs >= 0 && nowMs - dirtySinceMs > config.maxCompactionLagMs;
    return overdue || dirtyRatio > config.minDirtyRatio ? { dirtyRatio, overdue } : null;
  }

  /** True where records have waited in the active segment for longer than `max.compaction.lag.ms`: it has to be sealed first. */
  wantsRoll(nowMs: number): boolean {
    const { segments } = this.parts;
    const config = this.parts.config();
    const active = segments.at(-1);
    if (!config.compacted || active === undefined || active.writtenBytes === 0 || active.firstAppendMs < 0)
      return false;
    return nowMs - active.firstAppendMs > config.maxCompactionLagMs;
  }

  /** What the pool is to do, or null where there is nothing. Nothing of it may be given to another before {@link end}. */
  plan(nowMs: number): CompactionPlan | null {
    const { segments, directory, progress } = this.parts;
    const config = this.parts.config();
    const { count, dirtyBytes } = this.cleanable(nowMs);
    if (dirtyBytes === 0) return null;
    // A reader at the end must be told of the segment that is not touched.
    progress.leaveSealed();
    const underWay = segments.slice(0, count);
    this.underWay = new Set(underWay);
    const endOffset = segments[count].baseOffset;
    return {
      directory,
      segments: underWay.map((segment) => segment.baseOffset),
      damaged: underWay.filter((segment) => segment.damaged.length > 0).map((segment) => segment.baseOffset),
      endOffset,
      firstDirtyOffset: Math.max(this.firstDirtyOffset, underWay[0].baseOffset),
      producerBatches: this.producerBatches(endOffset),
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      segmentBytesMax: config.segmentBytesMax,
      indexBytesMax: config.indexBytesMax,
      indexIntervalBytes: config.indexIntervalBytes,
    };
  }

  /**
   * Swaps in what the pool has made, unless the log has changed so that it no longer fits: then null, and nothing was
   * touched. Returns the renamed files otherwise, to be unlinked when no reader holds them.
   * @throws CompactionError where nothing was touched, StorageError where the log has to be read again
   */
  swap(compacted: CompactedSegment, generation: number): string[] | null {
    const { segments, openFiles, files, folder } = this.parts;
    const sources = this.sourcesOf(compacted);
    if (sources === null) return null;
    const replacement = new Segment(sources[0].directory, compacted.baseOffset);
    replacement.holds(compacted.bytes);
    replacement.generation = generation;
    replacement.indexesAreChecked = true;
    replacement.maxTimestampMs = compacted.maxTimestampMs;
    replacement.maxTimestampOffset = compacted.maxTimestampOffset;
    replacement.firstAppendMs = sources[0].firstAppendMs;
    replacement.lastAppendMs = Math.max(...sources.map((source) => source.lastAppendMs));
    const garbage = swapIn({ files, openFiles, folder }, sources, generation);
    segments.splice(segments.indexOf(sources[0]), sources.length, replacement);
    return garbage;
  }

  /** The pool has finished, or given up (`firstDirtyOffset` -1). */
  end(firstDirtyOffset: Offset): void {
    this.underWay = null;
    if (firstDirtyOffset >= 0) this.firstDirtyOffset = firstDirtyOffset;
  }

  /** The segments as they are in the log, or null where one of them is not what the pool was given. */
  private sourcesOf({ sources }: CompactedSegment): Segment[] | null {
    const { underWay } = this;
    const { segments } = this.parts;
    if (underWay === null) return null;
    const at = segments.findIndex((segment) => segment.baseOffset === sources[0]);
    if (at < 0) return null;
    const found = segments.slice(at, at + sources.length);
    const unchanged = found.every(
      (segment, i) => segment.baseOffset === sources[i] && underWay.has(segment) && segment.damaged.length === 0,
    );
    return unchanged && found.length === sources.length && at + sources.length < segments.length ? found : null;
  }

  /**
   * Sealed segments whose every batch is on disk. The dirty ones among them end in front of the first whose last batch came
   * less than `min.compaction.lag.ms` ago.
   */
  private cleanable(nowMs: number): Cleanable {
    const { segments, progress } = this.parts;
    const { minCompactionLagMs } = this.parts.config();
    let count = 0;
    let cleanBytes = 0;
    let dirtyBytes = 0;
    let dirtySinceMs = -1;
    for (; count + 1 < segments.length && count < SEGMENTS_MAX; count++) {
      const segment = segments[count];
      const endOffset = segments[count + 1].baseOffset;
      if (endOffset > progress.flushed.offset) break;
      const isDirty = endOffset > this.firstDirtyOffset;
      if (isDirty && minCompactionLagMs > 0 && nowMs - segment.lastAppendMs < minCompactionLagMs) break;
      if (segment.damaged.length > 0) continue;
      if (!isDirty) {
        cleanBytes += segment.writtenBytes;
        continue;
      }
      dirtyBytes += segment.writtenBytes;
      if (dirtySinceMs < 0) dirtySinceMs = segment.firstAppendMs;
    }
    return { count, cleanBytes, dirtyBytes, dirtySinceMs };
  }

  /**
   * The last few of every producer that are known, as they tell a batch that is sent twice. Of very many producers it is only
   * the last, and so it is of those that sent nothing since a start: their snapshot has room for one (as Kafka's has, always).
   */
  private producerBatches(endOffset: Offset): Offset[] {
    const newest: Offset[] = [];
    const older: Offset[] = [];
    for (const { batches } of this.parts.producers.all()) {
      for (let i = 0; i < batches.length; i++) {
        if (batches[i].lastOffset >= endOffset) continue;
        (i + 1 === batches.length ? newest : older).push(batches[i].lastOffset);
      }
    }
    return newest.concat(older).slice(0, PRODUCER_BATCHES_MAX);
  }
}
