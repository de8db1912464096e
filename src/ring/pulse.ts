/**
 * What a shard's thread is doing, and whether it still does anything, for the main thread to look at. Both sides.
 *
 *   word 0 ┌ beats: 30 bits ┬ state: 2 bits ┐   one store for each change of state; 0 until the thread has begun
 *   word 1 ┌ slot of the partition whose files are in use, or -1 ┐
 */

const ASLEEP = 1;
const WORKING = 2;
const AT_DISK = 3;
const STATE_MASK = 3;
const ONE_BEAT = STATE_MASK + 1;

const BEAT_WORD = 0;
const SLOT_WORD = 1;
const PULSE_BYTES = 8;

export function allocatePulse(): SharedArrayBuffer {
  return new SharedArrayBuffer(PULSE_BYTES);
}

/** The shard's end. */
export class Pulse {
  private readonly words: Int32Array;
  private beats = 0;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  asleep(): void {
    this.change(ASLEEP);
  }

  working(): void {
    this.change(WORKING);
  }

  atDisk(): void {
    this.change(AT_DISK);
  }

  /** Whose files are read and written from now on; -1 for nobody's in particular. */
  concerns(slot: number): void {
    Atomics.store(this.words, SLOT_WORD, slot);
  }

  private change(state: number): void {
    this.beats = (this.beats + ONE_BEAT) | 0;
    Atomics.store(this.words, BEAT_WORD, this.beats | state);
  }
}

/** The main thread's end. */
export class PulseView {
  private readonly words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.words = new Int32Array(memory);
  }

  /** Another one after each change. */
  get beat(): number {
    return Atomics.load(this.words, BEAT_WORD);
  }

  /** A thread that has not begun yet, or waits to be woken. */
  get isAsleep(): boolean {
    return (this.beat & STATE_MASK) <= ASLEEP;
  }

  get hasBegun(): boolean {
    return this.beat !== 0;
  }

  get isAtDisk(): boolean {
    return (this.beat & STATE_MASK) === AT_DISK;
  }

  get slot(): number {
    return Atomics.load(this.words, SLOT_WORD);
  }

  /** The thread is gone, and the next one has not begun. */
  reset(): void {
    Atomics.store(this.words, BEAT_WORD, 0);
    Atomics.store(this.words, SLOT_WORD, -1);
  }
}
