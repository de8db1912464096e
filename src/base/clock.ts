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

/** The longest delay of a timer of Node's: 24.8 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, action) {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      // Node makes 1 ms of what its timers cannot hold.
      const stepMs = Math.min(leftMs, TIMER_MS_MAX);
      timer = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : action()), stepMs);
      timer.unref();
    };
    arm(delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};
