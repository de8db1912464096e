/** Where fetches wait for records: no ring traffic and no timer of their own. Main thread. */
import type { Clock } from '../base/clock.js';
import { Deadlines } from '../base/deadlines.js';
import type { PartitionHandle, Partitions } from './partitions.js';

export class Purgatory {
  private readonly deadlines: Deadlines;
  private readonly parked = new Set<() => void>();
  /** Nobody waits here any more: who finds nothing says so at once. */
  closed = false;

  constructor(
    private readonly partitions: Pick<Partitions, 'onProgress'>,
    clock: Clock,
  ) {
    this.deadlines = new Deadlines(clock);
  }

  get size(): number {
    return this.parked.size;
  }

  /** Resolves when one of the partitions moved, when `waitMs` passed, when `connectionClosed` is aborted, or at `close`. */
  park(handles: readonly PartitionHandle[], waitMs: number, connectionClosed: AbortSignal): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const unsubscribes: (() => void)[] = [];
      const wake = (): void => {
        if (!this.parked.delete(wake)) return;
        for (const unsubscribe of unsubscribes) unsubscribe();
        this.deadlines.clear(deadline);
        connectionClosed.removeEventListener('abort', wake);
        resolve();
      };
      const deadline = this.deadlines.create(wake);
      this.parked.add(wake);
      for (const handle of handles) unsubscribes.push(this.partitions.onProgress(handle, wake));
      connectionClosed.addEventListener('abort', wake);
      this.deadlines.set(deadline, waitMs);
    });
  }

  /** Lets everybody go; parked fetches answer with what is there. */
  close(): void {
    this.closed = true;
    for (const wake of [...this.parked]) wake();
    this.deadlines.close();
  }
}
