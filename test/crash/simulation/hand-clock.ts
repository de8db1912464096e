/** The simulated node's clock: it moves when it is moved, and has no timers. Test process. */
import type { Clock, TimerHandle } from '../../../src/base/clock.js';

export class HandClock implements Clock {
  private elapsedMs = 0;

  nowMs(): number {
    return 1_700_000_000_000 + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(): TimerHandle {
    throw new Error('a shard sets no timers');
  }

  advance(ms: number): void {
    this.elapsedMs += ms;
  }
}
