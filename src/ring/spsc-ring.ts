/** A single-producer single-consumer ring of byte entries in shared memory: each end is used by exactly one thread. */
import { assert } from '../base/assert.js';
import { MiB } from '../base/units.js';
import {
  CONTROL_BYTES,
  ENTRY_HEADER_BYTES,
  entryBytes,
  HEAD_WORD,
  PADDING_TYPE,
  PARKED_WORD,
  payloadBytesMax,
  TAIL_WORD,
} from './ring-layout.js';

/**
 * Behind this the producer begins again at the front as soon as nearly all of what lies there is released, instead of going on
 * to the end: memory that was used a moment ago is in the processors' caches, what is further on is not.
 */
const WARM_BYTES = 2 * MiB;
/** What is not released yet must be less than this part of it. */
const DRAINED_SHARE = 8;

class RingEnd {
  protected readonly words: Int32Array;
  protected readonly headers: Int32Array;
  protected readonly capacity: number;
  protected readonly mask: number;
  /** The data area. Payload positions index into it. */
  readonly data: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory, 0, CONTROL_BYTES / 4);
    this.capacity = memory.byteLength - CONTROL_BYTES;
    this.mask = this.capacity - 1;
    this.headers = new Int32Array(memory, CONTROL_BYTES, this.capacity / 4);
    this.data = Buffer.from(memory, CONTROL_BYTES, this.capacity);
  }
}

/** The writing end: claim room, fill it in place, claim more, then commit all of it with one store. */
export class RingProducer extends RingEnd {
  /** See {@link WARM_BYTES}. */
  private readonly warmBytes = Math.min(WARM_BYTES, this.capacity / 4);
  private tail: number;
  /** Last `head` seen: reloaded only when the ring looks full. */
  private head: number;
  private uncommitted = false;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.tail = Atomics.load(this.words, TAIL_WORD) >>> 0;
    this.head = Atomics.load(this.words, HEAD_WORD) >>> 0;
  }

  /** Position of `length` writable payload bytes in `data`, or -1 while the ring is full. */
  claim(type: number, length: number): number {
    assert(length <= payloadBytesMax(this.capacity), 'an entry fits in half of its ring');
    const bytes = entryBytes(length);
    let at = this.tail & this.mask;
    const untilEnd = this.capacity - at;
    const padding = untilEnd < bytes || (at >= this.warmBytes && this.isNearlyDrained(at, bytes)) ? untilEnd : 0;
    if (!this.hasRoom(bytes + padding)) return -1;
    if (padding > 0) {
      this.headers[at >> 2] = padding - ENTRY_HEADER_BYTES;
      this.headers[(at >> 2) + 1] = PADDING_TYPE;
      this.tail = (this.tail + padding) >>> 0;
      at = 0;
    }
    this.headers[at >> 2] = length;
    this.headers[(at >> 2) + 1] = type;
    this.tail = (this.tail + bytes) >>> 0;
    this.uncommitted = true;
    return at + ENTRY_HEADER_BYTES;
  }

  /** Nearly all in front of `at` has been released, so that room is not short before the consumer comes to the front as well. */
  private isNearlyDrained(at: number, bytes: number): boolean {
    this.head = Atomics.load(this.words, HEAD_WORD) >>> 0;
    const used = (this.tail - this.head) >>> 0;
    return used <= this.warmBytes / DRAINED_SHARE && used + bytes <= at;
  }

  private hasRoom(bytes: number): boolean {
    if (this.capacity - ((this.tail - this.head) >>> 0) >= bytes) return true;
    this.head = Atomics.load(this.words, HEAD_WORD) >>> 0;
    return this.capacity - ((this.tail - this.head) >>> 0) >= bytes;
  }

  /** The consumer has not released all that was claimed. */
  get hasUnread(): boolean {
    return Atomics.load(this.words, HEAD_WORD) >>> 0 !== this.tail;
  }

  /** Makes everything claimed visible, and wakes the consumer if it sleeps. */
  commit(): void {
    if (!this.uncommitted) return;
    this.uncommitted = false;
    Atomics.store(this.words, TAIL_WORD, this.tail | 0);
    this.wake();
  }

  /** Wakes the consumer if it sleeps. The exchange makes sure that each sleep is woken once. */
  wake(): void {
    if (Atomics.load(this.words, PARKED_WORD) === 1 && Atomics.exchange(this.words, PARKED_WORD, 0) === 1) {
      Atomics.notify(this.words, PARKED_WORD, 1);
    }
  }

  /** Blocks until the consumer has released something; `false` after `timeoutMs`. Never on the main thread. */
  waitForRoom(timeoutMs: number): boolean {
    return Atomics.wait(this.words, HEAD_WORD, this.head | 0, timeoutMs) !== 'timed-out';
  }
}

