/** The disk budget on a broker that runs: what goes, what stays, and a disk that is really full. Test process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.js';
import type { ErrorName } from '../../src/base/error-code.js';
import { KafkaClient } from '../../src/cli/client.js';
import { EARLIEST, LATEST, readOffsets } from '../../src/cli/topic-metadata.js';
import { type Broker, createBroker } from '../../src/index.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { encodeBatch, iterateBatches } from '../../src/record/record.js';
import { temporaryFolder } from '../temp-folder.js';

const MiB = 1024 * 1024;
const batch = encodeBatch({ records: Array.from({ length: 10 }, () => ({ value: Buffer.alloc(90_000, 'x') })) });

async function started(t: TestContext, folder: string, settings: Record<string, string>): Promise<Broker> {
  const broker = await createBroker({
    settings: { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0', flush: 'never', ...settings },
  });
  t.after(() => broker.close());
  await broker.start();
  return broker;
}

async function connected(t: TestContext, broker: Broker): Promise<KafkaClient> {
  const client = await KafkaClient.connect(broker.bootstrapServers);
  t.after(() => client.close());
  return client;
}

async function createTopic(client: KafkaClient, name: string, settings: Record<string, string> = {}): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
  const answer = await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
  assert.equal(answer.topics[0].errorCode, 'NONE');
}

async function send(client: KafkaClient, name: string): Promise<ErrorName> {
  const topicData = [{ name, partitionData: [{ index: 0, records: batch }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 9 });
  return responses[0].partitionResponses[0].errorCode;
}

async function gauge(broker: Broker, name: string): Promise<number> {
  const family = (await broker.metrics()).find((one) => one.name === name);
  if (family === undefined || family.kind === 'histogram') return -1;
  return family.samples.reduce((sum, { value }) => sum + value, 0);
}

async function bytesOf(broker: Broker, topic: string): Promise<number> {
  const family = (await broker.metrics()).find((one) => one.name === 'kafka_log_log_size');
  if (family === undefined || family.kind === 'histogram') return 0;
  return family.samples.filter(({ labels }) => labels.topic === topic).reduce((sum, { value }) => sum + value, 0);
}

/** Asks again, a moment later each time, until the answer is yes. */
async function eventually(what: string, withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await holds())) {
    assert.ok(systemClock.monotonicMs() < endMs, `${what} within ${withinMs} ms`);
    await new Promise<void>((resolve) => systemClock.after(20, resolve));
  }
}

test('the oldest segments go first across topics, floors and what is kept for ever stay', async (t) => {
  const broker = await started(t, temporaryFolder('budget'), { 'log.budget.bytes': String(128 * MiB) });
  const client = await connected(t, broker);
  await eventually('the budget is known', 10_000, async () => (await gauge(broker, 'millrace_budget_bytes')) > 0);
  await createTopic(client, 'old');
  await createTopic(client, 'floored', { 'millrace.budget.floor.bytes': String(30 * MiB) });
  await createTopic(client, 'kept', { 'retention.ms': '-1', 'retention.bytes': '-1' });
  await createTopic(client, 'new');
  for (const name of ['kept', 'floored', 'old']) {
    for (let sent = 0; sent < 40 * MiB; sent += batch.length) assert.equal(await send(client, name), 'NONE');
  }
  for (let sent = 0; sent < 120 * MiB; sent += batch.length) assert.equal(await send(client, 'new'), 'NONE');
  await eventually('what is too much is evicted', 20_000, async () => {
    return (await gauge(broker, 'kafka_log_log_size')) <= 128 * MiB;
  });
  assert.ok((await bytesOf(broker, 'kept')) >= 40 * MiB);
  assert.ok((await bytesOf(broker, 'floored')) >= 30 * MiB);
  assert.ok((await bytesOf(broker, 'old')) < 20 * MiB, 'what is old went first');
  assert.ok((await bytesOf(broker, 'new')) > 8 * MiB);
  const evicted = (await broker.metrics()).find(({ name }) => name === 'millrace_segments_deleted_total');
  assert.ok(evicted?.kind === 'counter' && evicted.samples.every(({ labels }) => labels.reason === 'disk budget'));
  const [start] = await readOffsets(client, [{ topic: 'new', partition: 0 }], EARLIEST);
  assert.ok((start ?? -1) >= 0);
  assert.equal(await gauge(broker, 'millrace_disk_state'), 0);
});

