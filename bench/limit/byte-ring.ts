/** A ring of bytes in shared memory between the receiving thread and the writing thread of the receive limit. */

/**
 *   control words of ring r, four int32 each:   | head | tail | ended | - |
 *   bytes of ring r:                            [ r * ringBytes, (r + 1) * ringBytes )
 *
 * head and tail count bytes for ever, modulo 2^32; ringBytes is a power of two.
 */
export const ringBytes = 1024 * 1024;
export const ringsMax = 16;
const wordsPerRing = 4;
/** One word behind the rings: counts events, so that the writer can sleep until the next. */
const bellWord = ringsMax * wordsPerRing;

export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
}

export function createRingMemory(): RingMemory {
  return {
    control: new SharedArrayBuffer((bellWord + 1) * 4),
    bytes: new SharedArrayBuffer(ringsMax * ringBytes),
  };
}

export class ByteRing {
  private readonly control: Int32Array;
  private readonly bytes: Buffer;
  private readonly headWord: number;

  constructor(memory: RingMemory, index: number) {
    this.control = new Int32Array(memory.control);
    this.bytes = Buffer.from(memory.bytes, index * ringBytes, ringBytes);
    this.headWord = index * wordsPerRing;
  }

  /** Bytes that wait for the writer. */
  get used(): number {
    return (Atomics.load(this.control, this.headWord) - Atomics.load(this.control, this.headWord + 1)) >>> 0;
  }
  get ended(): boolean {
    return Atomics.load(this.control, this.headWord + 2) === 1;
  }

  /** The next `lengthMax` bytes to receive into, fewer at the ring's end; they may not be free yet. */
  region(lengthMax: number): Buffer {
    const at = Atomics.load(this.control, this.headWord) & (ringBytes - 1);
    return this.bytes.subarray(at, Math.min(at + lengthMax, ringBytes));
  }
  /** Hands `count` received bytes to the writer. */
  commit(count: number): void {
    Atomics.add(this.control, this.headWord, count);
    ring(this.control);
  }
  end(): void {
    Atomics.store(this.control, this.headWord + 2, 1);
    ring(this.control);
  }
  /** Resolves when at least `count` bytes are free. */
  async free(count: number): Promise<void> {
    for (;;) {
      const tail = Atomics.load(this.control, this.headWord + 1);
      if (ringBytes - this.used >= count) return;
      await Atomics.waitAsync(this.control, this.headWord + 1, tail).value;
    }
  }

  /** What waits for the writer, `lengthMax` bytes at the most, fewer at the ring's end. */
  waiting(lengthMax: number): Buffer {
    const at = Atomics.load(this.control, this.headWord + 1) & (ringBytes - 1);
    return this.bytes.subarray(at, Math.min(at + Math.min(this.used, lengthMax), ringBytes));
  }
  release(count: number): void {
    Atomics.add(this.control, this.headWord + 1, count);
    Atomics.notify(this.control, this.headWord + 1);
  }
}

function ring(control: Int32Array): void {
  Atomics.add(control, bellWord, 1);
  Atomics.notify(control, bellWord);
}

/** The count of events so far, to be given to {@link sleepUntilNext}. */
export function events(memory: RingMemory): number {
  return Atomics.load(new Int32Array(memory.control), bellWord);
}

/** Blocks the thread until there are more events than `seen`. */
export function sleepUntilNext(memory: RingMemory, seen: number): void {
  Atomics.wait(new Int32Array(memory.control), bellWord, seen);
}
