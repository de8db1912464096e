/** Where fetches wait for records: no ring traffic and no timer of their own. Main thread. */
import type { Clock } from '../base/clock.js';
import { Crowd } from '../base/crowd.js';
import { Deadlines } from '../base/deadlines.js';
import type { Deadline, TimerWheel } from '../base/timer-wheel.js';
import type { PartitionHandle, Partitions } from './partitions.js';

/** A wait ends up to this part of it early, so that many end in the same moment. */
const BEAT_SHARE = 4;

/** Something beside a partition that a parked fetch may wait for. */
export interface Listenable {
  /** Calls `listener` at each change; returns the unsubscribe. */
  onChange(listener: () => void): () => void;
}

export class Purgatory {
  private readonly deadlines: Deadlines;
  private readonly parked = new Crowd<() => void>();
  /** Who waits on each connection: one listener for all of them is less work than one for each. */
  private readonly onConnection = new WeakMap<AbortSignal, Crowd<() => void>>();
  /** Nobody waits here any more: who finds nothing says so at once. */
  closed = false;

  constructor(
    private readonly partitions: Pick<Partitions, 'onProgress'>,
    private readonly clock: Clock,
    wheel: TimerWheel,
  ) {
    this.deadlines = new Deadlines(wheel);
  }

  get size(): number {
    return this.parked.size;
  }

  /**
   * Until when one waits who may wait `waitMs`, by the clock that never goes back: to a beat, so that consumers that find
   * nothing are answered together, come back together, and wake the process some times a second instead of twice each.
   */
  deadlineMs(waitMs: number): number {
    const nowMs = this.clock.monotonicMs();
    const dueMs = nowMs + waitMs;
    const beatMs = 2 ** Math.floor(Math.log2(Math.max(1, waitMs / BEAT_SHARE)));
    const onBeatMs = Math.floor(dueMs / beatMs) * beatMs;
    return onBeatMs > nowMs ? onBeatMs : dueMs;
  }

  /**
   * Calls `wake` once: when one of the partitions moved, or something else that it waits for did; when `waitMs` passed,
   * `connectionClosed` is aborted, or at `close`.
   */
  park(
    handles: readonly PartitionHandle[],
    waitMs: number,
    connectionClosed: AbortSignal,
    wake: () => void,
    alsoFor: readonly Listenable[] = [],
  ): void {
    if (this.closed) {
      wake();
      return;
    }
    const unsubscribes: (() => void)[] = [];
    const others = this.waitingOn(connectionClosed);
    let isParked = true;
    const leave = (): void => {
      if (!isParked) return;
      isParked = false;
      this.parked.leave(seat);
      others.leave(seatAmongOthers);
      for (const unsubscribe of unsubscribes) unsubscribe();
      this.deadlines.clear(deadline);
      wake();
    };
    const deadline = this.deadlines.create(leave);
    const seat = this.parked.join(leave);
    const seatAmongOthers = others.join(leave);
    for (const handle of handles) unsubscribes.push(this.partitions.onProgress(handle, leave));
    for (const other of alsoFor) unsubscribes.push(other.onChange(leave));
    this.deadlines.set(deadline, waitMs);
  }

  /** Calls `act` once after `waitMs`, unless it is {@link callOff called off} before, or the purgatory closed. */
  after(waitMs: number, act: () => void): Deadline {
    const deadline = this.deadlines.create(act);
    this.deadlines.set(deadline, waitMs);
    return deadline;
  }

  callOff(deadline: Deadline): void {
    this.deadlines.clear(deadline);
  }

  private waitingOn(connectionClosed: AbortSignal): Crowd<() => void> {
    let waiting = this.onConnection.get(connectionClosed);
    if (waiting === undefined) {
      const made = new Crowd<() => void>();
      connectionClosed.addEventListener('abort', () => {
        for (const leave of made.members()) leave();
      });
      this.onConnection.set(connectionClosed, made);
      waiting = made;
    }
    return waiting;
  }

  /** Lets everybody go; parked fetches answer with what is there. */
  close(): void {
    this.closed = true;
    for (const leave of this.parked.members()) leave();
    this.deadlines.close();
  }
}
