/** Logs that are compacted while they are written and read: readers get what was there, keys keep their last value. Test process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { type Broker, createBroker } from '../../src/index.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { millrace } from '../cli/command-line.js';
import { randomOf } from '../history/good-history.js';
import { kafkaJars } from '../peers/kafka-jars.js';
import { temporaryFolder } from '../temp-folder.js';

const TOPIC = 'latest';
const KEYS = 60;
const VALUE_BYTES = 5000;
const ROUNDS = 40;
const cleaner = { 'log.cleaner.backoff.ms': '20', 'log.cleaner.io.max.bytes.per.second': '1e12' };

/** What was produced, by offset, and the last of each key. */
class Sent {
  readonly byOffset: { key: string; value: string | null }[] = [];
  readonly lastOffset = new Map<string, number>();
  /** Offsets below this are acknowledged. */
  acknowledged = 0;
  private readonly random = randomOf(7);

  async round(client: KafkaClient): Promise<void> {
    const records = Array.from({ length: KEYS }, () => {
      const at = this.byOffset.length;
      const key = `key-${this.random(KEYS)}`;
      const isTombstone = this.random(20) === 0;
      const value = isTombstone ? null : `${at}:`.padEnd(VALUE_BYTES, String.fromCharCode(97 + (at % 26)));
      this.byOffset.push({ key, value });
      this.lastOffset.set(key, at);
      return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value) };
    });
    const batch = encodeBatch({ records });
    const { responses } = await client.request(
      produce,
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: 10_000,
        topicData: [{ name: TOPIC, partitionData: [{ index: 0, records: batch }] }],
      },
      { versionMax: 9 },
    );
    assert.equal(responses[0].partitionResponses[0].errorCode, 'NONE');
    this.acknowledged = this.byOffset.length;
  }
}

/** The records from `offset` on that one fetch brings, each compared with what was sent at its offset. */
async function read(client: KafkaClient, sent: Sent, offset: number, maxBytes: number) {
  const { responses } = await client.request(
    fetch,
    {
      replicaId: -1,
      maxWaitMs: 0,
      minBytes: 0,
      maxBytes,
      isolationLevel: 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [{ topic: TOPIC, partitions: [{ partition: 0, fetchOffset: offset, partitionMaxBytes: maxBytes }] }],
      forgottenTopicsData: [],
    },
    { versionMax: 12 },
  );
  const { errorCode, records } = responses[0].partitions[0];
  assert.equal(errorCode, 'NONE');
  let next = offset;
  const found: { offset: number; key: string }[] = [];
  for (const batch of iterateBatches(records ?? Buffer.alloc(0))) {
    for (const record of decodeRecords(batch)) {
      const expected = sent.byOffset[record.offset];
      assert.equal(record.key?.toString(), expected.key, `at offset ${record.offset}`);
      assert.equal(record.value?.toString() ?? null, expected.value, `at offset ${record.offset}`);
      if (record.offset >= offset) found.push({ offset: record.offset, key: expected.key });
    }
    next = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1;
  }
  return { found, next };
}

async function readAll(client: KafkaClient, sent: Sent) {
  const found: { offset: number; key: string }[] = [];
  const end = sent.acknowledged;
  for (let offset = 0; offset < end; ) {
    const part = await read(client, sent, offset, 300_000);
    found.push(...part.found);
    assert.ok(part.next > offset, 'a reader gets on');
    offset = part.next;
  }
  for (let i = 1; i < found.length; i++) assert.ok(found[i].offset > found[i - 1].offset);
  return found;
}

function checkLast(found: readonly { offset: number; key: string }[], sent: Sent): void {
  const there = new Set(found.map(({ offset }) => offset));
  for (const [key, offset] of sent.lastOffset) {
    assert.ok(there.has(offset), `the last value of ${key} was at ${offset}`);
  }
}

