/** kafkajs against a live broker. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs, { type Consumer, type IHeaders, type Kafka, type KafkaMessage } from 'kafkajs';
import { CLIENT_TEST_TIMEOUT_MS, type LiveBroker, startLiveBroker } from '../live-broker.js';
import { assertSameRecords, type ClientRecord, logRecords, type ReadClientRecord } from './log-records.js';

const { CompressionTypes, ConfigResourceTypes, logLevel } = kafkajs;

function clientOf(broker: LiveBroker): Kafka {
  return new kafkajs.Kafka({
    clientId: 'kafkajs-test',
    brokers: [broker.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 30 },
  });
}

function toMessage(record: ClientRecord) {
  const { key, value, partition, timestampMs } = record;
  return { key, value, partition, timestamp: String(timestampMs), headers: Object.fromEntries(record.headers) };
}

function fromMessage(partition: number, message: KafkaMessage): ReadClientRecord {
  return {
    partition,
    offset: Number(message.offset),
    key: message.key?.toString() ?? null,
    value: message.value?.toString() ?? null,
    headers: Object.entries((message.headers ?? {}) as IHeaders).map(([name, value]) => [name, String(value)]),
    timestampMs: Number(message.timestamp),
  };
}

/** Reads with a group until `count` records came, then commits what was read and leaves. */
async function readWithGroup(kafka: Kafka, topic: string, groupId: string, count: number): Promise<ReadClientRecord[]> {
  const consumer = kafka.consumer({ groupId, rebalanceTimeout: 5_000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const read: ReadClientRecord[] = [];
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, (event) => {
      if (!event.payload.restart) reject(event.payload.error);
    });
    consumer
      .run({
        eachMessage: async ({ partition, message }) => {
          read.push(fromMessage(partition, message));
          if (read.length === count) resolve();
        },
      })
      .catch(reject);
  });
  const next = new Map<number, number>();
  for (const record of read) next.set(record.partition, record.offset + 1);
  await consumer.commitOffsets([...next].map(([partition, offset]) => ({ topic, partition, offset: String(offset) })));
  await consumer.disconnect();
  return read;
}

