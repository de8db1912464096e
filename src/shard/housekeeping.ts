/** What a shard does by the clock and not because somebody asked: idle files closed, old segments retired. Shard thread. */
import type { Clock } from '../base/clock.js';
import type { OpenFiles } from '../log/open-files.js';
import { StorageError } from '../log/storage-error.js';
import type { DeletionReason, ShardNotices } from './shard-notices.js';
import type { ShardPartition } from './shard-partition.js';

const IDLE_FILES_SWEEP_MS = 10_000;
/** Appends wait while segments are renamed: so many of them, or partitions looked at, and it is their turn again. */
const SEGMENTS_PER_TURN = 8;
const PARTITIONS_PER_TURN = 500;

export interface HousekeepingParts {
  readonly clock: Clock;
  readonly openFiles: OpenFiles;
  readonly notices: ShardNotices;
  /** By slot; null where nobody sits. */
  readonly partitions: readonly (ShardPartition | null)[];
  /** Puts the partition's row on the board. */
  readonly show: (partition: ShardPartition) => void;
  readonly fail: (partition: ShardPartition, error: StorageError) => void;
  /** How often old segments and silent producers are looked for. */
  readonly retentionCheckMs: number;
}

export class Housekeeping {
  private nextSweepMs: number;
  private nextRetentionMs: number;
  /** The slot that retention looks at next; -1 between its rounds. */
  private retainFrom = -1;

  constructor(private readonly parts: HousekeepingParts) {
    const nowMs = parts.clock.monotonicMs();
    this.nextSweepMs = nowMs + IDLE_FILES_SWEEP_MS;
    this.nextRetentionMs = nowMs + parts.retentionCheckMs;
  }

  /** Does what is due. To be called while nothing is staged: segments may go. True where there is more to do at once. */
  run(): boolean {
    const { clock, openFiles, retentionCheckMs } = this.parts;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.nextSweepMs) {
      this.nextSweepMs = nowMs + IDLE_FILES_SWEEP_MS;
      openFiles.closeIdle(nowMs);
    }
    if (nowMs >= this.nextRetentionMs) {
      this.nextRetentionMs = nowMs + retentionCheckMs;
      this.retainFrom = 0;
    }
    return this.retainFrom >= 0 && this.retainSome(clock.nowMs());
  }

  /** When {@link run} has something to do next, by the clock that never goes back. */
  get nextDutyMs(): number {
    if (this.parts.openFiles.count === 0) return this.nextRetentionMs;
    return Math.min(this.nextSweepMs, this.nextRetentionMs);
  }

  /** Goes on with the round where it stopped; false where that was its end. */
  private retainSome(nowMs: number): boolean {
    const { partitions } = this.parts;
    let segments = 0;
    const last = Math.min(partitions.length, this.retainFrom + PARTITIONS_PER_TURN);
    while (this.retainFrom < last && segments < SEGMENTS_PER_TURN) {
      const retired = this.retain(partitions[this.retainFrom], nowMs, SEGMENTS_PER_TURN - segments);
      segments += retired;
      // Where the bound was reached, more of the same log may be due.
      if (segments < SEGMENTS_PER_TURN) this.retainFrom++;
    }
    if (this.retainFrom < partitions.length) return true;
    this.retainFrom = -1;
    return false;
  }

  /** Retires up to `segmentsMax` segments of one log; returns how many those were. */
  private retain(partition: ShardPartition | null, nowMs: number, segmentsMax: number): number {
    if (partition?.log == null || partition.state !== 'online') return 0;
    const { log } = partition;
    try {
      log.expireProducers(nowMs);
      const reasons = log.expired(nowMs).slice(0, segmentsMax);
      let segments = 0;
      for (let from = 0; from < reasons.length; ) {
        let to = from + 1;
        while (reasons[to] === reasons[from]) to++;
        const retired = this.retireFirst(partition, to - from, reasons[from]);
        segments += retired;
        if (retired < to - from) break;
        from = to;
      }
      return segments;
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.parts.fail(partition, error);
      return 0;
    }
  }

  /** Takes the oldest segment out of the log for the disk budget, if it may go now. @throws StorageError */
  evict(partition: ShardPartition, delayMs: number): void {
    this.retireFirst(partition, 1, 'disk budget', delayMs);
  }

  private retireFirst(
    partition: ShardPartition,
    count: number,
    reason: DeletionReason,
    delayMs = partition.config.fileDeleteDelayMs,
  ): number {
    const { notices, show } = this.parts;
    const { log, spec } = partition;
    if (log === null) return 0;
    const retired = log.retireFirst(count);
    if (retired.segments === 0) return 0;
    notices.retired(retired, spec.topic, reason, delayMs);
    const { segments, bytes } = retired;
    notices.info(
      { topic: spec.topic, partition: spec.index, reason, segments, bytes, logStartOffset: log.logStartOffset },
      'old segments were deleted',
    );
    show(partition);
    return segments;
  }
}
