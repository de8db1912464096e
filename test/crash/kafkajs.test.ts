/** kill -9 under kafkajs: an idempotent producer and a group of two live through it and agree with the log. Test process. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import kafkajs from 'kafkajs';
import { KafkaClient } from '../../src/cli/client.js';
import type { RecordHeader } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { checkHistory } from '../history/checker.js';
import { randomOf } from '../history/good-history.js';
import { History, type ReadRecord } from '../history/history.js';
import { hashOf, makeRecord } from './contents.js';
import { readWhole } from './load-consumer.js';

const KILLS = 6;
const PARTITIONS = 4;
const TOPIC = 'kafkajs-killed';
const GROUP = 'kafkajs-readers';
const SEED = Number(process.env.MILLRACE_SEED ?? Date.now() % 1_000_000);

/** What is over has ended by itself by then. */
const END_MS = 5_000;

/** Now and then one of kafkajs's consumers goes on looking for its broker although it has said that it is disconnected. */
after(() => setTimeout(() => process.exit(), END_MS).unref());

test(`kafkajs lives through ${KILLS} kills`, { timeout: 240_000 }, async (t) => {
  if (!brokerIsBuilt) return t.skip(noBroker);
  t.diagnostic(`seed ${SEED}`);
  const random = randomOf(SEED);
  const broker = await BrokerProcess.start({ overrides: { 'group.initial.rebalance.delay.ms': 0 } });
  t.after(() => broker.dispose());
  const history = new History();
  // It must not give up: kafkajs numbers its next batch as the one that it gave up on.
  const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 10_000 };
  const kafka = new kafkajs.Kafka({
    clientId: 'killed',
    brokers: [broker.bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
    retry,
  });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }] });
  await admin.disconnect();

  let over = false;
  const produceUntilOver = async () => {
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let number = 0; !over; ) {
      const partition = random(PARTITIONS);
      const made = Array.from({ length: 1 + random(5) }, () => {
        number += 1;
        return makeRecord(`kafkajs#${number}`, number, Date.now());
      });
      const invoked = history.invoke();
      const messages = made.map(({ record }) => ({
        partition,
        key: record.key,
        value: record.value,
        headers: Object.fromEntries((record.headers ?? []).map(({ key, value }) => [String(key), value ?? undefined])),
        timestamp: String(record.timestampMs),
      }));
      const [answer] = await producer.send({ topic: TOPIC, messages });
      const baseOffset = Number(answer.baseOffset ?? -1);
      history.complete(invoked, {
        f: 'send',
        process: 'kafkajs',
        partition: `${TOPIC}-${partition}`,
        idempotent: true,
        records: made.map(({ sent }) => sent),
        outcome: 'ok',
        baseOffset: baseOffset < 0 ? null : baseOffset,
      });
    }
    await producer.disconnect();
  };

  /** Next offset that the group has to read, by partition. */
  const read = new Array<number>(PARTITIONS).fill(0);
  let onProgress: () => void = () => undefined;
  const consumers = await Promise.all(
    ['reader-a', 'reader-b'].map(async (name) => {
      const consumer = kafka.consumer({
        groupId: GROUP,
        heartbeatInterval: 300,
        sessionTimeout: 6_000,
        rebalanceTimeout: 3_000,
      });
      consumer.on(consumer.events.GROUP_JOIN, () =>
        history.complete(history.invoke(), { f: 'subscribe', process: name }),
      );
      await consumer.connect();
      await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          const partition = `${TOPIC}-${batch.partition}`;
          const records = batch.messages.map((message): ReadRecord => {
            const headers = Object.entries(message.headers ?? {}).map(
              ([key, value]): RecordHeader => ({ key, value: value as Buffer }),
            );
            const text = message.value?.toString() ?? '';
            const content = { key: message.key, value: message.value, headers, timestampMs: Number(message.timestamp) };
            return {
              offset: Number(message.offset),
              value: text.slice(0, text.indexOf(' ')),
              hash: hashOf(content),
              timestampMs: content.timestampMs,
            };
          });
          history.complete(history.invoke(), { f: 'poll', process: name, records: { [partition]: records } });
          const next = Number(batch.lastOffset()) + 1;
          resolveOffset(batch.lastOffset());
          const invoked = history.invoke();
          const tell = (outcome: 'ok' | 'info') =>
            history.complete(invoked, {
              f: 'commit',
              process: name,
              group: GROUP,
              offsets: { [partition]: next },
              outcome,
            });
          try {
            await consumer.commitOffsets([{ topic: TOPIC, partition: batch.partition, offset: String(next) }]);
            tell('ok');
          } catch (error) {
            tell('info');
            throw error;
          } finally {
            read[batch.partition] = Math.max(read[batch.partition], next);
            onProgress();
          }
        },
      });
      return consumer;
    }),
  );

  const producing = produceUntilOver();
  for (let kill = 0; kill < KILLS; kill++) {
    const sends = history.operations.length;
    await new Promise<void>((resolve) => {
      onProgress = () => {
        if (history.operations.length > sends + 20) resolve();
      };
    });
    await new Promise((resolve) => setTimeout(resolve, random(200)));
    await broker.kill9();
    await broker.start();
  }
  over = true;
  await producing;
  const client = await KafkaClient.connect(broker.bootstrap);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await readWhole(client, history, TOPIC, partition);
    await readWhole(client, history, TOPIC, partition);
  }
  client.close();
  const ends = new Array<number>(PARTITIONS).fill(0);
  for (const operation of history.operations) {
    if (operation.f === 'read-all')
      ends[Number(operation.partition.slice(TOPIC.length + 1))] = operation.records.length;
  }
  const allRead = () => ends.every((end, partition) => read[partition] >= end);
  await new Promise<void>((resolve) => {
    onProgress = () => {
      if (allRead()) resolve();
    };
    onProgress();
  });
  await Promise.all(consumers.map((consumer) => consumer.disconnect()));
  const { anomalies, counts } = checkHistory(history.operations);
  t.diagnostic(`${counts.acknowledged} records acknowledged, ${counts.read} read`);
  assert.deepEqual(anomalies.slice(0, 10), [], `${anomalies.length} anomalies`);
});
