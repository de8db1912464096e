/** A clock that a test moves; timers fire one after the other, each at its own moment. Test process. */
import type { Clock, TimerHandle } from '../../src/base/clock.js';

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

export class SteppingClock implements Clock {
  private timeMs = 1_700_000_000_000;
  private readonly timers = new Set<Timer>();

  nowMs(): number {
    return this.timeMs;
  }

  monotonicMs(): number {
    return this.timeMs;
  }

  after(delayMs: number, action: () => void): TimerHandle {
    const timer: Timer = { dueMs: this.timeMs + delayMs, action };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  get timerCount(): number {
    return this.timers.size;
  }

  /** Lets promises that are ready run between one timer and the next, as an event loop would. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.timeMs + byMs;
    for (;;) {
      await idle();
      let next: Timer | null = null;
      for (const timer of this.timers) {
        if (timer.dueMs <= endMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
      }
      if (next === null) break;
      this.timers.delete(next);
      this.timeMs = Math.max(this.timeMs, next.dueMs);
      next.action();
    }
    this.timeMs = endMs;
    await idle();
  }
}

/** Resolves once every promise that could go on by itself has done so. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
