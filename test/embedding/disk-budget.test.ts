/** The disk budget on a broker that runs: what goes, what stays, and a disk that is really full. Test process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorName } from '../../src/base/error-code.js';
import type { KafkaClient } from '../../src/cli/client.js';
import { EARLIEST, LATEST, readOffsets } from '../../src/cli/topic-metadata.js';
import type { Broker } from '../../src/index.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { encodeBatch, iterateBatches } from '../../src/record/record.js';
import { listening } from '../base/listening-logger.js';
import { millrace } from '../cli/command-line.js';
import { temporaryFolder } from '../temp-folder.js';
import { connected, createTopic, eventually, metric, send, started } from './running-broker.js';

const MiB = 1024 * 1024;
const batch = encodeBatch({ records: Array.from({ length: 10 }, () => ({ value: Buffer.alloc(90_000, 'x') })) });

const store = (client: KafkaClient, topic: string): Promise<ErrorName> => send(client, topic, batch);
const gauge = (broker: Broker, name: string): Promise<number> => metric(broker, name);

const bytesOf = (broker: Broker, topic: string): Promise<number> => metric(broker, 'kafka_log_log_size', { topic });

async function known(broker: Broker): Promise<void> {
  await eventually('the budget is known', 10_000, async () => (await gauge(broker, 'millrace_budget_bytes')) > 0);
}

async function fill(client: KafkaClient, topic: string, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += batch.length) assert.equal(await store(client, topic), 'NONE');
}

test('the oldest segments go first across topics, floors and what is kept for ever stay', async (t) => {
  const broker = await started(t, temporaryFolder('budget'), { 'log.budget.bytes': String(128 * MiB) });
  const client = await connected(t, broker);
  await known(broker);
  await createTopic(client, 'old');
  await createTopic(client, 'floored', { 'millrace.budget.floor.bytes': String(30 * MiB) });
  await createTopic(client, 'kept', { 'retention.ms': '-1', 'retention.bytes': '-1' });
  await createTopic(client, 'new');
  for (const name of ['kept', 'floored', 'old']) await fill(client, name, 40 * MiB);
  await fill(client, 'new', 120 * MiB);
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

test('what has a lower priority goes first, however young; each eviction is a line in the log', async (t) => {
  const { logger, lines } = listening();
  const broker = await started(t, temporaryFolder('budget'), { 'log.budget.bytes': String(96 * MiB) }, logger);
  const client = await connected(t, broker);
  await known(broker);
  await createTopic(client, 'cherished', { 'millrace.budget.priority': '1' });
  await createTopic(client, 'usual');
  for (const name of ['cherished', 'usual']) await fill(client, name, 36 * MiB);
  await fill(client, 'usual', 48 * MiB);
  await eventually('what is too much is evicted', 20_000, async () => {
    return (await gauge(broker, 'kafka_log_log_size')) <= 96 * MiB;
  });
  assert.ok((await bytesOf(broker, 'cherished')) >= 36 * MiB);
  assert.ok((await bytesOf(broker, 'usual')) < 68 * MiB);
  const evictions = () => lines.filter(({ message }) => message === 'old segments were deleted');
  // One more may go while this is asked.
  await eventually('each eviction is a line', 10_000, async () => {
    const labels = { topic: 'usual', reason: 'disk budget' };
    const evicted = await metric(broker, 'millrace_segments_deleted_total', labels);
    return evicted > 0 && evictions().length === evicted;
  });
  for (const { fields } of evictions()) assert.deepEqual([fields.topic, fields.reason], ['usual', 'disk budget']);
});

test('low: nothing that may go is left; metrics, log and command line say so until there is room', async (t) => {
  const { logger, lines } = listening();
  const broker = await started(t, temporaryFolder('budget'), { 'log.budget.bytes': String(40 * MiB) }, logger);
  const client = await connected(t, broker);
  await known(broker);
  const state = async () => {
    const { stdout } = await millrace(['disk', '--json', '-b', broker.bootstrapServers]);
    return [await gauge(broker, 'millrace_disk_state'), JSON.parse(stdout).state];
  };
  assert.deepEqual(await state(), [0, 'ok']);
  await createTopic(client, 'kept', { 'retention.ms': '-1', 'retention.bytes': '-1' });
  await fill(client, 'kept', 34 * MiB);
  await eventually('low', 10_000, async () => (await gauge(broker, 'millrace_disk_state')) === 1);
  assert.deepEqual(await state(), [1, 'low']);
  assert.match((await millrace(['disk', '-b', broker.bootstrapServers])).stdout, /^low: logs take 3\d\S* MB of /);
  const told = lines.filter(({ fields }) => fields.state === 'low');
  assert.match(told.map(({ message }) => message).join(), /^there is less room than the disk budget needs[^,]*, and/);
  assert.equal(await store(client, 'kept'), 'NONE', 'what is sent is taken as ever');
  const partitions = [{ partitionIndex: 0, offset: -1 }];
  await client.request(deleteRecords, { topics: [{ name: 'kept', partitions }], timeoutMs: 10_000 });
  await eventually('ok', 10_000, async () => (await gauge(broker, 'millrace_disk_state')) === 0);
  assert.deepEqual(await state(), [0, 'ok']);
  assert.equal(lines.filter(({ message }) => message === 'there is room on the disk').length, 1);
});

test('what was decided at the first start is remembered', async (t) => {
  const folder = temporaryFolder('budget');
  const first = await started(t, folder, {});
  await known(first);
  const bytes = await gauge(first, 'millrace_budget_bytes');
  await first.close();
  const second = await started(t, folder, {});
  await known(second);
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
  await known(broker);
  await createTopic(client, 'kept', {
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'segment.bytes': String(4 * MiB),
  });
  let stored = 0;
  let error: ErrorName = 'NONE';
  await eventually('the disk is full', 20_000, async () => {
    error = await store(client, 'kept');
    if (error === 'NONE') stored++;
    return error !== 'NONE';
  });
  assert.equal(error, 'NOT_ENOUGH_REPLICAS');
  await eventually('full is told', 5000, async () => (await gauge(broker, 'millrace_disk_state')) === 2);
  assert.match((await millrace(['disk', '-b', broker.bootstrapServers])).stdout, /^full: logs take /);
  assert.deepEqual(await readOffsets(client, [{ topic: 'kept', partition: 0 }], LATEST), [stored * 10]);
  assert.equal(await countRecords(client, 'kept'), stored * 10, 'nothing is torn, all of it can be read');
  await createTopic(client, 'made-while-full');
  const partitions = [{ partitionIndex: 0, offset: (stored - 4) * 10 }];
  const deleted = await client.request(deleteRecords, { topics: [{ name: 'kept', partitions }], timeoutMs: 10_000 });
  assert.equal(deleted.topics[0].partitions[0].errorCode, 'NONE');
  rmSync(filler);
  await eventually('producing resumes', 5000, async () => (await store(client, 'kept')) === 'NONE');
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
