/** A clock that stands still until a test moves it; what is due at once runs in the next microtask. */
import type { Clock, TimerHandle } from '../../src/base/clock.js';

export class HandClock implements Clock {
  #nowMs = 1_700_000_000_000;
  #timers: { dueMs: number; action: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): TimerHandle {
    if (delayMs === 0) {
      let cancelled = false;
      queueMicrotask(() => {
        if (!cancelled) action();
      });
      return {
        cancel: () => {
          cancelled = true;
        },
      };
    }
    const timer = { dueMs: this.#nowMs + delayMs, action };
    this.#timers.push(timer);
    return { cancel: () => this.#timers.splice(this.#timers.indexOf(timer), 1) };
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#nowMs);
    for (const { action } of due) action();
  }
}
