/**
 * Has segments checked byte by byte: the pool reads, the shard marks what is damaged, so that reads of it are refused and
 * all around it is served. Main thread.
 *
 * All segments have their turn again and again, however seldom somebody reads them: log by log, those that have waited
 * longest first, of each the newest segment first. That is the active one, as far as it is written when its turn comes: of a
 * log that little is written to it may be all there is, for ever. Whatever that takes, it rests nineteen times as long.
 */
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { CheckedSegment, CheckPace, DamagedRange, SegmentCheck } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import type { Collector, Metrics } from '../metrics/metrics.js';
import type { ShardRequest } from '../ring/commands.js';
import type { ShardReply } from '../ring/completions.js';
import { openHandover } from '../ring/handover.js';
import type { PartitionEntry } from './partition-entry.js';
import type { SideJobs } from './side-jobs.js';

export interface ScrubberParts {
  /** A log is due again so long after it was checked. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly sideJobs: Pick<SideJobs, 'check'>;
  readonly entries: () => Iterable<PartitionEntry>;
  readonly ask: (entry: PartitionEntry, request: ShardRequest) => Promise<ShardReply>;
}

/** For whoever waits. */
const AT_ONCE: CheckPace = { bytesPerSecondMax: Number.POSITIVE_INFINITY, coreShareMax: 1, sparesCache: false };
const CORE_SHARE_MAX = 0.05;
const AT_REST: CheckPace = {
  bytesPerSecondMax: Number.POSITIVE_INFINITY,
  coreShareMax: CORE_SHARE_MAX,
  sparesCache: true,
};
/** How often logs that are due are looked for, the first time so long after the start. */
const LOOK_MS = 60_000;
/** Behind every offset. */
const FROM_THE_END: Offset = Number.MAX_SAFE_INTEGER;

interface Checked {
  readonly damaged: readonly DamagedRange[];
  /** False where the broker stops. */
  readonly finished: boolean;
  /** How long the shard took to take in what was found. */
  readonly askedMs: number;
}

export class Scrubber {
  private readonly underWay = new Set<{ stop: () => void; done: Promise<unknown> }>();
  private closing = false;
  private round: Promise<void> = Promise.resolve();
  private resting: { readonly timer: TimerHandle; readonly end: () => void } | null = null;

  constructor(private readonly parts: ScrubberParts) {}

  /** Checks all that lies there from now on, as time goes by; to be called when the logs are open. */
  begin(): void {
    const { clock, metrics, intervalMs } = this.parts;
    metrics.collect(this.collect);
    const lookLater = (): void => {
      clock.after(Math.min(LOOK_MS, intervalMs), () => {
        if (this.closing) return;
        this.round = this.look().then(lookLater);
      });
    };
    lookLater();
  }

  /** Has all of the segment that holds `offset` checked now; what is damaged in it. Throws what the disk says. */
  async examine(entry: PartitionEntry, offset: Offset): Promise<readonly DamagedRange[]> {
    const { check, checked } = await this.parts.ask(entry, { kind: 'planCheck', offset });
    if (check !== undefined) return (await this.check(entry, check, AT_ONCE)).damaged;
    return checked === undefined ? [] : this.takeIn(entry, checked);
  }

  private async look(): Promise<void> {
    const nowMs = this.parts.clock.nowMs();
    const due = [...this.parts.entries()].filter((entry) => entry.state === 'online' && this.isDue(entry, nowMs));
    due.sort(
      (a, b) => Number(b.scrub.downTo >= 0) - Number(a.scrub.downTo >= 0) || a.scrub.throughMs - b.scrub.throughMs,
    );
    for (const entry of due) await this.scrub(entry);
  }

  private isDue({ scrub: { throughMs, downTo } }: PartitionEntry, nowMs: number): boolean {
    // Clocks may be set back.
    return downTo >= 0 || throughMs > nowMs || nowMs - throughMs >= this.parts.intervalMs;
  }

