/** @platformatic/kafka against a live broker. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { assertSameRecords, type ClientRecord, logRecords, type ReadClientRecord } from './log-records.js';

test('@platformatic/kafka', { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
  const broker = await startLiveBroker(t);
  if (!broker) return;
  const common = { clientId: 'platformatic-test', bootstrapBrokers: [broker.bootstrap], retries: 50, retryDelay: 100 };
  const admin = new Admin(common);
  t.after(() => admin.close());

  const send = async (topic: string, records: readonly ClientRecord[], idempotent: boolean, compression?: 'gzip') => {
    const producer = new Producer({ ...common, serializers: stringSerializers, idempotent });
    for (let i = 0; i < records.length; i += 250) {
      const messages = records.slice(i, i + 250).map((record) => ({
        topic,
        partition: record.partition,
        key: record.key ?? undefined,
        value: record.value ?? undefined,
        headers: Object.fromEntries(record.headers),
        timestamp: BigInt(record.timestampMs),
      }));
      await producer.send({ messages, compression, acks: -1 });
    }
    await producer.close();
  };

  /** Reads with a group until `count` records came, commits them and leaves. */
  const read = async (topic: string, groupId: string, count: number): Promise<ReadClientRecord[]> => {
    const consumer = new Consumer({ ...common, groupId, deserializers: stringDeserializers, heartbeatInterval: 500 });
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
    });
    const records: ReadClientRecord[] = [];
    const next = new Map<number, bigint>();
    for await (const message of stream) {
      records.push({
        partition: message.partition,
        offset: Number(message.offset),
        key: message.key || null,
        value: message.value,
        headers: [...message.headers].map(([name, value]) => [name, value]),
        timestampMs: Number(message.timestamp),
      });
      next.set(message.partition, message.offset);
      if (records.length === count) break;
    }
    const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset: offset + 1n, leaderEpoch: 0 }));
    await consumer.commit({ offsets });
    await consumer.close(true);
    return records;
  };

  for (const idempotent of [false, true]) {
    for (const compression of [undefined, 'gzip'] as const) {
      await t.test(`log lines come back as sent, idempotent ${idempotent}, codec ${compression}`, async (t) => {
        const topic = `platformatic-${idempotent}-${compression}`;
        await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1 });
        const sent = logRecords(t, 'HDFS_2k.log', 3, 1_000);
        await send(topic, sent, idempotent, compression);
        assertSameRecords(await read(topic, `${topic}-group`, sent.length), sent);
      });
    }
  }

  await t.test('a group continues after a restart where it had committed', async (t) => {
    const topic = 'platformatic-restart';
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    const sent = logRecords(t, 'Proxifier_2k.log', 2, 400);
    await send(topic, sent.slice(0, 200), true);
    assertSameRecords(await read(topic, 'platformatic-restart', 200), sent.slice(0, 200));
    await broker.restart();
    await send(topic, sent.slice(200), true);
    assertSameRecords(await read(topic, 'platformatic-restart', 200), sent.slice(200), 100);
  });

  await t.test('administers topics and groups', async () => {
    const topic = 'platformatic-admin';
    const [created] = await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    assert.equal(created.partitions, 2);
    assert.ok((await admin.listTopics()).includes(topic));
    await assert.rejects(admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 }));
    assert.ok((await admin.listGroups()).size > 0);
    await admin.deleteTopics({ topics: [topic] });
    assert.ok(!(await admin.listTopics()).includes(topic));
  });
});
