/** What this broker counts: series by instrument and labels, and the collectors that are asked when somebody reads. Main thread. */
import { Histogram } from './histogram.js';
import {
  type CounterName,
  type GaugeName,
  type HistogramName,
  type InstrumentKind,
  type InstrumentName,
  instrumentNames,
  instruments,
  type LabelsOf,
} from './instruments.js';

/** A number of one series. Whoever counts keeps hold of it: a count is one addition. */
export interface Series {
  value: number;
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly sum: number;
  readonly count: number;
  /** How many values were at most `bound`; the last one's is infinite. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[];
}

/** All series of one instrument at one moment. */
export type MetricFamily = {
  readonly name: InstrumentName;
  readonly unit: string;
  readonly doc: string;
} & (
  | { readonly kind: 'counter' | 'gauge'; readonly samples: readonly MetricSample[] }
  | { readonly kind: 'histogram'; readonly samples: readonly HistogramSample[] }
);

/** Gives one reading its value of a series that nobody holds in between. */
export type Put = <Name extends CounterName | GaugeName>(name: Name, labels: LabelsOf<Name>, value: number) => void;

/** Asked at each reading. */
export type Collector = (put: Put) => void | Promise<void>;

interface Held<Value> {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: Value;
}

export class Metrics {
  private readonly numbers = new Map<InstrumentName, Map<string, Held<Series>>>();
  private readonly histograms = new Map<InstrumentName, Map<string, Held<Histogram>>>();
  private readonly collectors = new Set<Collector>();

  /** The series with these labels, at 0 when it is asked for first. */
  counter<Name extends CounterName>(name: Name, labels: LabelsOf<Name>): Series {
    return held(this.numbers, name, labels, () => ({ value: 0 }));
  }

  gauge<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>): Series {
    return held(this.numbers, name, labels, () => ({ value: 0 }));
  }

  /** `memory` (see {@link Histogram}) is where another thread observes. */
  histogram<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, memory?: SharedArrayBuffer): Histogram {
    return held(this.histograms, name, labels, () => new Histogram(instruments[name].bounds, memory));
  }

  /** Has `collector` asked at each reading; returns how that ends. */
  collect(collector: Collector): () => void {
    this.collectors.add(collector);
    return () => this.collectors.delete(collector);
  }

  /** Every instrument that has a series now, in the order of the table. */
  async read(): Promise<MetricFamily[]> {
    const collected = new Map<InstrumentName, MetricSample[]>();
    const put: Put = (name, labels, value) => {
      let samples = collected.get(name);
      if (samples === undefined) collected.set(name, (samples = []));
      samples.push({ labels, value });
    };
    await Promise.all(Array.from(this.collectors, (collector) => collector(put)));
    return instrumentNames.map((name) => this.family(name, collected.get(name) ?? [])).filter(hasSamples);
  }

  private family(name: InstrumentName, collected: readonly MetricSample[]): MetricFamily {
    const { unit, doc } = instruments[name];
    const kind: InstrumentKind = instruments[name].kind;
    if (kind === 'histogram') {
      const samples = Array.from(this.histograms.get(name)?.values() ?? [], ({ labels, value }): HistogramSample => {
        const buckets = value.cumulative();
        return { labels, sum: value.sum, count: buckets.at(-1)?.count ?? 0, buckets };
      });
      return { name, kind, unit, doc, samples };
    }
    const samples = Array.from(this.numbers.get(name)?.values() ?? [], ({ labels, value }) => ({
      labels,
      value: value.value,
    }));
    return { name, kind, unit, doc, samples: [...samples, ...collected] };
  }
}

function held<Value>(
  table: Map<InstrumentName, Map<string, Held<Value>>>,
  name: InstrumentName,
  labels: Readonly<Record<string, string>>,
  make: () => Value,
): Value {
  let series = table.get(name);
  if (series === undefined) table.set(name, (series = new Map()));
  const key = instruments[name].labels.map((label) => labels[label]).join('\0');
  let found = series.get(key);
  if (found === undefined) series.set(key, (found = { labels, value: make() }));
  return found.value;
}

function hasSamples({ samples }: MetricFamily): boolean {
  return samples.length > 0;
}
