/** The road that src/base/timer-wheel.ts does not take: deadlines in a heap, kept so that the two can be measured side by side. Bench process. */
import { assert } from '../../src/base/assert.js';
import type { Clock, TimerHandle } from '../../src/base/clock.js';

/** Something that is due at a moment, or not at all. Made by {@link Deadlines.create}; its owner holds it. */
export class Deadline {
  /** Monotonic milliseconds; Infinity where nothing is due. */
  dueMs = Number.POSITIVE_INFINITY;
  /** Where its one valid entry stands in the heap; Infinity without one. Never later than `dueMs` while something is due. */
  queuedMs = Number.POSITIVE_INFINITY;

  constructor(readonly action: () => void) {}
}

/** Fewer dead entries than this are not worth a look. */
const DEAD_ENTRIES_MIN = 64;

interface Entry {
  readonly atMs: number;
  readonly deadline: Deadline;
}

/**
 * A heartbeat moves its member's deadline forward thousands of times for every time that one is missed. So a deadline
 * that is put off keeps its old entry in the heap: when that entry comes up early, it is queued again for the later moment.
 * One that is cleared keeps it too, and no timer is set for it: parked fetches are let go long before their time.
 */
export class Deadlines {
  private readonly heap: Entry[] = [];
  private timer: TimerHandle | null = null;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private closed = false;
  /** Deadlines that are due at some time; the rest of the heap is dead. */
  private live = 0;

  constructor(private readonly clock: Clock) {}

  create(action: () => void): Deadline {
    return new Deadline(action);
  }

  /** Makes `deadline` due `delayMs` from now, whatever it was before. */
  set(deadline: Deadline, delayMs: number): void {
    assert(delayMs >= 0, 'a deadline must not lie in the past');
    if (this.closed) return;
    if (deadline.dueMs === Number.POSITIVE_INFINITY) this.live++;
    deadline.dueMs = this.clock.monotonicMs() + delayMs;
    if (deadline.queuedMs <= deadline.dueMs) return;
    this.queue(deadline);
    if (this.heap.length > 2 * this.live + DEAD_ENTRIES_MIN) this.dropDead();
    this.arm();
  }

  clear(deadline: Deadline): void {
    if (deadline.dueMs !== Number.POSITIVE_INFINITY) this.live--;
    deadline.dueMs = Number.POSITIVE_INFINITY;
  }

  /** Nothing fires after this. */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.timer = null;
    this.heap.length = 0;
  }

  private fire(): void {
    this.timer = null;
    this.timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.clock.monotonicMs();
    while (!this.closed && this.heap.length > 0 && this.heap[0].atMs <= nowMs) {
      const deadline = this.takeFirst();
      if (deadline === null) continue;
      if (deadline.dueMs <= nowMs) {
        deadline.dueMs = Number.POSITIVE_INFINITY;
        this.live--;
        deadline.action();
      } else {
        this.queue(deadline);
      }
    }
    this.arm();
  }

  /** Takes the first entry out of the heap; null where nothing is due because of it. */
  private takeFirst(): Deadline | null {
    const { atMs, deadline } = this.pop();
    // An entry that its deadline no longer points at was replaced by an earlier one.
    if (deadline.queuedMs !== atMs) return null;
    deadline.queuedMs = Number.POSITIVE_INFINITY;
    return deadline.dueMs === Number.POSITIVE_INFINITY ? null : deadline;
  }

  private arm(): void {
    const { heap } = this;
    if (this.closed || heap.length === 0 || this.timerAtMs <= heap[0].atMs) return;
    while (heap[0].deadline.dueMs !== heap[0].atMs) {
      const deadline = this.takeFirst();
      if (deadline !== null) this.queue(deadline);
      if (heap.length === 0) return;
    }
    const { atMs } = heap[0];
    this.timer?.cancel();
    this.timerAtMs = atMs;
    this.timer = this.clock.after(Math.max(0, atMs - this.clock.monotonicMs()), () => this.fire());
  }

  /** In time linear in the heap, and seldom enough to cost each set and clear next to nothing. */
  private dropDead(): void {
    const alive = this.heap.splice(0).filter(({ atMs, deadline }) => {
      if (deadline.queuedMs !== atMs) return false;
      if (deadline.dueMs === Number.POSITIVE_INFINITY) deadline.queuedMs = Number.POSITIVE_INFINITY;
      return deadline.queuedMs === atMs;
    });
    for (const entry of alive) this.push(entry);
  }

  private queue(deadline: Deadline): void {
    deadline.queuedMs = deadline.dueMs;
    this.push({ atMs: deadline.dueMs, deadline });
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let child = heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (heap[parent].atMs <= entry.atMs) break;
      heap[child] = heap[parent];
      child = parent;
    }
    heap[child] = entry;
  }

  private pop(): Entry {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop() as Entry;
    if (heap.length === 0) return first;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].atMs < heap[child].atMs) child += 1;
      if (heap[child].atMs >= last.atMs) break;
      heap[parent] = heap[child];
      parent = child;
    }
    heap[parent] = last;
    return first;
  }
}