test('what was decided at the first start is remembered', async (t) => {
  const folder = temporaryFolder('budget');
  const first = await started(t, folder, {});
  await eventually('the budget is known', 10_000, async () => (await gauge(first, 'millrace_budget_bytes')) > 0);
  const bytes = await gauge(first, 'millrace_budget_bytes');
  await first.close();
  const second = await started(t, folder, {});
  await eventually('the budget is known', 10_000, async () => (await gauge(second, 'millrace_budget_bytes')) > 0);
  assert.equal(await gauge(second, 'millrace_budget_bytes'), bytes);
  await second.close();
  const none = await started(t, folder, { 'log.budget.bytes': '0' });
  assert.equal(await gauge(none, 'millrace_budget_bytes'), -1);
});

test('on a full disk producing is refused and resumes when there is room; reads and deletes go on', async (t) => {
  const folder = temporaryFolder('full');
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'tmpfs', folder]);
  if (mounted.status !== 0) {
    t.skip('no small file system can be mounted here (that takes root)');
    return;
  }
  const filler = join(folder, 'filler');
  writeFileSync(filler, Buffer.alloc(24 * MiB));
  const data = join(folder, 'data');
  const broker = await started(t, data, { 'file.delete.delay.ms': '0', 'log.segment.delete.delay.ms': '0' });
  t.after(() => spawnSync('umount', ['-l', folder]));
  const client = await connected(t, broker);
  await eventually('the budget is known', 10_000, async () => (await gauge(broker, 'millrace_budget_bytes')) > 0);
  await createTopic(client, 'kept', {
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'segment.bytes': String(4 * MiB),
  });
  let stored = 0;
  let error: ErrorName = 'NONE';
  await eventually('the disk is full', 20_000, async () => {
    error = await send(client, 'kept');
    if (error === 'NONE') stored++;
    return error !== 'NONE';
  });
  assert.equal(error, 'NOT_ENOUGH_REPLICAS');
  await eventually('full is told', 5000, async () => (await gauge(broker, 'millrace_disk_state')) === 2);
  assert.deepEqual(await readOffsets(client, [{ topic: 'kept', partition: 0 }], LATEST), [stored * 10]);
  assert.equal(await countRecords(client, 'kept'), stored * 10, 'nothing is torn, all of it can be read');
  await createTopic(client, 'made-while-full');
  const partitions = [{ partitionIndex: 0, offset: (stored - 4) * 10 }];
  const deleted = await client.request(deleteRecords, { topics: [{ name: 'kept', partitions }], timeoutMs: 10_000 });
  assert.equal(deleted.topics[0].partitions[0].errorCode, 'NONE');
  rmSync(filler);
  await eventually('producing resumes', 5000, async () => (await send(client, 'kept')) === 'NONE');
  assert.notEqual(await gauge(broker, 'millrace_disk_state'), 2);
});

async function countRecords(client: KafkaClient, topic: string): Promise<number> {
  let offset = 0;
  for (;;) {
    const partitions = [{ partition: 0, fetchOffset: offset, partitionMaxBytes: MiB }];
    const { responses } = await client.request(
      fetch,
      {
        replicaId: -1,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: MiB,
        isolationLevel: 0,
        sessionId: 0,
        sessionEpoch: -1,
        topics: [{ topic, partitions }],
        forgottenTopicsData: [],
      },
      { versionMax: 12 },
    );
    const records = responses[0].partitions[0].records ?? Buffer.alloc(0);
    if (records.length === 0) return offset;
    for (const one of iterateBatches(records)) offset = Number(one.readBigInt64BE(0)) + one.readInt32BE(23) + 1;
  }
}
