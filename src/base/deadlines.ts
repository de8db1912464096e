/** The deadlines of one owner on a timer wheel that it shares with others: closing takes away its own. Main thread. */
import { Deadline, type TimerWheel } from './timer-wheel.js';

export class Deadlines {
  private closed = false;
  private readonly pauses = new Set<() => void>();

  constructor(private readonly wheel: TimerWheel) {}

  create(action: () => void): Deadline {
    return new Deadline(action, this);
  }

  /** Makes `deadline` due `delayMs` from now, whatever it was before. */
  set(deadline: Deadline, delayMs: number): void {
    if (!this.closed) this.wheel.set(deadline, delayMs);
  }

  clear(deadline: Deadline): void {
    this.wheel.clear(deadline);
  }

  /** Resolves `ms` from now, or at once when these are closed. */
  pause(ms: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.pauses.delete(end);
        resolve();
      };
      this.pauses.add(end);
      this.set(this.create(end), ms);
    });
  }

  /** Nothing fires after this. */
  close(): void {
    this.closed = true;
    this.wheel.clearAll(this);
    for (const end of this.pauses) end();
  }
}
