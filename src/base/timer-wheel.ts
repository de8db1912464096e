/** All deadlines of the broker's coordinators and parked fetches behind one timer: a hierarchical timing wheel. Main thread. */
import { assert } from './assert.js';
import type { Clock, TimerHandle } from './clock.js';

/*
 * A tick is a millisecond. A wheel of level n has 32 slots of 32^n ticks each, and together they are one slot of the
 * wheel above:
 *
 *   level 2   │ 0 │ 1 │ 2 │ … │ 31 │           1,024 ticks a slot, 32,768 in all
 *   level 1           │ 0 │ 1 │ … │ 31 │          32 ticks a slot
 *   level 0                   │ 0 │ … │ 31 │       1 tick a slot: what comes up here is due
 *
 * A deadline lies on the lowest level on which it and the present share a slot of the level above. So slots in front of
 * the present one are always empty, nothing wraps around, and the lowest level that holds anything holds what is next. When
 * the present reaches a slot of a higher level, what lies there moves down. Levels reach to the last safe integer: there is
 * no overflow to keep beside them.
 *
 * The road not taken is a binary heap over the same one timer (bench/micro/deadline-heap.ts). Measured beside 10,000
 * members: a heartbeat costs 8 ns on either; a session that is set and ends 220 ns here and 290 ns there; a fetch that is
 * parked and let go 70 ns here and 40 ns there, but 0.3 µs instead of 2.6 µs at p99, when a heap throws out what is dead.
 */
const SLOT_BITS = 5;
const SLOTS = 2 ** SLOT_BITS;
/** 32^11 ticks are more than a safe integer holds. */
const LEVELS = 11;
const TICK_MAX = Number.MAX_SAFE_INTEGER;
/** Ticks that one slot of a level spans. */
const SLOT_TICKS: readonly number[] = Array.from({ length: LEVELS + 1 }, (_, level) => SLOTS ** level);
const NOWHERE = -1;

/** Something that is due at a moment, or not at all. Its fields are the wheel's. */
export class Deadline {
  /** The tick that it is due at; Infinity where nothing is due. */
  dueTick = Number.POSITIVE_INFINITY;
  /** The tick that its slot was chosen for: never later than `dueTick`. */
  placedTick = 0;
  /** Its slot, counted through all levels. */
  slot = NOWHERE;
  /** Neighbours in its slot, which is a circle. */
  previous: Deadline = this;
  next: Deadline = this;

  constructor(
    readonly action: () => void,
    /** Whoever may take it away with others of its own. */
    readonly owner: object,
  ) {}
}

/**
 * A heartbeat moves its member's deadline forward thousands of times for every time that one is missed. So a deadline that is
 * put off stays where it lies: when that slot comes up, it is placed anew. Nothing fires early; what is due fires at the first
 * tick that is not before its time, or when the event loop gets to it. A wheel in which nothing lies sets no timer.
 */
export class TimerWheel {
  /** The first deadline of each slot of each level. */
  private readonly slots: (Deadline | null)[] = new Array(LEVELS * SLOTS).fill(null);
  /** A bit for each slot of a level that holds something. */
  private readonly occupied: number[] = new Array(LEVELS).fill(0);
  /** All slots that begin before this tick are empty. */
  private tick: number;
  private timer: TimerHandle | null = null;
  private armedTick = Number.POSITIVE_INFINITY;
  private closed = false;

  constructor(private readonly clock: Clock) {
    this.tick = Math.floor(clock.monotonicMs());
  }

  /** Makes `deadline` due `delayMs` from now, whatever it was before. */
  set(deadline: Deadline, delayMs: number): void {
    assert(delayMs >= 0, 'a deadline must not lie in the past');
    if (this.closed) return;
    const nowMs = this.clock.monotonicMs();
    const dueTick = Math.min(Math.ceil(nowMs + delayMs), TICK_MAX);
    deadline.dueTick = dueTick;
    if (deadline.slot !== NOWHERE) {
      if (deadline.placedTick <= dueTick) return;
      this.remove(deadline);
    }
    // Not onto the next slot: what lies there must move down first.
    this.tick = Math.max(this.tick, Math.min(Math.floor(nowMs), this.nextTick() - 1));
    this.place(deadline);
    this.arm(nowMs);
  }

  /** The timer stays as it is: what is set next mostly takes it over, and where nothing is, it finds nothing, once. */
  clear(deadline: Deadline): void {
    deadline.dueTick = Number.POSITIVE_INFINITY;
    if (deadline.slot !== NOWHERE) this.remove(deadline);
  }

