/** The one door to time: wall clock, monotonic clock and timers. Tests pass a clock that they advance by hand. */

export interface TimerHandle {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. May jump: for timestamps that people and clients see, never for durations. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back: for durations and deadlines. Fractions allowed. */
  monotonicMs(): number;
  /** Calls `action` once, `delayMs` from now. Does not keep the process alive. */
  after(delayMs: number, action: () => void): TimerHandle;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};
