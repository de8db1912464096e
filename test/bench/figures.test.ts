/** From runs to figures and tables. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { figuresOf, rangesOf, startFigures } from '../../bench/load/figures.js';
import type { JobResult } from '../../bench/load/job.js';
import { markdown, text } from '../../bench/load/report.js';

const result: JobResult = {
  seconds: 2,
  bytes: 4e9,
  records: 1000,
  requests: 500,
  latencyMs: { p50: 1, p99: 2, p999: 3, max: 4 },
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

test('tables name each cell once and set the rate beside the first limit', () => {
  const runs = [{ round: 0, noiseMs: 0, figures: figuresOf(result) }];
  const ranges = rangesOf([figuresOf(result)]);
  const row = {
    cell: 'produce',
    title: 'producing',
    who: 'Millrace',
    isLimit: false,
    runs,
    ranges,
    calmRounds: 1,
    failure: null,
  };
  const double = rangesOf([figuresOf({ ...result, bytes: 8e9 })]);
  const limit = { ...row, who: 'limit: receive', isLimit: true, ranges: double };
  const report = { machine, runs: 1, secondsPerRun: 2, rows: [row, limit] };
  const lines = markdown(report).split('\n');
  assert.equal(lines[2], '| producing | Millrace | 2,000 | 500 | 1.00 / 2.00 / 3.00 | 0.50 s/GB | 100 | 0.25 | 50 % |');
  assert.ok(lines[3].startsWith('|  | limit: receive | 4,000 |'));
  assert.match(text(report), /2026-01-01, test, 2 cores/);
});
