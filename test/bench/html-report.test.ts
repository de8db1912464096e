/** The HTML report holds all that it shows, and its curves are those of the runs. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from 'node:vm';
import type { Row } from '../../bench/load/compare.js';
import { figuresOf, rangesOf } from '../../bench/load/figures.js';
import { html, percentileCurve, throughputCurve } from '../../bench/load/html-report.js';
import type { JobResult } from '../../bench/load/job.js';
import { Latencies } from '../../bench/load/latencies.js';

const latencies = new Latencies();
for (let ms = 1; ms <= 1000; ms++) latencies.record(ms);

const result: JobResult = {
  seconds: 0.2,
  bytes: 3e6,
  records: 1,
  requests: 1000,
  latencyMs: latencies.percentiles(),
  histogram: latencies.encoded(),
  timeline: { stepMs: 100, bytes: [1e6, 2e6] },
  stretches: [],
  extra: {},
  clientCpuSeconds: 1,
  serverCpuSeconds: null,
  serverResidentBytes: null,
};
const { histogram, timeline, stretches } = result;
const row: Row = {
  cell: 'produce',
  title: 'producing </script> & more',
  who: 'Millrace',
  role: 'product',
  judgedBy: 'megabytesPerSecond',
  runs: [{ round: 0, noiseMs: 0, figures: figuresOf(result), histogram, timeline, stretches }],
  ranges: rangesOf([figuresOf(result)]),
  calmRounds: 1,
  failure: null,
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
const page = html({
  machine,
  runs: 1,
  secondsPerRun: 1,
  rows: [row],
  tools: [{ who: 'Millrace', tool: 'a tool', lines: ['1 < 2'] }],
});

test('a percentile curve climbs from the median of all runs to the rarest of their latencies', () => {
  const { x, y } = percentileCurve([histogram ?? '', histogram ?? '']);
  assert.equal(x[0], 1);
  assert.ok(Math.abs(y[x.findIndex((rarity) => rarity >= 9.99)] - 900) < 2);
  assert.ok(y.every((ms, at) => at === 0 || ms >= y[at - 1]));
  assert.ok(x[x.length - 1] <= 2000);
});

test('throughput over time is in seconds and MB/s', () => {
  assert.deepEqual(throughputCurve(row), { x: [0.1, 0.2], y: [10, 20] });
});

test('the page asks for nothing from elsewhere', () => {
  const markup = page.replace(/<script[\s\S]*?<\/script>/g, '');
  assert.doesNotMatch(markup, /\b(src|href)="(?!#)/);
  assert.doesNotMatch(page, /@import|url\(/);
  assert.match(markup, /producing &lt;\/script&gt; &amp; more/);
  assert.match(markup, /1 &lt; 2/);
});

test('its scripts parse and its data is the report', () => {
  const scripts = [...page.matchAll(/<script>([\s\S]*?)<\/script>/g)];
  assert.equal(scripts.length, 2);
  for (const [, code] of scripts) new Script(code);
  const data = page.match(/<script type="application\/json" id="report">([\s\S]*?)<\/script>/)?.[1] ?? '';
  assert.equal(JSON.parse(data).rows[0].runs[0].histogram, histogram);
});
