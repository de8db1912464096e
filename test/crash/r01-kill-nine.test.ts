/**
 * R1: kill -9 of the real process under load, again and again: nothing acknowledged is lost or doubled, nothing read is
 * taken back, committed offsets stay. Test process.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { checkHistory } from '../history/checker.js';
import { History } from '../history/history.js';
import { temporaryFolder } from '../temp-folder.js';
import { experiment, type Trial } from './lab/experiment.js';
import { judge } from './lab/judge.js';
import { askOffset, LoadConsumer, readWhole } from './load-consumer.js';
import { LoadProducer } from './load-producer.js';
import { Session } from './session.js';

const PARTITIONS = 8;
const TOPIC = 'killed';
/** After the first acknowledgement of a life. */
const KILL_AFTER_MS = { min: 20, max: 400 };

/** One life in so many ends by SIGTERM. */
const STOP_EVERY = 6;

/** A dead process must lose nothing in any flush mode; each trial has one of them. */
const MODES = ['ack', 'never', 'interval', 'never', 'ack'] as const;

experiment({
  id: 'R1',
  title: 'kill -9 and SIGTERM under producers, assigned consumers and groups, with a check of the whole history',
  unit: 'kills',
  ci: 50,
  long: 1000,
  unitsPerTrial: 10,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async (trial, kills) => {
    const mode = MODES[trial.seed % MODES.length];
    const broker = await BrokerProcess.start({
      overrides: { flush: mode, shards: 3, 'log.segment.bytes': 1024 * 1024 },
    });
    try {
      await livesOf(broker, kills, trial);
    } finally {
      await broker.dispose();
    }
  },
});

/** One broker, killed and started until it was killed so often; then its whole history is judged. */
async function livesOf(broker: BrokerProcess, kills: number, { random, findings }: Trial): Promise<void> {
  const history = new History();
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

  const begin = async (): Promise<Session> => {
    const session = new Session(broker.bootstrap);
    await checkTopics(session, topics, complaints);
    return session;
  };

  await createTopic(await begin(), TOPIC, PARTITIONS, topics);
  for (let killed = 0, life = 0; killed < kills; life++) {
    if (!broker.server.running) await broker.start();
    const session = await begin();
    const loads = [...producers, ...consumers].map((load) => load.run(session));
    loads.push(
      session.firstAcknowledged.then(() => createTopic(session, `made-${life}`, 2, topics).catch(() => undefined)),
    );
    await session.firstAcknowledged;
    const span = KILL_AFTER_MS.max - KILL_AFTER_MS.min;
    await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS.min + random(span)));
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
    await askOffset(client, history, TOPIC, partition, 'earliest');
    await readWhole(client, history, TOPIC, partition);
    await readWhole(client, history, TOPIC, partition);
    for (let i = 0; i < 5; i++) await askOffset(client, history, TOPIC, partition, Date.now() - random(30_000));
  }
  complaints.push(...session.complaints);
  session.end();
  assert.equal(await broker.stop(), 0, `stopping by SIGTERM\n${broker.stderr.slice(-4_000)}`);

  const verdict = checkHistory(history.operations);
  if (verdict.anomalies.length > 0 || complaints.length > 0) {
    const path = join(temporaryFolder('history'), 'history.jsonl');
    history.write(path);
    process.stderr.write(`${path} (kept by MILLRACE_TEST_KEEP=1)\n${broker.stderr.slice(-4_000)}\n`);
  }
  judge(verdict, findings);
  assert.deepEqual(complaints.slice(0, 10), [], `${complaints.length} answers that should not have been`);
  assert.ok(verdict.counts.acknowledged > 0);
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
