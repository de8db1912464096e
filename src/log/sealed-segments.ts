/** Sealed segments of a log that somebody else may bring to disk, and what a start has left to write again before. Lives on shards. */
import type { Segment } from './segment.js';
import type { WriteAgain } from './write-again.js';

/**
 * With `flush=never` nothing waits for the disk, but a segment that is full is brought there by somebody else, so that a start
 * after a crash need not scan it. Whoever flushes it must not be told before all of it is written: see {@link UnflushedTail}.
 */
export class SealedSegments {
  private ready: Segment[] = [];
  /** What a start found in memory and has not written again, in the order of the segments. */
  private rest: WriteAgain[] = [];

  constructor(
    /** Of the log; the last one is active. */
    private readonly segments: readonly Segment[],
  ) {}

  /** The log serves, and has so much left of its start. */
  begin(rest: WriteAgain[]): void {
    this.rest = rest;
  }

  add(segment: Segment): void {
    if (!this.rest.some((again) => again.segment === segment)) this.ready.push(segment);
  }

  /** Goes on for about `budgetBytes` to write again; true where nothing is left. @throws StorageError */
  writeAgain(budgetBytes: number): boolean {
    const [first] = this.rest;
    if (first === undefined) return true;
    const { segment } = first;
    // It may have been retired meanwhile.
    const isThere = this.segments.includes(segment);
    if (isThere && !first.run(budgetBytes)) return false;
    this.rest.shift();
    if (isThere && segment !== this.segments.at(-1)) this.ready.push(segment);
    return this.rest.length === 0;
  }

  /** Before a flush that is to cover everything. @throws StorageError */
  writeAllAgain(): void {
    while (!this.writeAgain(Number.POSITIVE_INFINITY));
  }

  /** Those that may be flushed, each of them once. */
  take(): readonly Segment[] {
    if (this.ready.length === 0) return this.ready;
    const taken = this.ready;
    this.ready = [];
    return taken;
  }

  /** The log is of no use any more. */
  forget(): void {
    this.rest = [];
  }
}
