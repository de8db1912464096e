/** Many deadlines behind one timer: a binary heap, so that a thousand parked requests cost one entry each and no timer of their own. */
import type { Clock, TimerHandle } from './clock.js';

/** One deadline; cancelled entries stay in the heap until they reach its top. */
export interface Deadline {
  readonly atMs: number;
  readonly action: () => void;
  cancelled: boolean;
}

export class Deadlines {
  private readonly heap: Deadline[] = [];
  private timer: TimerHandle | null = null;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private live = 0;

  constructor(private readonly clock: Clock) {}

  /** Calls `action` once, `delayMs` from now. */
  after(delayMs: number, action: () => void): Deadline {
    const deadline: Deadline = { atMs: this.clock.monotonicMs() + delayMs, action, cancelled: false };
    this.push(deadline);
    this.live++;
    if (deadline.atMs < this.timerAtMs) this.arm();
    return deadline;
  }

  cancel(deadline: Deadline): void {
    if (deadline.cancelled) return;
    deadline.cancelled = true;
    this.live--;
    // Requests that are answered early leave entries behind: sweep before they outnumber the living.
    if (this.heap.length > 64 && this.live * 2 < this.heap.length) this.sweep();
  }

  get size(): number {
    return this.live;
  }

  close(): void {
    this.timer?.cancel();
    this.timer = null;
    this.heap.length = 0;
    this.live = 0;
    this.timerAtMs = Number.POSITIVE_INFINITY;
  }

  private arm(): void {
    this.timer?.cancel();
    this.timer = null;
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const first = this.heap[0];
    if (first === undefined) return;
    this.timerAtMs = first.atMs;
    this.timer = this.clock.after(Math.max(0, Math.ceil(first.atMs - this.clock.monotonicMs())), this.fire);
  }

  private readonly fire = (): void => {
    const nowMs = this.clock.monotonicMs();
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || (!first.cancelled && first.atMs > nowMs)) break;
      this.pop();
      if (first.cancelled) continue;
      first.cancelled = true;
      this.live--;
      first.action();
    }
    this.arm();
  };

  private sweep(): void {
    const living = this.heap.filter((deadline) => !deadline.cancelled);
    this.heap.length = 0;
    for (const deadline of living) this.push(deadline);
    this.arm();
  }

  private push(deadline: Deadline): void {
    const { heap } = this;
    let at = heap.push(deadline) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent].atMs <= deadline.atMs) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = deadline;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].atMs < heap[child].atMs) child++;
      if (heap[child].atMs >= last.atMs) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