test('kafkajs', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const kafka = clientOf(broker);
  const admin = kafka.admin();
  await admin.connect();
  t.after(() => admin.disconnect());

  for (const idempotent of [false, true]) {
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
      await t.test(`log lines come back as sent, idempotent ${idempotent}, codec ${compression}`, async (t) => {
        const topic = `kafkajs-${idempotent}-${compression}`;
        await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
        const sent = logRecords(t, 'Linux_2k.log', 3, 2_000);
        const producer = kafka.producer({ idempotent });
        await producer.connect();
        for (let i = 0; i < sent.length; i += 250) {
          await producer.send({ topic, compression, messages: sent.slice(i, i + 250).map(toMessage) });
        }
        await producer.disconnect();
        assertSameRecords(await readWithGroup(kafka, topic, `${topic}-group`, sent.length), sent);
      });
    }
  }

  await t.test('two consumers share the partitions of a topic', async () => {
    const topic = 'kafkajs-shared';
    await admin.createTopics({ topics: [{ topic, numPartitions: 4 }] });
    const assigned = new Map<Consumer, number[]>();
    const bothHaveTwo = deferred();
    const consumers = await Promise.all(
      [0, 1].map(async () => {
        const consumer = kafka.consumer({
          groupId: 'kafkajs-sharing',
          heartbeatInterval: 200,
          rebalanceTimeout: 5_000,
        });
        consumer.on(consumer.events.GROUP_JOIN, (event) => {
          assigned.set(consumer, event.payload.memberAssignment[topic] ?? []);
          const all = [...assigned.values()];
          if (all.length === 2 && all.every((partitions) => partitions.length === 2)) bothHaveTwo.resolve();
        });
        await consumer.connect();
        await consumer.subscribe({ topic });
        await consumer.run({ eachMessage: async () => undefined });
        return consumer;
      }),
    );
    await bothHaveTwo.promise;
    const [first, second] = [...assigned.values()];
    assert.deepEqual([...first, ...second].sort(), [0, 1, 2, 3]);
    const described = await admin.describeGroups(['kafkajs-sharing']);
    assert.equal(described.groups[0].members.length, 2);
    await Promise.all(consumers.map((consumer) => consumer.disconnect()));
  });

  await t.test('a group continues after a restart where it had committed', async (t) => {
    const topic = 'kafkajs-restart';
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const sent = logRecords(t, 'Apache_2k.log', 2, 1_000);
    // Without idempotence kafkajs may write twice what it sends again after a lost connection.
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    await producer.send({ topic, messages: sent.slice(0, 500).map(toMessage) });
    assertSameRecords(await readWithGroup(kafka, topic, 'kafkajs-restart', 500), sent.slice(0, 500));
    await broker.restart();
    await producer.send({ topic, messages: sent.slice(500).map(toMessage) });
    await producer.disconnect();
    assertSameRecords(await readWithGroup(kafka, topic, 'kafkajs-restart', 500), sent.slice(500), 250);
  });

  await t.test('a running consumer outlives a restart of the broker', async (t) => {
    const topic = 'kafkajs-through';
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const sent = logRecords(t, 'Mac_2k.log', 2, 400);
    const producer = kafka.producer();
    await producer.connect();
    const consumer = kafka.consumer({ groupId: 'kafkajs-through', heartbeatInterval: 300, rebalanceTimeout: 5_000 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const seen = new Set<string | null>();
    const half = deferred();
    const all = deferred();
    await consumer.run({
      eachMessage: async ({ message }) => {
        seen.add(`${message.key} ${message.timestamp}`);
        if (seen.size === 200) half.resolve();
        if (seen.size === 400) all.resolve();
      },
    });
    await producer.send({ topic, messages: sent.slice(0, 200).map(toMessage) });
    await half.promise;
    await broker.restart();
    await producer.send({ topic, messages: sent.slice(200).map(toMessage) });
    await all.promise;
    await consumer.disconnect();
    await producer.disconnect();
  });

  await t.test('administers topics, configs, offsets and groups', async () => {
    const topic = 'kafkajs-admin';
    const configEntries = [{ name: 'retention.ms', value: '3600000' }];
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries }] }), true);
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }), false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.equal(topics[0].partitions.length, 2);
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '7200000' }] }],
    });
    const { resources } = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ ...resource, configNames: ['retention.ms'] }],
    });
    assert.equal(resources[0].configEntries[0].configValue, '7200000');
    const producer = kafka.producer();
    await producer.connect();
    const messages = Array.from({ length: 10 }, (_, i) => ({
      value: String(i),
      partition: 0,
      timestamp: String(1_000 + i),
    }));
    await producer.send({ topic, messages });
    await producer.disconnect();
    const byTime = await admin.fetchTopicOffsetsByTimestamp(topic, 1_004);
    assert.equal(byTime.find((entry) => entry.partition === 0)?.offset, '4');
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    const ends = (await admin.fetchTopicOffsets(topic)).find((entry) => entry.partition === 0);
    assert.deepEqual([ends?.low, ends?.high], ['6', '10']);
    await admin.setOffsets({ groupId: 'kafkajs-admin', topic, partitions: [{ partition: 0, offset: '7' }] });
    const committed = await admin.fetchOffsets({ groupId: 'kafkajs-admin', topics: [topic] });
    assert.equal(committed[0].partitions.find((entry) => entry.partition === 0)?.offset, '7');
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === 'kafkajs-admin'));
    await admin.deleteGroups(['kafkajs-admin']);
    await admin.deleteTopics({ topics: [topic] });
    assert.ok(!(await admin.listTopics()).includes(topic));
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
