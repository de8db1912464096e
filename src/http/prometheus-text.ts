/** Metrics as the text that Prometheus scrapes, written by prom-client. Main thread; loaded with the first scrape. */
import { Registry } from 'prom-client';
import type { MetricFamily } from '../metrics/metrics.js';

/** One line of text: a number under a name and labels. */
interface TextValue {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export const PROMETHEUS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export function prometheusText(families: readonly MetricFamily[]): Promise<string> {
  const registry = new Registry();
  for (const family of families) {
    const { name, kind, doc } = family;
    // Of a metric the registry asks for no more than this; ours have their numbers already.
    const metric = { name, get: () => Promise.resolve({ name, help: doc, type: kind, values: valuesOf(family) }) };
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  }
  return registry.metrics();
}

function valuesOf(family: MetricFamily): readonly TextValue[] {
  if (family.kind !== 'histogram') return family.samples;
  const { name } = family;
  return family.samples.flatMap(({ labels, buckets, sum, count }) => [
    ...buckets.map((bucket) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: Number.isFinite(bucket.bound) ? bucket.bound : '+Inf' },
      value: bucket.count,
    })),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]);
}