  /** Clears all that `owner` has set, in time linear in what lies in the wheel. */
  clearAll(owner: object): void {
    for (const first of this.slots) {
      const here: Deadline[] = [];
      for (let deadline = first; deadline !== null; deadline = deadline.next === first ? null : deadline.next) {
        if (deadline.owner === owner) here.push(deadline);
      }
      for (const deadline of here) this.clear(deadline);
    }
    if (this.nextSlot() === NOWHERE) this.disarm();
  }

  /** Nothing fires after this. */
  close(): void {
    this.closed = true;
    this.disarm();
    this.slots.fill(null);
    this.occupied.fill(0);
  }

  private fire(): void {
    this.timer = null;
    this.armedTick = Number.POSITIVE_INFINITY;
    const nowTick = Math.floor(this.clock.monotonicMs());
    for (;;) {
      const slot = this.nextSlot();
      if (slot === NOWHERE || this.startOf(slot) > nowTick) break;
      this.tick = this.startOf(slot);
      // All of a slot of a higher level moves before anything fires: what an action sets must find it in order.
      if (slot >= SLOTS) this.moveDown(slot);
      else this.comeUp(this.slots[slot] as Deadline);
    }
    this.arm(this.clock.monotonicMs());
  }

  private moveDown(slot: number): void {
    for (let deadline = this.slots[slot]; deadline !== null; deadline = this.slots[slot]) {
      this.remove(deadline);
      this.place(deadline);
    }
  }

  private comeUp(deadline: Deadline): void {
    this.remove(deadline);
    if (deadline.dueTick > this.tick) {
      this.place(deadline);
      return;
    }
    deadline.dueTick = Number.POSITIVE_INFINITY;
    // May set and clear others, this one too, and close the wheel.
    deadline.action();
  }

  private arm(nowMs: number): void {
    const tick = this.nextTick();
    if (this.armedTick <= tick) return;
    this.disarm();
    this.armedTick = tick;
    // Node's timers drop fractions of a millisecond, and would wake too early for them.
    this.timer = this.clock.after(Math.max(0, Math.ceil(tick - nowMs)), () => this.fire());
  }

  private disarm(): void {
    this.timer?.cancel();
    this.timer = null;
    this.armedTick = Number.POSITIVE_INFINITY;
  }

  /** The first slot that holds something; {@link NOWHERE} where none does. */
  private nextSlot(): number {
    for (let level = 0; level < LEVELS; level++) {
      const bits = this.occupied[level];
      if (bits !== 0) return level * SLOTS + (SLOTS - 1 - Math.clz32(bits & -bits));
    }
    return NOWHERE;
  }

  /** The first tick of a slot that lies within the present slot of the level above. */
  private startOf(slot: number): number {
    const level = Math.floor(slot / SLOTS);
    const aboveTicks = SLOT_TICKS[level + 1];
    return Math.floor(this.tick / aboveTicks) * aboveTicks + (slot % SLOTS) * SLOT_TICKS[level];
  }

  private nextTick(): number {
    const slot = this.nextSlot();
    return slot === NOWHERE ? Number.POSITIVE_INFINITY : this.startOf(slot);
  }

  private place(deadline: Deadline): void {
    const { dueTick } = deadline;
    let level = 0;
    while (Math.floor(dueTick / SLOT_TICKS[level + 1]) !== Math.floor(this.tick / SLOT_TICKS[level + 1])) level++;
    const inLevel = Math.floor(dueTick / SLOT_TICKS[level]) % SLOTS;
    const slot = level * SLOTS + inLevel;
    deadline.placedTick = dueTick;
    deadline.slot = slot;
    const first = this.slots[slot];
    if (first === null) {
      this.slots[slot] = deadline;
      this.occupied[level] |= 1 << inLevel;
    } else {
      deadline.previous = first.previous;
      deadline.next = first;
      first.previous.next = deadline;
      first.previous = deadline;
    }
  }

  private remove(deadline: Deadline): void {
    const { slot, previous, next } = deadline;
    if (next === deadline) {
      this.slots[slot] = null;
      this.occupied[Math.floor(slot / SLOTS)] &= ~(1 << (slot % SLOTS));
    } else {
      if (this.slots[slot] === deadline) this.slots[slot] = next;
      previous.next = next;
      next.previous = previous;
      deadline.previous = deadline;
      deadline.next = deadline;
    }
    deadline.slot = NOWHERE;
  }
}
