/** What a shard does by the clock and not because somebody asked: idle files closed, old segments retired. Shard thread. */
import type { Clock } from '../base/clock.js';
import type { OpenFiles } from '../log/open-files.js';
import { StorageError } from '../log/storage-error.js';
import type { ShardNotices } from './shard-notices.js';
import type { ShardPartition } from './shard-partition.js';

const IDLE_FILES_SWEEP_MS = 10_000;

export interface HousekeepingParts {
  readonly clock: Clock;
  readonly openFiles: OpenFiles;
  readonly notices: ShardNotices;
  /** By slot; null where nobody sits. */
  readonly partitions: readonly (ShardPartition | null)[];
  /** Puts the partition's row on the board. */
  readonly show: (partition: ShardPartition) => void;
  readonly fail: (partition: ShardPartition, message: string) => void;
  /** How often old segments and silent producers are looked for. */
  readonly retentionCheckMs: number;
}

export class Housekeeping {
  private nextSweepMs: number;
  private nextRetentionMs: number;

  constructor(private readonly parts: HousekeepingParts) {
    const nowMs = parts.clock.monotonicMs();
    this.nextSweepMs = nowMs + IDLE_FILES_SWEEP_MS;
    this.nextRetentionMs = nowMs + parts.retentionCheckMs;
  }

  /** Does what is due. To be called while nothing is staged: segments may go. */
  run(): void {
    const { clock, openFiles, retentionCheckMs } = this.parts;
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.nextSweepMs) {
      this.nextSweepMs = nowMs + IDLE_FILES_SWEEP_MS;
      openFiles.closeIdle(nowMs);
    }
    if (nowMs >= this.nextRetentionMs) {
      this.nextRetentionMs = nowMs + retentionCheckMs;
      this.retain(clock.nowMs());
    }
  }

  /** When {@link run} has something to do next, by the clock that never goes back. */
  get nextDutyMs(): number {
    if (this.parts.openFiles.count === 0) return this.nextRetentionMs;
    return Math.min(this.nextSweepMs, this.nextRetentionMs);
  }

  private retain(nowMs: number): void {
    const { partitions, notices, show, fail } = this.parts;
    for (const partition of partitions) {
      if (partition?.log == null || partition.state !== 'online') continue;
      const { log, spec, config } = partition;
      try {
        log.expireProducers(nowMs);
        const garbage = log.deleteExpired(nowMs);
        if (garbage.length === 0) continue;
        notices.garbage(garbage, config.fileDeleteDelayMs);
        notices.info(
          { topic: spec.topic, partition: spec.index, logStartOffset: log.logStartOffset },
          'old segments were retired',
        );
        show(partition);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        fail(partition, error.message);
      }
    }
  }
}
