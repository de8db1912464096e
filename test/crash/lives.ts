/**
 * A broker's lives under load, each ended by kill -9 or SIGTERM, and the whole history of what its clients were told.
 * Test process.
 */
import assert from 'node:assert/strict';
import type { KafkaClient } from '../../src/cli/client.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { BrokerProcess } from '../broker-process.js';
import { History } from '../history/history.js';
import { askOffset, LoadConsumer, readWhole } from './load-consumer.js';
import { LoadProducer } from './load-producer.js';
import { Session } from './session.js';

export interface LivesOptions {
  readonly kills: number;
  /** Numbers below a bound. */
  readonly random: (bound: number) => number;
  readonly flush: 'ack' | 'never' | 'interval';
  /** A life that must bring something to judge is not ended before. */
  readonly endsAfter: 'first acknowledgement' | 'first commit';
  /** A life goes on for so long after that, at most, and {@link KILL_AFTER_MS_MIN} at least. */
  readonly killAfterMsMax: number;
}

export interface Lives {
  readonly history: History;
  /** Answers that should not have been, whatever happened to the broker. */
  readonly complaints: readonly string[];
  readonly stderr: string;
}

const PARTITIONS = 8;
const TOPIC = 'killed';
const KILL_AFTER_MS_MIN = 20;
const LOOK_UPS = 5;
/** Some look-ups ask for a time at which nothing was written yet. */
const LATER_MS = 500;

/** One life in so many ends by SIGTERM. */
const STOP_EVERY = 6;

/** One broker, killed and started until it was killed so often, then read whole. */
export async function recordLives(options: LivesOptions): Promise<Lives> {
  const broker = await BrokerProcess.start({
    overrides: { flush: options.flush, shards: 3, 'log.segment.bytes': 1024 * 1024 },
  });
  try {
    return await livesOf(broker, options);
  } finally {
    await broker.dispose();
  }
}

async function livesOf(
  broker: BrokerProcess,
  { kills, random, endsAfter, killAfterMsMax }: LivesOptions,
): Promise<Lives> {
  const history = new History();
  const startedAtMs = Date.now();
  const complaints: string[] = [];
  const producers = [
    { name: 'idempotent-a', acks: -1, idempotent: true },
    { name: 'idempotent-b', acks: -1, idempotent: true },
    { name: 'leader', acks: 1, idempotent: false },
    { name: 'plain', acks: -1, idempotent: false },
  ].map(
    (each) =>
      new LoadProducer(history, { ...each, acks: each.acks as 1 | -1, topic: TOPIC, partitions: PARTITIONS, random }),
  );
  const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const consumers = [
    new LoadConsumer(history, { name: 'assigned-a', topic: TOPIC, partitions: all }),
    new LoadConsumer(history, { name: 'assigned-b', topic: TOPIC, partitions: all.slice(2, 5) }),
    new LoadConsumer(history, { name: 'group-a', topic: TOPIC, partitions: all.slice(0, 4), group: 'readers' }),
    new LoadConsumer(history, { name: 'group-b', topic: TOPIC, partitions: all.slice(4), group: 'readers' }),
  ];
  const topics = new Map<string, string>();
  const someTimeMs = () => startedAtMs + random(Date.now() - startedAtMs + LATER_MS);
  const ask = async (client: KafkaClient, partition: number) => {
    for (const at of ['earliest', 'latest', someTimeMs()] as const)
      await askOffset(client, history, TOPIC, partition, at);
  };

  const begin = async (): Promise<Session> => {
    const session = new Session(broker.bootstrap);
    await checkTopics(session, topics, complaints);
    return session;
  };

  await createTopic(await begin(), TOPIC, PARTITIONS, topics);
  for (let killed = 0, life = 0; killed < kills; life++) {
    if (!broker.server.running) await broker.start();
    const session = await begin();
    const asking = await session.connect();
    for (const partition of all) await ask(asking, partition);
    const loads = [...producers, ...consumers].map((load) => load.run(session));
    loads.push(
      session.firstAcknowledged.then(() => createTopic(session, `made-${life}`, 2, topics).catch(() => undefined)),
    );
    await (endsAfter === 'first commit' ? session.firstCommitted : session.firstAcknowledged);
    const span = killAfterMsMax - KILL_AFTER_MS_MIN;
    await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS_MIN + random(span)));
    // Now and then an orderly stop under the same load, which ends with exit code 0 and its clean marker.
    if (random(STOP_EVERY) === 0) {
      const code = await broker.stop();
      if (code !== 0) complaints.push(`life ${life}: SIGTERM ended with exit code ${code}`);
    } else {
      await broker.kill9();
      killed++;
    }
    session.end();
    await Promise.all(loads);
    complaints.push(...session.complaints.map((complaint) => `life ${life}: ${complaint}`));
  }

  await broker.start();
  const settling = await begin();
  for (const producer of producers) {
    await producer.settle(settling);
    producer.tellOpen();
  }
  complaints.push(...settling.complaints);
  settling.end();
  // An orderly stop flushes: from here on consumers may see all that was acknowledged, in every mode.
  await broker.restart();
  const session = await begin();
  const client = await session.connect();
  await consumers[2].readCommitted(client, 'readers');
  await consumers[3].readCommitted(client, 'readers');
  for (const partition of all) {
    await ask(client, partition);
    await readWhole(client, history, TOPIC, partition);
    await readWhole(client, history, TOPIC, partition);
    for (let i = 0; i < LOOK_UPS; i++) await askOffset(client, history, TOPIC, partition, someTimeMs());
  }
  complaints.push(...session.complaints);
  session.end();
  assert.equal(await broker.stop(), 0, `stopping by SIGTERM\n${broker.stderr.slice(-4_000)}`);

  return { history, complaints, stderr: broker.stderr };
}

async function createTopic(
  session: Session,
  name: string,
  numPartitions: number,
  topics: Map<string, string>,
): Promise<void> {
  const client = await session.connect();
  const response = await client.request(createTopics, {
    topics: [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  const [answer] = response.topics;
  if (answer.errorCode !== 'NONE') throw new Error(`creating ${name}: ${answer.errorCode}`);
  topics.set(name, answer.topicId);
}

/** Every topic whose creation was acknowledged is there, as the same one. */
async function checkTopics(session: Session, topics: ReadonlyMap<string, string>, complaints: string[]): Promise<void> {
  const client = await session.connect();
  const response = await client.request(metadata, { topics: null });
  for (const [name, id] of topics) {
    const found = response.topics.find((topic) => topic.name === name);
    if (found?.topicId !== id) complaints.push(`topic ${name} was ${id} and is ${found?.topicId}`);
  }
}