  /** Goes on with one log, down to its oldest segment. */
  private async scrub(entry: PartitionEntry): Promise<void> {
    const { ask, clock } = this.parts;
    while (!this.closing && entry.state === 'online') {
      const beganMs = clock.monotonicMs();
      const { downTo, throughMs } = entry.scrub;
      const offset = downTo < 0 ? FROM_THE_END : downTo;
      const { error, check } = await ask(entry, { kind: 'planScrub', offset });
      if (error !== 'NONE') return;
      let askedMs = clock.monotonicMs() - beganMs;
      if (check === undefined) {
        entry.scrub = { throughMs: clock.nowMs(), downTo: -1 };
      } else {
        const checked = await this.checkAtRest(entry, check);
        if (checked.finished) entry.scrub = { throughMs, downTo: check.segmentBase };
        askedMs += checked.askedMs;
      }
      // A check rests by itself; what is left is the shard's work.
      await this.rest(askedMs * (1 / CORE_SHARE_MAX - 1));
      if (check === undefined) return;
    }
  }

  /** One that is not finished is to be done again; one that the disk refused is not. */
  private async checkAtRest(entry: PartitionEntry, check: SegmentCheck): Promise<Checked> {
    const { logger, metrics, ask } = this.parts;
    const { topic, index } = entry;
    try {
      const checked = await this.check(entry, check, AT_REST);
      if (checked.finished) metrics.counter('millrace_scrubbed_bytes_total', {}).value += check.bytes;
      return checked;
    } catch (thrown) {
      // Retention and compaction go on meanwhile: a file that is not the log's any more may be gone.
      const given = await ask(entry, { kind: 'endCheck', segmentBase: check.segmentBase, damaged: null });
      if (given.checked !== undefined) {
        metrics.counter('millrace_scrub_failures_total', { topic }).value++;
        logger.error(
          { topic, partition: index, segment: check.path, reason: (thrown as Error).message },
          'a segment could not be read to be checked',
        );
      }
      return { damaged: [], finished: true, askedMs: 0 };
    }
  }

  private async check(entry: PartitionEntry, check: SegmentCheck, pace: CheckPace): Promise<Checked> {
    const { ask, clock, sideJobs } = this.parts;
    const { segmentBase } = check;
    const handover = openHandover(async () => null);
    const work = sideJobs.check(check, pace, handover.memory).finally(() => handover.close());
    const known = { stop: handover.stop, done: work.catch(() => undefined) };
    this.underWay.add(known);
    try {
      const found = await work;
      const beganMs = clock.monotonicMs();
      const { checked } = await ask(entry, { kind: 'endCheck', segmentBase, damaged: found });
      const askedMs = clock.monotonicMs() - beganMs;
      if (found === null) return { damaged: [], finished: false, askedMs };
      return { damaged: checked === undefined ? [] : this.takeIn(entry, checked), finished: true, askedMs };
    } finally {
      this.underWay.delete(known);
    }
  }

  /** Returns what is damaged. */
  private takeIn(entry: PartitionEntry, { damaged, newlyDamaged }: CheckedSegment): readonly DamagedRange[] {
    if (newlyDamaged > 0) {
      this.parts.metrics.counter('millrace_damaged_ranges_found_total', { topic: entry.topic }).value += newlyDamaged;
    }
    entry.forgetRuns();
    return damaged;
  }

  private rest(ms: number): Promise<void> {
    if (ms <= 0 || this.closing) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.resting = null;
        resolve();
      };
      this.resting = { timer: this.parts.clock.after(ms, end), end };
    });
  }

  /** Since when nothing that lay there has gone unchecked. */
  private readonly collect: Collector = (put) => {
    let throughMs = Number.POSITIVE_INFINITY;
    for (const { state, scrub } of this.parts.entries()) {
      if (state !== 'removed') throughMs = Math.min(throughMs, scrub.throughMs);
    }
    if (throughMs !== Number.POSITIVE_INFINITY) put('millrace_scrubbed_timestamp_seconds', {}, throughMs / 1000);
  };

  /** What is under way ends soon. */
  async close(): Promise<void> {
    this.closing = true;
    this.resting?.timer.cancel();
    this.resting?.end();
    for (const { stop } of this.underWay) stop();
    await Promise.all([this.round, ...[...this.underWay].map(({ done }) => done)]);
  }
}
