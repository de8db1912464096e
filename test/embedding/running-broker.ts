/** A broker in the test process, and the few requests by which tests of a log's life drive and question it. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/base/clock.js';
import type { ErrorName } from '../../src/base/error-code.js';
import { KafkaClient } from '../../src/cli/client.js';
import { EARLIEST, readOffsets } from '../../src/cli/topic-metadata.js';
import { type Broker, createBroker, type Logger } from '../../src/index.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';

const TOPIC_RESOURCE = 2;
const SET = 0;

export async function started(
  t: TestContext,
  folder: string,
  settings: Record<string, string>,
  logger?: Logger,
): Promise<Broker> {
  const broker = await createBroker({
    settings: { 'log.dirs': folder, listeners: 'PLAINTEXT://127.0.0.1:0', flush: 'never', ...settings },
    logger,
  });
  t.after(() => broker.close());
  await broker.start();
  return broker;
}

export async function connected(t: TestContext, broker: Broker): Promise<KafkaClient> {
  const client = await KafkaClient.connect(broker.bootstrapServers);
  t.after(() => client.close());
  return client;
}

/** Of one partition. */
export async function createTopic(
  client: KafkaClient,
  name: string,
  settings: Record<string, string> = {},
): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
  const answer = await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
  assert.equal(answer.topics[0].errorCode, 'NONE');
}

export async function alterTopic(client: KafkaClient, name: string, settings: Record<string, string>): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, configOperation: SET, value }));
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: name, configs }];
  const { responses } = await client.request(incrementalAlterConfigs, { resources, validateOnly: false });
  assert.equal(responses[0].errorCode, 'NONE', responses[0].errorMessage ?? '');
}

export async function send(client: KafkaClient, name: string, records: Buffer): Promise<ErrorName> {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 9 });
  return responses[0].partitionResponses[0].errorCode;
}

export async function earliest(client: KafkaClient, topic: string): Promise<number> {
  const [offset] = await readOffsets(client, [{ topic, partition: 0 }], EARLIEST);
  return offset ?? -1;
}

/** The sum over all series of a counter or gauge whose labels are these; -1 where there is none. */
export async function metric(broker: Broker, name: string, labels: Record<string, string> = {}): Promise<number> {
  const family = (await broker.metrics()).find((one) => one.name === name);
  if (family === undefined || family.kind === 'histogram') return -1;
  const meant = family.samples.filter((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  return meant.length === 0 ? -1 : meant.reduce((sum, { value }) => sum + value, 0);
}

/** Asks again, a moment later each time, until the answer is yes. */
export async function eventually(what: string, withinMs: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = systemClock.monotonicMs() + withinMs;
  while (!(await holds())) {
    assert.ok(systemClock.monotonicMs() < endMs, `${what} within ${withinMs} ms`);
    await new Promise<void>((resolve) => systemClock.after(20, resolve));
  }
}
