/** Metrics and health as machines ask for them: over HTTP, of a broker that works; promtool reads along where it is there. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Broker, createBroker } from '../../src/index.js';
import { produceValues } from '../embedding/kafkajs-session.js';
import { projectRoot } from '../project-root.js';
import { temporaryFolder } from '../temp-folder.js';

const brought = join(projectRoot, '.cache', 'promtool');
const promtool = existsSync(brought) ? brought : 'promtool';

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function startedBroker(t: TestContext): Promise<Broker> {
  const broker = await createBroker({
    settings: {
      'log.dirs': temporaryFolder('http'),
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'http.listener': '0',
      'group.initial.rebalance.delay.ms': '0',
    },
  });
  t.after(() => broker.close());
  assert.equal(broker.httpAddress, '');
  await broker.start();
  return broker;
}

function ask(broker: Broker, path: string, method = 'GET', host?: string): Promise<Reply> {
  const [hostname, port] = broker.httpAddress.split(':');
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, method, headers: host === undefined ? {} : { host } }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

function readingOf(text: string, series: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  assert.ok(line !== undefined, `${series} is missing in\n${text}`);
  return Number(line.slice(series.length + 1));
}

test('what was produced shows in a scrape', async (t) => {
  const broker = await startedBroker(t);
  await produceValues(broker.bootstrapServers, 'counted', ['a', 'b', 'c']);
  const { status, text } = await ask(broker, '/metrics');
  assert.equal(status, 200);
  const partition = '{topic="counted",partition="0"}';
  assert.equal(readingOf(text, 'kafka_server_brokertopicmetrics_messagesin_total{topic="counted"}'), 3);
  assert.equal(readingOf(text, `kafka_log_log_logendoffset${partition}`), 3);
  assert.equal(readingOf(text, `kafka_log_log_numlogsegments${partition}`), 1);
  const bytes = readingOf(text, `kafka_log_log_size${partition}`);
  assert.ok(bytes > 61);
  assert.equal(readingOf(text, 'kafka_server_brokertopicmetrics_bytesin_total{topic="counted"}'), bytes);
  assert.ok(readingOf(text, 'kafka_network_requestmetrics_requests_total{request="Produce"}') >= 1);
  assert.ok(readingOf(text, 'millrace_fsync_seconds_count{shard="0"}') >= 1);
  assert.ok(readingOf(text, 'process_resident_memory_bytes') > 1e6);

  const families = await broker.metrics();
  const size = families.find(({ name }) => name === 'kafka_log_log_size');
  assert.ok(size?.kind === 'gauge');
  const counted = size.samples.find(({ labels }) => labels.topic === 'counted');
  assert.equal(counted?.value, bytes, 'the program that embeds the broker sees the same');
});

test('promtool finds nothing to complain about', async (t) => {
  const broker = await startedBroker(t);
  await produceValues(broker.bootstrapServers, 'counted', ['a']);
  const { text } = await ask(broker, '/metrics');
  const { error, status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
    input: text,
    encoding: 'utf8',
  });
  if (error !== undefined) {
    t.skip('there is no promtool (Debian: prometheus; .ci/run brings it)');
    return;
  }
  assert.equal(`${stdout}${stderr}`.trim(), '');
  assert.equal(status, 0);
});

test('health is told in a word and a code', async (t) => {
  const broker = await startedBroker(t);
  assert.equal((await ask(broker, '/livez')).status, 200);
  const ready = await ask(broker, '/readyz');
  assert.equal(ready.status, 200);
  assert.deepEqual(JSON.parse(ready.text), { ready: true, reasons: [] });
});

test('nothing else is answered, and nobody who came by a name that is not ours', async (t) => {
  const broker = await startedBroker(t);
  assert.equal((await ask(broker, '/')).status, 404);
  assert.equal((await ask(broker, '/metrics', 'POST')).status, 405);
  assert.equal((await ask(broker, '/metrics', 'HEAD')).text, '');
  assert.equal((await ask(broker, '/metrics', 'GET', 'evil.example:80')).status, 421);
  assert.equal((await ask(broker, '/metrics', 'GET', 'localhost:80')).status, 200);
  assert.equal((await ask(broker, '/metrics', 'GET', '[::1]:80')).status, 200);
});

test('the address is free again once the broker is closed', async (t) => {
  const broker = await startedBroker(t);
  const again = await createBroker({
    settings: {
      'log.dirs': temporaryFolder('http'),
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'http.listener': broker.httpAddress,
    },
  });
  t.after(() => again.close());
  await assert.rejects(again.start(), /EADDRINUSE/);
  await broker.close();
  await again.start();
  assert.equal((await ask(again, '/livez')).status, 200);
});
