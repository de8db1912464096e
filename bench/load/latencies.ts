/** Latencies of one run: an HDR histogram in microseconds. Lives in the load client's process. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import type { Percentiles } from './job.js';

const highestMicros = 120_000_000;

export class Latencies {
  private readonly histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: highestMicros,
    numberOfSignificantValueDigits: 3,
  });

  record(milliseconds: number): void {
    const micros = Math.round(milliseconds * 1000);
    this.histogram.recordValue(Math.min(Math.max(micros, 0), highestMicros));
  }
  reset(): void {
    this.histogram.reset();
  }
  /** As {@link JobResult.histogram}. */
  encoded(): string | null {
    return this.histogram.totalCount === 0 ? null : encodeIntoCompressedBase64(this.histogram);
  }
  percentiles(): Percentiles | null {
    if (this.histogram.totalCount === 0) return null;
    const max = this.histogram.maxValue / 1000;
    // A percentile is the upper edge of its bucket, the largest value is exact.
    const at = (percentile: number) => Math.min(max, this.histogram.getValueAtPercentile(percentile) / 1000);
    return { p50: at(50), p99: at(99), p999: at(99.9), max };
  }
}