/** The reading end: poll entries one by one, use them where they lie, release all that was polled with one store. */
export class RingConsumer extends RingEnd {
  private head: number;
  private released: number;
  private held = 0;
  private tail: number;
  /** Of the entry that the last successful `poll` returned. */
  type = 0;
  position = 0;
  length = 0;

  constructor(memory: SharedArrayBuffer) {
    super(memory);
    this.head = Atomics.load(this.words, HEAD_WORD) >>> 0;
    this.released = this.head;
    this.tail = this.head;
  }

  /** Moves to the next committed entry; false where there is none. Entries stay valid until `release`. */
  poll(): boolean {
    for (;;) {
      if (this.head === this.tail) {
        this.tail = Atomics.load(this.words, TAIL_WORD) >>> 0;
        if (this.head === this.tail) return false;
      }
      const at = this.head & this.mask;
      this.length = this.headers[at >> 2];
      this.type = this.headers[(at >> 2) + 1];
      this.position = at + ENTRY_HEADER_BYTES;
      const bytes = entryBytes(this.length);
      this.head = (this.head + bytes) >>> 0;
      if (this.type === PADDING_TYPE) continue;
      this.held += bytes;
      return true;
    }
  }

  /** Bytes of entries polled and not yet released. */
  get heldBytes(): number {
    return this.held;
  }

  /** Gives the room of everything polled back to the producer; wakes a producer that blocks in `waitForRoom`. */
  release(): void {
    if (this.released === this.head) return;
    this.released = this.head;
    this.held = 0;
    Atomics.store(this.words, HEAD_WORD, this.head | 0);
    Atomics.notify(this.words, HEAD_WORD, 1);
  }

  private announceSleep(): boolean {
    Atomics.store(this.words, PARKED_WORD, 1);
    // Look again after the announcement: a commit before it has woken nobody.
    if (Atomics.load(this.words, TAIL_WORD) >>> 0 === this.head) return true;
    Atomics.store(this.words, PARKED_WORD, 0);
    return false;
  }

  /** Sleeps until the producer commits or `timeoutMs` passes. Blocks: for shards, never for the main thread. */
  wait(timeoutMs: number): void {
    // Looking on for 20, 50 or 100 us before it sleeps, yielding the processor between looks, gave 4 to 10 % with 16 KiB batches and
    // single records, nothing with 64 KiB, and took 5 to 12 % of a core more at a thousand records a second: not kept.
    if (!this.announceSleep()) return;
    Atomics.wait(this.words, PARKED_WORD, 1, timeoutMs);
    Atomics.store(this.words, PARKED_WORD, 0);
  }

  /** Calls `ready` once, as soon as there is something to poll; no timer, no polling. Returns false if there is already. */
  // Looking on here for 40 or 80 us after a shard was woken for one or two appends, instead of being called, changed no latency
  // (1,000 records a second 0.17 against 0.17 ms, 10 MB/s 0.23 against 0.20) and took 1 to 3 % of a core: not kept.
  whenReady(ready: () => void): boolean {
    if (!this.announceSleep()) return false;
    const waiting = Atomics.waitAsync(this.words, PARKED_WORD, 1);
    if (!waiting.async) return false;
    waiting.value.then(ready);
    return true;
  }

  /** Ends a pending `whenReady` (its `ready` is called), so that closing leaves no waiter behind. */
  interrupt(): void {
    Atomics.store(this.words, PARKED_WORD, 0);
    Atomics.notify(this.words, PARKED_WORD, 1);
  }
}
