/** The one clock of tests: it stands still until a test advances it. */
import type { Clock, TimerHandle } from '../../src/base/clock.js';

interface Alarm {
  readonly atMs: number;
  readonly action: () => void;
}

export class FakeClock implements Clock {
  private elapsedMs = 0;
  private readonly alarms = new Set<Alarm>();

  constructor(private readonly startMs: number = 1_700_000_000_000) {}

  nowMs(): number {
    return this.startMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  after(delayMs: number, action: () => void): TimerHandle {
    const alarm = { atMs: this.elapsedMs + delayMs, action };
    this.alarms.add(alarm);
    return { cancel: () => void this.alarms.delete(alarm) };
  }

  /** Timers that have neither gone off nor been cancelled. */
  get pending(): number {
    return this.alarms.size;
  }

  /** Moves on by `ms`, going off at what falls due, in order, those set on the way included. */
  advance(ms: number): void {
    const endMs = this.elapsedMs + ms;
    while (this.goOff(endMs));
    this.elapsedMs = endMs;
  }

  /** Time goes by and nothing can go off: the event loop was busy, or the machine asleep. */
  stall(ms: number): void {
    this.elapsedMs += ms;
  }

  /** As {@link advance}, with promises that are ready run between one timer and the next, as an event loop would. */
  async advanceAndIdle(ms: number): Promise<void> {
    const endMs = this.elapsedMs + ms;
    do await idle();
    while (this.goOff(endMs));
    this.elapsedMs = endMs;
    await idle();
  }

  /** The next timer that is due by `endMs` goes off, at its own moment; false where there is none. */
  private goOff(endMs: number): boolean {
    let next: Alarm | null = null;
    for (const alarm of this.alarms) {
      if (alarm.atMs <= endMs && (next === null || alarm.atMs < next.atMs)) next = alarm;
    }
    if (next === null) return false;
    this.alarms.delete(next);
    this.elapsedMs = Math.max(this.elapsedMs, next.atMs);
    next.action();
    return true;
  }
}

/** Resolves once every promise that could go on by itself has done so. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
