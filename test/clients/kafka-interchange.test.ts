/** Segments are Kafka's own: a stopped Apache Kafka serves ours after its start, and we serve Kafka's. Test process. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { bytesHash, readBatches } from '../crash/contents.js';
import { askOffset, readBytes } from '../crash/load-consumer.js';
import { History, type ReadBatch } from '../history/history.js';
import { CLIENT_TEST_TIMEOUT_MS, type LiveBroker } from '../live-broker.js';
import { ApacheKafka, kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { hasTool, mustRun } from '../run-tool.js';
import { assertSameLines, logLines } from './log-records.js';

const TOPIC = 'interchange';
const FOLDER = `${TOPIC}-0`;
const SMALL_SEGMENTS = { 'log.segment.bytes': 1024 * 1024 };

async function createTopic(broker: LiveBroker, configs: { name: string; value: string }[] = []): Promise<void> {
  const client = await KafkaClient.connect(broker.bootstrap);
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs };
  const { topics } = await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  client.close();
  assert.equal(topics[0].errorCode, 'NONE');
}

/** Batches of every codec and of an idempotent producer, over more than one segment. */
async function fill(broker: LiveBroker, lines: readonly string[]): Promise<void> {
  const kcat = (args: readonly string[], part: readonly string[]) =>
    mustRun('kcat', ['-q', '-b', broker.bootstrap, '-P', '-t', TOPIC, '-p', '0', '-K|', '-H', 'from=test', ...args], {
      input: part.map((line, i) => `${i}|${line}\n`).join(''),
    });
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) await kcat(['-z', codec], lines);
  for (let i = 0; i < 8; i++) await kcat(['-X', 'enable.idempotence=true', '-X', 'batch.num.messages=500'], lines);
}

/** Every batch byte for byte, and every record as librdkafka reads it. */
async function everything(broker: LiveBroker): Promise<{ records: string[]; batches: ReadBatch[]; hash: string }> {
  const client = await KafkaClient.connect(broker.bootstrap);
  const end = await askOffset(client, new History(), TOPIC, 0, 'latest');
  const pieces = await readBytes(client, TOPIC, 0, end);
  client.close();
  const text = await mustRun('kcat', [
    '-q',
    '-b',
    broker.bootstrap,
    '-C',
    '-t',
    TOPIC,
    '-e',
    '-J',
    '-X',
    'check.crcs=true',
  ]);
  return { records: text.split('\n').slice(0, -1), batches: pieces.flatMap(readBatches), hash: bytesHash(pieces) };
}

function assertSame(
  after: Awaited<ReturnType<typeof everything>>,
  before: Awaited<ReturnType<typeof everything>>,
): void {
  assertSameLines(after.records, before.records);
  assert.deepEqual(after.batches, before.batches);
  assert.equal(after.hash, before.hash);
  assert.ok(before.records.length > 0);
}

/** Gives `to` the segments of `from`, both stopped; files that name the topic's id or belong to a start stay as they are. */
function giveSegments(from: LiveBroker, to: LiveBroker): number {
  const source = join(from.dataDirectory, FOLDER);
  const target = join(to.dataDirectory, FOLDER);
  mkdirSync(target, { recursive: true });
  const kept = /^partition\.metadata$/;
  for (const name of readdirSync(target)) if (!kept.test(name)) rmSync(join(target, name));
  const names = readdirSync(source).filter((name) => !kept.test(name));
  for (const name of names) cpSync(join(source, name), join(target, name));
  // An unclean start: the receiver must look at what it was given.
  for (const name of ['.kafka_cleanshutdown', 'recovery-point-offset-checkpoint', 'replication-offset-checkpoint']) {
    rmSync(join(to.dataDirectory, name), { force: true });
  }
  return names.filter((name) => name.endsWith('.log')).length;
}

test('segments go to and from Apache Kafka', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const missing = noApacheKafka() ?? (brokerIsBuilt ? null : noBroker);
  if (missing) return t.skip(missing);
  if (!hasTool('kcat', '-V')) return t.skip('kcat is not installed');
  const lines = logLines(t, 'BGL_2k.log');

  await t.test('Apache Kafka serves our segments', async (t) => {
    const ours = await BrokerProcess.start({ overrides: SMALL_SEGMENTS });
    t.after(() => ours.dispose());
    const kafka = await ApacheKafka.start({ overrides: SMALL_SEGMENTS });
    t.after(() => kafka.dispose());
    await createTopic(ours);
    await createTopic(kafka);
    await fill(ours, lines);
    const before = await everything(ours);
    await ours.stop();
    await kafka.stop();
    assert.ok(giveSegments(ours, kafka) > 1, 'more than one segment');
    await kafka.start();
    assertSame(await everything(kafka), before);
  });

  await t.test('we serve the segments of Apache Kafka', async (t) => {
    const kafka = await ApacheKafka.start({ overrides: SMALL_SEGMENTS });
    t.after(() => kafka.dispose());
    const ours = await BrokerProcess.start({ overrides: SMALL_SEGMENTS });
    t.after(() => ours.dispose());
    await createTopic(ours);
    await createTopic(kafka);
    await fill(kafka, lines);
    const before = await everything(kafka);
    await kafka.stop();
    await ours.stop();
    assert.ok(giveSegments(kafka, ours) > 1, 'more than one segment');
    await ours.start();
    assertSame(await everything(ours), before);
  });

  await t.test('what we have compacted is read by kcat and Java, and served by Apache Kafka', async (t) => {
    const eager = { ...SMALL_SEGMENTS, 'log.cleaner.backoff.ms': 100 };
    const ours = await BrokerProcess.start({ overrides: eager });
    t.after(() => ours.dispose());
    const kafka = await ApacheKafka.start({ overrides: SMALL_SEGMENTS });
    t.after(() => kafka.dispose());
    const compacted = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'min.cleanable.dirty.ratio', value: '0.01' },
    ];
    await createTopic(ours, compacted);
    await createTopic(kafka, compacted);
    await fill(ours, lines);
    const sent = 13 * lines.length;
    let before = await everything(ours);
    // Until there is nothing more to do: only the active segment is dirty then, and stays as it is.
    for (let hash = ''; before.records.length > 0.6 * sent || before.hash !== hash; before = await everything(ours)) {
      hash = before.hash;
    }
    const keys = new Map(before.records.map((text) => JSON.parse(text)).map(({ key, payload }) => [key, payload]));
    assert.deepEqual(
      lines.map((_, i) => keys.get(`${i}`)),
      lines,
    );
    const java = await mustRun('java', [
      ...['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
      ...['--bootstrap-server', ours.bootstrap, '--topic', TOPIC, '--from-beginning', '--timeout-ms', '30000'],
      ...['--max-messages', String(before.records.length)],
    ]);
    assertSameLines(
      java.split('\n').slice(0, -1),
      before.records.map((text) => JSON.parse(text).payload),
    );
    await ours.stop();
    await kafka.stop();
    giveSegments(ours, kafka);
    await kafka.start();
    assertSame(await everything(kafka), before);
  });
});
