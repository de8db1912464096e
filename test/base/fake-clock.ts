/** A clock that stands still until a test advances it by hand. */
import type { Clock, TimerHandle } from '../../src/base/clock.js';

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
}

export class FakeClock implements Clock {
  #nowMs = 0;
  readonly #alarms = new Set<Alarm>();

  constructor(private readonly startMs: number = 1_700_000_000_000) {}

  nowMs(): number {
    return this.startMs + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): TimerHandle {
    const alarm = { atMs: this.#nowMs + delayMs, action };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Timers that have neither gone off nor been cancelled. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Moves on by `ms`, going off at what falls due, in order, those set on the way included. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: Alarm | null = null;
      for (const alarm of this.#alarms)
        if (alarm.atMs <= endMs && (next === null || alarm.atMs < next.atMs)) next = alarm;
      if (next === null) break;
      this.#alarms.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.action();
    }
    this.#nowMs = endMs;
  }
}
