/** Memory that a job's bytes lie in for both of its threads, used again by the next job. Main thread. */

/** No Atomics: who has a slab changes with the messages that a job begins and ends with. */
export class Slabs {
  private readonly idle: SharedArrayBuffer[] = [];

  /** As many as were ever out at once are kept, of `slabBytes` each. */
  constructor(private readonly slabBytes: number) {}

  /** Of at least `bytes`; what was in it is still there. */
  take(bytes: number): SharedArrayBuffer {
    if (bytes > this.slabBytes) return new SharedArrayBuffer(bytes);
    return this.idle.pop() ?? new SharedArrayBuffer(this.slabBytes);
  }

  giveBack(slab: SharedArrayBuffer): void {
    // Larger ones are rare, and their sizes differ.
    if (slab.byteLength === this.slabBytes) this.idle.push(slab);
  }
}
