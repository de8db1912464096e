/** Looks now and then whether the shards' threads still do something, and says which does not and what for. Main thread. */
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { ShardTrouble } from '../base/shard-trouble.js';
import type { Metrics } from '../metrics/metrics.js';
import type { PulseView } from '../ring/pulse.js';

const LOOK_MS = 500;
/** A disk that is slow again and again is told once in so long; each time counts. */
const NEWS_AFTER_MS = 60_000;
export const STALLED_AFTER_MS = 1000;

export interface WatchedShard {
  readonly pulse: PulseView;
  /** There is something to do for it that it has not looked at. */
  readonly hasUnread: boolean;
  /** Whose files those are: fields for the log. */
  describe(slot: number): object;
}

interface Standing {
  beat: number;
  sinceMs: number;
  told: ShardTrouble | null;
  /** When a line was last written that everybody sees. */
  newsAtMs: number;
  isNews: boolean;
}

const NOTHING_TOLD = { told: null, newsAtMs: Number.NEGATIVE_INFINITY, isNews: false };

export interface StallWatchParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly shards: readonly WatchedShard[];
}

export class StallWatch {
  private readonly standings: Standing[];
  private lookedAtMs: number;
  private timer: TimerHandle;

  constructor(private readonly parts: StallWatchParts) {
    const { clock, shards } = parts;
    this.lookedAtMs = clock.monotonicMs();
    this.standings = shards.map(({ pulse }) => ({ beat: pulse.beat, sinceMs: this.lookedAtMs, ...NOTHING_TOLD }));
    this.timer = clock.after(LOOK_MS, this.look);
  }

  close(): void {
    this.timer.cancel();
  }

  private readonly look = (): void => {
    const { clock, shards } = this.parts;
    const nowMs = clock.monotonicMs();
    // While this thread stood still itself (a paused process) nobody can say what the others did.
    const wasAway = nowMs - this.lookedAtMs > 2 * LOOK_MS;
    this.lookedAtMs = nowMs;
    for (const [index, shard] of shards.entries()) this.lookAt(index, shard, nowMs, wasAway);
    this.timer = clock.after(LOOK_MS, this.look);
  };

  private lookAt(index: number, { pulse, hasUnread, describe }: WatchedShard, nowMs: number, wasAway: boolean): void {
    const standing = this.standings[index];
    const { beat } = pulse;
    const isIdle = pulse.isAsleep && (!hasUnread || !pulse.hasBegun);
    if (beat !== standing.beat || isIdle) {
      if (standing.told !== null) this.over(index, standing, nowMs);
      standing.beat = beat;
      standing.sinceMs = nowMs;
      standing.told = null;
      return;
    }
    if (standing.told !== null) return;
    if (wasAway) standing.sinceMs = nowMs;
    const stalledMs = nowMs - standing.sinceMs;
    if (stalledMs < STALLED_AFTER_MS) return;
    const trouble: ShardTrouble = pulse.isAtDisk ? 'slow disk' : 'frozen shard';
    standing.told = trouble;
    standing.isNews = nowMs - standing.newsAtMs >= NEWS_AFTER_MS;
    if (standing.isNews) standing.newsAtMs = nowMs;
    const { logger, metrics } = this.parts;
    metrics.counter('millrace_shard_stalls_total', { shard: `${index}`, trouble }).value++;
    const what = pulse.isAtDisk ? 'a shard waits for its disk' : 'a shard does nothing although it has work';
    logger[standing.isNews ? 'error' : 'debug'](
      { shard: index, trouble, stalledMs: Math.round(stalledMs), ...describe(pulse.slot) },
      `${trouble}: ${what}; partitions of other shards are served`,
    );
  }

  private over(index: number, { told: trouble, sinceMs, isNews }: Standing, nowMs: number): void {
    const what = trouble === 'slow disk' ? 'the disk answers again' : 'the shard goes on';
    const fields = { shard: index, trouble, stalledMs: Math.round(nowMs - sinceMs) };
    this.parts.logger[isNews ? 'info' : 'debug'](fields, what);
  }
}
