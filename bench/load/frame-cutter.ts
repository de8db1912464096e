/** Cuts length-prefixed replies out of what a socket delivers, in place where a reply came whole. Runs in the load client. */

/** `buffer[start..end)` is one reply, its length prefix included; valid during the call only. */
export type OnFrame = (buffer: Buffer, start: number, end: number) => void;

export class FrameCutter {
  private rest = Buffer.allocUnsafe(64 * 1024);
  private restLength = 0;

  constructor(private readonly onFrame: OnFrame) {}

  /** Takes `chunk[0..length)`; what is left of an incomplete reply is kept. */
  push(chunk: Buffer, length: number): void {
    let at = 0;
    while (this.restLength > 0 && at < length) at += this.completeRest(chunk, at, length);
    while (length - at >= 4) {
      const end = at + 4 + chunk.readInt32BE(at);
      if (end > length) break;
      this.onFrame(chunk, at, end);
      at = end;
    }
    if (at < length) this.keep(chunk, at, length);
  }

  /** Moves what the reply begun earlier still lacks (first its length prefix, then its body); returns the bytes taken. */
  private completeRest(chunk: Buffer, at: number, length: number): number {
    const want = this.restLength < 4 ? 4 : 4 + this.rest.readInt32BE(0);
    const taken = Math.min(want - this.restLength, length - at);
    this.keep(chunk, at, at + taken);
    if (this.restLength >= 4 && this.restLength === 4 + this.rest.readInt32BE(0)) {
      const end = this.restLength;
      this.restLength = 0;
      this.onFrame(this.rest, 0, end);
    }
    return taken;
  }

  private keep(chunk: Buffer, start: number, end: number): void {
    const needed = this.restLength + end - start;
    if (needed > this.rest.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.rest.length * 2, needed));
      this.rest.copy(larger, 0, 0, this.restLength);
      this.rest = larger;
    }
    chunk.copy(this.rest, this.restLength, start, end);
    this.restLength = needed;
  }
}
