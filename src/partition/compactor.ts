/**
 * Which log is compacted when, and by whom: shards say what is due and swap, the side-job pool works, here they are brought
 * together. Main thread.
 *
 * ```
 *  main                      shard                              pool
 *  every backoff:  ───────►  what is due (rolls the overdue)
 *  the dirtiest:   ───────►  plan
 *                  ──────────────────────────────────────────►  reads keys, writes B.log.cleaned
 *                            swap  ◄──────── main ◄───────────  "B is ready", and stands still
 *                            └─────────────► main ───────────►  goes on with the next
 *  saves where the dirty part begins  ◄───────────────────────  done
 * ```
 *
 * Readers who located ranges before a swap find them for `file.delete.delay.ms` more (replaced-files.ts).
 */
import type { Clock } from '../base/clock.js';
import type { CompactedSegment, CompactionJob, CompactionNeed, CompactionOutcome } from '../base/compaction-plan.js';
import type { Logger } from '../base/logger.js';
import type { CompactionSettings } from '../config/broker-config.js';
import type { Metrics } from '../metrics/metrics.js';
import type { ShardRequest } from '../ring/commands.js';
import type { ShardReply } from '../ring/completions.js';
import { openHandover } from '../ring/handover.js';
import type { PartitionEntry } from './partition-entry.js';
import type { SegmentFiles } from './segment-files.js';
import { segmentPath } from './segment-path.js';
import type { SideJobs } from './side-jobs.js';

export interface CompactorParts {
  readonly settings: CompactionSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sideJobs: Pick<SideJobs, 'compact' | 'delete'>;
  readonly segmentFiles: SegmentFiles;
  /** What is due, over all shards. */
  readonly needs: () => Promise<ReadonlyMap<PartitionEntry, CompactionNeed>>;
  readonly ask: (entry: PartitionEntry, request: ShardRequest) => Promise<ShardReply>;
  /** Saves where the logs stand. */
  readonly checkpoint: (entry: PartitionEntry) => Promise<boolean>;
}

const REST_MAX_MS = 3_600_000;

/** A log that could not be compacted. */
interface Rest {
  readonly failures: number;
  readonly untilMs: number;
}

export class Compactor {
  private readonly underWay = new Map<PartitionEntry, { stop: () => void; done: Promise<void> }>();
  private readonly resting = new WeakMap<PartitionEntry, Rest>();
  private generation = 0;
  private closing = false;

  constructor(private readonly parts: CompactorParts) {
    this.lookLater();
  }

  private lookLater(): void {
    const { clock, settings } = this.parts;
    clock.after(settings.backoffMs, () => {
      if (this.closing) return;
      this.lookLater();
      void this.look();
    });
  }

  /** Begins with what is most worth it, as far as there are threads. */
  private async look(): Promise<void> {
    const { settings, needs, clock } = this.parts;
    if (this.underWay.size >= settings.threads) return;
    const due = [...(await needs())].sort(([, a], [, b]) => {
      return Number(b.overdue) - Number(a.overdue) || b.dirtyRatio - a.dirtyRatio;
    });
    for (const [entry] of due) {
      if (this.closing || this.underWay.size >= settings.threads) return;
      if (this.underWay.has(entry) || (this.resting.get(entry)?.untilMs ?? 0) > clock.monotonicMs()) continue;
      this.begin(entry);
    }
  }

  private begin(entry: PartitionEntry): void {
    const handover = openHandover((segment: CompactedSegment) => this.swap(entry, segment));
    const done = this.compact(entry, handover.memory).finally(() => {
      handover.close();
      this.underWay.delete(entry);
    });
    this.underWay.set(entry, { stop: handover.stop, done });
  }

  private async compact(entry: PartitionEntry, handover: Parameters<SideJobs['compact']>[1]): Promise<void> {
    const { settings, ask, clock, logger, metrics, sideJobs } = this.parts;
    const { plan } = await ask(entry, { kind: 'planCompaction' });
    if (plan === undefined) return;
    const { topic, index } = entry;
    const { memory, bytesPerSecondMax } = settings;
    const startedMs = clock.monotonicMs();
    const job: CompactionJob = { plan, memory, bytesPerSecondMax };
    let outcome: CompactionOutcome | null = null;
    try {
      outcome = await sideJobs.compact(job, handover);
      this.resting.delete(entry);
    } catch (error) {
      this.rest(entry);
      metrics.counter('millrace_compaction_failures_total', { topic }).value++;
      logger.error(
        { topic, partition: index, reason: (error as Error).message },
        'a log could not be compacted; it stays as it is and is tried again later',
      );
    }
    const firstDirtyOffset = outcome?.firstDirtyOffset ?? -1;
    await ask(entry, { kind: 'endCompaction', firstDirtyOffset });
    if (outcome === null) return;
    entry.spec = { ...entry.spec, firstDirtyOffset };
    const { bytesBefore, bytesAfter } = outcome;
    metrics.counter('millrace_compactions_total', { topic }).value++;
    metrics.counter('millrace_compaction_removed_bytes_total', { topic }).value += Math.max(
      0,
      bytesBefore - bytesAfter,
    );
    const tookMs = Math.round(clock.monotonicMs() - startedMs);
    logger.info({ topic, partition: index, tookMs, ...outcome }, 'a log was compacted');
    await this.parts.checkpoint(entry);
  }

  private rest(entry: PartitionEntry): void {
    const { clock, settings } = this.parts;
    const failures = (this.resting.get(entry)?.failures ?? 0) + 1;
    const restMs = Math.min(REST_MAX_MS, settings.backoffMs * 2 ** failures);
    this.resting.set(entry, { failures, untilMs: clock.monotonicMs() + restMs });
  }

  /** False where the log has changed meanwhile, or is not there any more: then nothing was touched, or it is read anew. */
  private async swap(entry: PartitionEntry, segment: CompactedSegment): Promise<boolean> {
    const { ask, clock, segmentFiles, sideJobs } = this.parts;
    if (this.closing) return false;
    const generation = ++this.generation;
    const paths = segment.sources.map((base) => segmentPath(entry.directory, base));
    segmentFiles.beginSwap(paths, generation);
    const { garbage } = await ask(entry, { kind: 'swapCompacted', segment, generation });
    if (garbage === undefined) {
      segmentFiles.endSwap(paths, generation);
      return false;
    }
    entry.forgetRuns();
    clock.after(entry.spec.config.fileDeleteDelayMs, () => {
      entry.forgetRuns();
      segmentFiles.endSwap(paths, generation);
      void sideJobs.delete(garbage);
    });
    return true;
  }

  /** What is under way ends soon, with its log as it is then. */
  async close(): Promise<void> {
    this.closing = true;
    const { underWay } = this;
    for (const { stop } of underWay.values()) stop();
    await Promise.all([...underWay.values()].map(({ done }) => done));
  }
}
