/** Memory for requests that have not arrived whole: pooled, and within one budget for all connections. Main thread. */
import { KiB, MiB } from '../base/units.js';

const SMALLEST_BYTES = 16 * KiB;
const LARGEST_POOLED_BYTES = 4 * MiB;
/** Kept for the next use, all sizes together. */
const IDLE_BYTES_MAX = 16 * MiB;

/** Who waits until there is room for a request to grow. */
export interface Grower {
  onRoom(): void;
}

/**
 * Powers of two from 16 KiB to 4 MiB are kept for reuse; what is larger is as large as asked for and left to the collector.
 *
 * One connection at a time may go over the budget. Without that, requests that together fill the budget, none of them
 * whole, would wait for each other for ever.
 */
export class FrameBuffers {
  #usedBytes = 0;
  #idleBytes = 0;
  #exempt: Grower | null = null;
  readonly #waiting = new Set<Grower>();
  /** Index: doublings of the smallest size. */
  readonly #idle: Buffer[][] = [];

  /** `bytesMax`: the budget. */
  constructor(private readonly bytesMax: number) {}

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether `grower` may take `bytes` more now; if not, it is told by `onRoom` when to ask again. */
  mayGrow(grower: Grower, bytes: number): boolean {
    if (this.#usedBytes + bytes <= this.bytesMax || this.#exempt === grower) return true;
    if (this.#exempt === null) {
      this.#exempt = grower;
      return true;
    }
    this.#waiting.add(grower);
    return false;
  }

  /** At least `bytes`, with whatever was in them before. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    this.#usedBytes += size;
    const pooled = size <= LARGEST_POOLED_BYTES ? this.#idle[classOf(size)]?.pop() : undefined;
    if (pooled === undefined) return Buffer.allocUnsafeSlow(size);
    this.#idleBytes -= size;
    return pooled;
  }

  give(buffer: Buffer): void {
    const size = buffer.length;
    this.#usedBytes -= size;
    if (size <= LARGEST_POOLED_BYTES && this.#idleBytes + size <= IDLE_BYTES_MAX) {
      this.#idleBytes += size;
      const index = classOf(size);
      this.#idle[index] ??= [];
      this.#idle[index].push(buffer);
    }
    this.#admit();
  }

  /** `grower` has its request whole, or is gone: it needs no room beyond the budget any more. */
  settled(grower: Grower): void {
    this.#waiting.delete(grower);
    if (this.#exempt !== grower) return;
    this.#exempt = null;
    this.#admit();
  }

  /** Lets go of half of what lies idle; called now and then, so that one burst does not stay for ever. */
  trim(): void {
    for (const buffers of this.#idle) {
      if (buffers === undefined) continue;
      for (const buffer of buffers.splice(0, Math.ceil(buffers.length / 2))) this.#idleBytes -= buffer.length;
    }
  }

  #admit(): void {
    if (this.#waiting.size === 0 || (this.#usedBytes >= this.bytesMax && this.#exempt !== null)) return;
    const [first] = this.#waiting;
    this.#waiting.delete(first);
    first.onRoom();
  }
}

function sizeFor(bytes: number): number {
  if (bytes > LARGEST_POOLED_BYTES) return bytes;
  return bytes <= SMALLEST_BYTES ? SMALLEST_BYTES : 2 ** (32 - Math.clz32(bytes - 1));
}

function classOf(size: number): number {
  return Math.clz32(SMALLEST_BYTES) - Math.clz32(size);
}
