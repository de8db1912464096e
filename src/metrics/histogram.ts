/**
 * Counts of values by bucket, in plain number slots that may lie in memory shared with another thread. Any thread: one
 * thread observes, any other may read; what it reads may be an observation behind, and that is all.
 *
 *   ┌ sum f64 ┬ count of the first bucket f64 ┬ … ┬ count of the bucket without a bound f64 ┐
 */

export class Histogram {
  private readonly slots: Float64Array;

  /** `memory` holds {@link histogramBytes}, all zeros at first; not given: memory of its own. */
  constructor(
    private readonly bounds: readonly number[],
    memory: ArrayBufferLike = new ArrayBuffer(histogramBytes(bounds)),
  ) {
    this.slots = new Float64Array(memory, 0, bounds.length + 2);
  }

  observe(value: number): void {
    const { bounds, slots } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    slots[0] += value;
    slots[1 + bucket]++;
  }

  get sum(): number {
    return this.slots[0];
  }

  /** How many values were at most each bound; the last entry, of the bound +Inf, counts all. */
  cumulative(): { readonly bound: number; readonly count: number }[] {
    let count = 0;
    return [...this.bounds, Number.POSITIVE_INFINITY].map((bound, bucket) => {
      count += this.slots[1 + bucket];
      return { bound, count };
    });
  }
}

export function histogramBytes(bounds: readonly number[]): number {
  return (bounds.length + 2) * Float64Array.BYTES_PER_ELEMENT;
}