async function createCompacted(client: KafkaClient): Promise<void> {
  const configs = [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.bytes', value: String(1024 * 1024) },
    { name: 'min.cleanable.dirty.ratio', value: '0.01' },
  ];
  const topics = [{ name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
  const answer = await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
  assert.equal(answer.topics[0].errorCode, 'NONE');
}

async function counted(broker: Broker, name: string): Promise<number> {
  const family = (await broker.metrics()).find((one) => one.name === name);
  if (family === undefined || family.kind === 'histogram') return 0;
  return family.samples.reduce((sum, { value }) => sum + value, 0);
}

test('a log is compacted under its writers and readers, and nobody gets another record than he asked for', async (t) => {
  const folder = temporaryFolder('compaction');
  const settings = { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0', ...cleaner };
  const broker = await createBroker({ settings });
  await broker.start();
  const sent = new Sent();
  const writer = await KafkaClient.connect(broker.bootstrapServers);
  const readers = await Promise.all([1, 2, 3].map(() => KafkaClient.connect(broker.bootstrapServers)));
  let writing = true;
  try {
    await createCompacted(writer);
    await sent.round(writer);
    const random = randomOf(11);
    const reading = readers.map(async (client, at) => {
      while (writing) {
        if (at === 0) await readAll(client, sent);
        else await read(client, sent, random(sent.acknowledged), [20_000, 700_000][random(2)]);
      }
    });
    for (let round = 1; round < ROUNDS || (await counted(broker, 'millrace_compactions_total')) < 5; round++) {
      assert.ok(round < 20 * ROUNDS, 'compactions come');
      await sent.round(writer);
    }
    writing = false;
    await Promise.all(reading);
    const found = await readAll(writer, sent);
    checkLast(found, sent);
    assert.ok(found.length < sent.byOffset.length / 2, `${found.length} of ${sent.byOffset.length} records are left`);
    assert.equal(await counted(broker, 'millrace_compaction_failures_total'), 0);
    const { stdout, stderr } = await millrace([
      'consume',
      TOPIC,
      '-b',
      broker.bootstrapServers,
      '--from-beginning',
      '-e',
    ]);
    assert.equal(stderr, '');
    const lines = stdout.split('\n').length - 1;
    assert.ok(lines >= sent.lastOffset.size && lines <= found.length, 'the command line comes to the end of it');
    assert.ok((await counted(broker, 'millrace_compaction_removed_bytes_total')) > 1e6);
  } finally {
    writing = false;
    for (const client of [writer, ...readers]) client.close();
    await broker.close();
  }
  checkWithKafka(t, join(folder, `${TOPIC}-0`));
});

/** Apache Kafka's own tool finds nothing wrong with what compaction has written. */
function checkWithKafka(t: { diagnostic(text: string): void }, directory: string): void {
  const jars = kafkaJars();
  if ('missing' in jars) {
    t.diagnostic(`not compared with Apache Kafka: ${jars.missing}`);
    return;
  }
  const names = readdirSync(directory);
  const paths = (suffix: string) => {
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => join(directory, name))
      .join();
  };
  const dump = (...args: string[]) => {
    const { stdout, stderr } = spawnSync(
      'java',
      ['-cp', jars.classPath, 'org.apache.kafka.tools.DumpLogSegments', ...args],
      { encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    return stdout + stderr;
  };
  const dumped = dump('--deep-iteration', '--files', paths('.log'));
  assert.doesNotMatch(dumped, /not valid|isvalid: false|Exception|corrupt/i);
  assert.match(dumped, /isvalid: true/);
  const verified = dump('--verify-index-only', '--files', `${paths('.index')},${paths('.timeindex')}`);
  assert.doesNotMatch(verified, /Mismatches|mismatch|Exception|out of order/i);
}

test('killed again and again while it compacts, the broker has every last value', async (t) => {
  if (!brokerIsBuilt) {
    t.skip(noBroker);
    return;
  }
  const broker = await BrokerProcess.start({ overrides: cleaner });
  t.after(() => broker.dispose());
  const sent = new Sent();
  const random = randomOf(13);
  for (let life = 0; life < 6; life++) {
    if (life > 0) await broker.start();
    const client = await KafkaClient.connect(broker.bootstrap);
    if (life === 0) await createCompacted(client);
    else checkLast(await readAll(client, sent), sent);
    const rounds = 8 + random(12);
    for (let round = 0; round < rounds; round++) await sent.round(client);
    client.close();
    await broker.kill9();
  }
  await broker.start();
  const client = await KafkaClient.connect(broker.bootstrap);
  const found = await readAll(client, sent);
  client.close();
  checkLast(found, sent);
  assert.ok(found.length < sent.byOffset.length, 'something was compacted');
});
