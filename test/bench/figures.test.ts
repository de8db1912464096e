/** From runs to figures and tables. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge, ratiosOf } from '../../bench/load/baseline.js';
import type { Row } from '../../bench/load/compare.js';
import { figuresOf, rangesOf, startFigures } from '../../bench/load/figures.js';
import type { JobResult } from '../../bench/load/job.js';
import { ratio } from '../../bench/load/ratio.js';
import { markdown, text } from '../../bench/load/report.js';
import { collectingMs } from '../../bench/load/stalls.js';
import { steadiness } from '../../bench/load/sustained.js';

const result: JobResult = {
  seconds: 2,
  bytes: 4e9,
  records: 1000,
  requests: 500,
  latencyMs: { p50: 1, p99: 2, p999: 3, max: 4 },
  histogram: null,
  timeline: null,
  stretches: [],
  extra: {},
  clientCpuSeconds: 1,
  serverCpuSeconds: 2,
  serverResidentBytes: 100e6,
};

const machine = {
  processor: 'test',
  cores: 2,
  memoryGb: 8,
  kernel: 'Linux',
  node: 'v20',
  date: '2026-01-01',
  loadAverage: 0,
};

test('rates are per second, CPU per gigabyte', () => {
  const figures = figuresOf(result);
  assert.equal(figures.megabytesPerSecond, 2000);
  assert.equal(figures.recordsPerSecond, 500);
  assert.equal(figures.serverCpuSecondsPerGb, 0.5);
  assert.equal(figures.serverCpuPercent, 100);
  assert.equal(figures.clientCpuSecondsPerGb, 0.25);
});

test('what could not be read is absent, not zero', () => {
  const figures = figuresOf({
    ...result,
    serverCpuSeconds: null,
    serverResidentBytes: null,
    latencyMs: null,
    bytes: 0,
  });
  assert.equal(figures.serverCpuSecondsPerGb, null);
  assert.equal(figures.serverResidentMb, null);
  assert.equal(figures.p50Ms, null);
  assert.equal(figures.megabytesPerSecond, null);
});

test('the median of an even number of runs lies between the middle two', () => {
  const ranges = rangesOf([100, 300, 200, 900].map((ms) => startFigures(ms, null, null)));
  assert.deepEqual(ranges.startToAckMs, { median: 250, min: 100, max: 900 });
  assert.equal(ranges.megabytesPerSecond, null);
});

const run = { round: 0, noiseMs: 0, figures: figuresOf(result), histogram: null, timeline: null, stretches: [] };
const row: Row = {
  cell: 'produce',
  title: 'producing',
  who: 'Millrace',
  role: 'product',
  judgedBy: 'megabytesPerSecond',
  runs: [run],
  ranges: rangesOf([figuresOf(result)]),
  calmRounds: 1,
  failure: null,
};
const double = rangesOf([figuresOf({ ...result, bytes: 8e9 })]);
const limit: Row = { ...row, who: 'limit: receive', role: 'limit', ranges: double };
const peer: Row = {
  ...row,
  who: 'another broker',
  role: 'peer',
  ranges: rangesOf([figuresOf({ ...result, bytes: 2e9 })]),
};

test('tables name each cell once and set what it is about beside the first limit and the peer', () => {
  const report = { machine, runs: 1, secondsPerRun: 2, rows: [row, peer, limit], tools: [] };
  const lines = markdown(report).split('\n');
  assert.equal(
    lines[2],
    '| producing | Millrace | 2,000 | 500 | 1.00 / 2.00 / 3.00 | 0.50 s/GB | 100 | 0.25 |  | 50 % | x 2.00 |',
  );
  assert.ok(lines[3].startsWith('|  | another broker | 1,000 |') && lines[3].endsWith('| 25 % |  |'));
  assert.ok(lines[4].startsWith('|  | limit: receive | 4,000 |'));
  assert.match(text(report), /2026-01-01, test, 2 cores/);
});

test('where less is better, ratios turn round', () => {
  const times = (ms: number) => ({
    judgedBy: 'startToAckMs' as const,
    ranges: rangesOf([startFigures(ms, null, null)]),
  });
  assert.equal(ratio({ ...row, ...times(200) }, { ...limit, ...times(50) }), 0.25);
  assert.equal(ratio({ ...row, ...times(200) }, { ...peer, ...times(1000) }), 5);
  assert.equal(ratio({ ...row, ...times(200) }, row), null);
});

test('figures that only some runs have are ranged over those that have them', () => {
  const ranges = rangesOf([
    figuresOf({ ...result, extra: { 'GC %': 1 } }),
    figuresOf({ ...result, extra: { 'GC %': 3 } }),
    figuresOf(result),
  ]);
  assert.deepEqual(ranges.extra, { 'GC %': { median: 2, min: 1, max: 3 } });
});

test('a baseline holds within 15 per cent, and not where nothing was measured', () => {
  const rows = [row, peer, limit];
  assert.deepEqual(ratiosOf(rows), { produce: 0.5 });
  const baseline = (ratio: number) => ({ machine, commit: '', runs: 1, secondsPerRun: 1, ratios: { produce: ratio } });
  const holds = (expected: number, measured: Row[]) => judge(baseline(expected), measured, ['produce'])[0].holds;
  assert.equal(holds(0.58, rows), true);
  assert.equal(holds(0.6, rows), false);
  assert.equal(holds(0.1, [limit]), false);
  assert.deepEqual(judge(baseline(0.9), rows, ['another cell']), []);
});

test('half an hour is steady where no minute lags and nothing stalls', () => {
  const stretch = (bytes: number, maxMs: number) => ({ seconds: 60, bytes, p999Ms: 5, maxMs });
  assert.equal(steadiness([stretch(100, 9), stretch(90, 20), stretch(100, 9)])?.steady, true);
  assert.equal(steadiness([stretch(100, 9), stretch(79, 20), stretch(100, 9)])?.steady, false);
  assert.equal(steadiness([stretch(100, 9), stretch(100, 251)])?.steady, false);
  assert.equal(steadiness([]), null);
});

test('collections of all threads are counted from what V8 prints, within the window', () => {
  const line = (isolate: string, at: number, took: string) =>
    `[12:0x${isolate}] ${at} ms: Scavenge 3.2 (3.2) -> 2.8 (4.2) MB, ${took} / 0.00 ms  (average mu = 1.000) allocation failure; \n`;
  const trace = `Millrace is listening\n${line('7feed', 17, '0.89')}${line('7f00a', 1000, '1.50')}${line('7feed', 1500, '2.00')}`;
  assert.equal(collectingMs(trace, 500, 1501), 3.5);
  assert.equal(collectingMs(trace, 500, 1500), 1.5);
});
