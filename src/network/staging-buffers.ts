/** Memory in which small pieces of replies are put side by side, and file bytes where sendfile cannot take them. Main thread. */
import { KiB } from '../base/units.js';

export const LARGE_STAGING_BYTES = 256 * KiB;
export const SMALL_STAGING_BYTES = 16 * KiB;

/** Large ones in use at one time: beyond that, slow readers get small ones, so that many of them hold little. */
const LARGE_IN_USE_MAX = 64;
const LARGE_IDLE_MAX = 4;
const SMALL_IDLE_MAX = 64;

export class StagingBuffers {
  #largeInUse = 0;
  readonly #large: Buffer[] = [];
  readonly #small: Buffer[] = [];

  /** A large buffer if `bytes` ask for one and there is one, otherwise a small one. */
  take(bytes: number): Buffer {
    if (bytes <= SMALL_STAGING_BYTES || this.#largeInUse >= LARGE_IN_USE_MAX) {
      return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_STAGING_BYTES);
    }
    this.#largeInUse++;
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_STAGING_BYTES);
  }

  give(buffer: Buffer): void {
    if (buffer.length === LARGE_STAGING_BYTES) {
      this.#largeInUse--;
      if (this.#large.length < LARGE_IDLE_MAX) this.#large.push(buffer);
    } else if (this.#small.length < SMALL_IDLE_MAX) {
      this.#small.push(buffer);
    }
  }

  /** For a buffer that a dying socket may still hold: counted as gone, left to the collector. */
  lose(buffer: Buffer): void {
    if (buffer.length === LARGE_STAGING_BYTES) this.#largeInUse--;
  }
}
