/** Series, histograms and collectors, and the table they come from. Test process. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Histogram, histogramBytes } from '../../src/metrics/histogram.js';
import { type Instrument, instruments } from '../../src/metrics/instruments.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { projectRoot } from '../project-root.js';
import { instrumentsTable, metricsInReadme } from './instruments-table.js';

suite('metrics', () => {
  test('a series is one number, however often it is asked for', async () => {
    const metrics = new Metrics();
    metrics.counter('millrace_shard_deaths_total', { shard: '0' }).value++;
    metrics.counter('millrace_shard_deaths_total', { shard: '0' }).value += 2;
    metrics.counter('millrace_shard_deaths_total', { shard: '1' }).value += 5;
    const [family] = await metrics.read();
    assert.equal(family.name, 'millrace_shard_deaths_total');
    assert.deepEqual(family.samples, [
      { labels: { shard: '0' }, value: 3 },
      { labels: { shard: '1' }, value: 5 },
    ]);
  });

  test('label values that run together stay apart', async () => {
    const metrics = new Metrics();
    metrics.gauge('kafka_log_log_size', { topic: 'a', partition: '11' }).value = 1;
    metrics.gauge('kafka_log_log_size', { topic: 'a1', partition: '1' }).value = 2;
    assert.equal((await metrics.read())[0].samples.length, 2);
  });

  test('a collector speaks for one reading', async () => {
    const metrics = new Metrics();
    let partitions = 3;
    const stop = metrics.collect(async (put) => put('kafka_topic_partitions', { topic: 'logs' }, partitions));
    const read = async () => (await metrics.read()).map(({ samples }) => samples);
    assert.deepEqual(await read(), [[{ labels: { topic: 'logs' }, value: 3 }]]);
    partitions = 4;
    assert.deepEqual(await read(), [[{ labels: { topic: 'logs' }, value: 4 }]]);
    stop();
    assert.deepEqual(await read(), []);
  });

  test('a histogram that another thread fills is read where it lies', async () => {
    const { bounds } = instruments.millrace_fsync_seconds;
    const memory = new SharedArrayBuffer(histogramBytes(bounds));
    const metrics = new Metrics();
    metrics.histogram('millrace_fsync_seconds', { shard: '0' }, memory);
    const filled = new Histogram(bounds, memory);
    for (const seconds of [0.000_1, 0.000_2, 0.003, 60]) filled.observe(seconds);
    const [family] = await metrics.read();
    assert.ok(family.kind === 'histogram');
    const [{ buckets, count, sum }] = family.samples;
    assert.equal(count, 4);
    assert.ok(Math.abs(sum - 60.0033) < 1e-9);
    const upTo = (bound: number) => buckets.find((bucket) => bucket.bound === bound)?.count;
    assert.deepEqual([upTo(0.000_1), upTo(0.000_25), upTo(0.005), upTo(10), upTo(Infinity)], [1, 2, 3, 3, 4]);
  });
});

suite('the table of instruments', () => {
  const rows = Object.entries<Instrument>(instruments);

  test('names are as Prometheus wants them: what only grows ends in _total, units are plain', () => {
    for (const [name, { kind, labels }] of rows) {
      assert.match(name, /^(millrace|kafka|process)_[a-z0-9_]+$/, name);
      assert.equal(name.endsWith('_total'), kind === 'counter', `${name} is a ${kind}`);
      assert.doesNotMatch(name, /_(ms|kib|mib|milliseconds|percent)(_|$)/, name);
      for (const label of labels) assert.match(label, /^[a-z][a-z_]*$/, `${name}: ${label}`);
    }
  });

  test('our own say their unit in their name', () => {
    for (const [name, { unit }] of rows) {
      if (!name.startsWith('millrace_') || !['bytes', 'seconds'].includes(unit)) continue;
      assert.match(name, new RegExp(`_${unit}(_|$)`), name);
    }
  });

  test('buckets of histograms rise', () => {
    for (const [name, { kind, bounds }] of rows) {
      assert.equal(bounds.length > 0, kind === 'histogram', name);
      assert.deepEqual(
        bounds,
        [...new Set(bounds)].sort((a, b) => a - b),
        name,
      );
    }
  });

  test('stands in the README as it is declared', () => {
    const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8');
    const advice = 'run: node dist/test/metrics/instruments-table.js --write';
    assert.equal(metricsInReadme(readme), instrumentsTable(), advice);
  });
});
