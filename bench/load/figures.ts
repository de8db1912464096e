/** From single runs to figures: rates, medians and ranges. Runs in the process of `millrace bench`. */
import type { JobResult } from './job.js';

/** One run in the units that are printed; null where there is no such figure. */
export interface Figures {
  readonly megabytesPerSecond: number | null;
  readonly recordsPerSecond: number | null;
  readonly requestsPerSecond: number | null;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly p999Ms: number | null;
  readonly maxMs: number | null;
  readonly serverCpuSecondsPerGb: number | null;
  readonly serverCpuPercent: number | null;
  readonly serverResidentMb: number | null;
  readonly clientCpuSecondsPerGb: number | null;
  readonly startToAckMs: number | null;
  /** Figures that only some cells have, by name. */
  readonly extra: Readonly<Record<string, number>>;
}

export type FigureName = Exclude<keyof Figures, 'extra'>;

const nothing: Figures = {
  megabytesPerSecond: null,
  recordsPerSecond: null,
  requestsPerSecond: null,
  p50Ms: null,
  p99Ms: null,
  p999Ms: null,
  maxMs: null,
  serverCpuSecondsPerGb: null,
  serverCpuPercent: null,
  serverResidentMb: null,
  clientCpuSecondsPerGb: null,
  startToAckMs: null,
  extra: {},
};

export function figuresOf(result: JobResult): Figures {
  const gigabytes = result.bytes / 1e9;
  const perSecond = (count: number) => (count === 0 ? null : count / result.seconds);
  const perGb = (cpu: number | null) => (cpu === null || gigabytes === 0 ? null : cpu / gigabytes);
  return {
    ...nothing,
    megabytesPerSecond: perSecond(result.bytes / 1e6),
    recordsPerSecond: perSecond(result.records),
    requestsPerSecond: perSecond(result.requests),
    p50Ms: result.latencyMs?.p50 ?? null,
    p99Ms: result.latencyMs?.p99 ?? null,
    p999Ms: result.latencyMs?.p999 ?? null,
    maxMs: result.latencyMs?.max ?? null,
    serverCpuSecondsPerGb: perGb(result.serverCpuSeconds),
    serverCpuPercent: result.serverCpuSeconds === null ? null : (100 * result.serverCpuSeconds) / result.seconds,
    serverResidentMb: result.serverResidentBytes === null ? null : result.serverResidentBytes / 1e6,
    clientCpuSecondsPerGb: result.clientCpuSeconds === 0 ? null : perGb(result.clientCpuSeconds),
    extra: result.extra,
  };
}

export function startFigures(startToAckMs: number, cpuPercent: number | null, residentBytes: number | null): Figures {
  const serverResidentMb = residentBytes === null ? null : residentBytes / 1e6;
  return { ...nothing, startToAckMs, serverCpuPercent: cpuPercent, serverResidentMb };
}

export interface Range {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Ranges = { readonly [name in FigureName]: Range | null } & {
  readonly extra: Readonly<Record<string, Range>>;
};

/** Median, smallest and largest of each figure over all runs that have it. */
export function rangesOf(runs: readonly Figures[]): Ranges {
  const names = Object.keys(nothing).filter((name) => name !== 'extra') as FigureName[];
  const ranges = names.map((name) => [name, rangeOf(runs.map((run) => run[name]).filter((value) => value !== null))]);
  const extraNames = [...new Set(runs.flatMap((run) => Object.keys(run.extra)))];
  const extra = extraNames.map((name) => [
    name,
    rangeOf(runs.map((run) => run.extra[name]).filter((value) => value !== undefined)),
  ]);
  return { ...Object.fromEntries(ranges), extra: Object.fromEntries(extra) } as Ranges;
}

function rangeOf(values: readonly number[]): Range | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}
