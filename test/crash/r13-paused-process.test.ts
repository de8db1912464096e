/**
 * R13: the whole process stands still (SIGSTOP) for longer than its group's sessions last, then goes on. Nothing is lost,
 * doubled or reordered, and the group's members are all back at work within ten seconds. Test process.
 */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { createTopic, DisturbedLoad, until } from './lab/disturbed-load.js';
import { experiment, type Trial } from './lab/experiment.js';
import { Session } from './session.js';

const TOPIC = 'paused';
const PARTITIONS = 4;
const GROUP_TOPIC = 'work';
const SESSION_MS = 1500;
/** Some end before the sessions do, most do not. */
const PAUSED_MS = { min: 1000, span: 4000, spanLong: 29_000 };
const CONVERGES_WITHIN_MS = 10_000;
const MEMBERS = ['member-a', 'member-b'] as const;
/** Of trials, one in so many is paused for up to half a minute; none of those of the small size is. */
const LONG_EVERY = 5;

experiment({
  id: 'R13',
  title: 'the whole process is stopped and continued under producers, consumers and a group',
  unit: 'pauses',
  ci: 2,
  long: 50,
  ciSeed: 2,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async (trial) => {
    const broker = await BrokerProcess.start({
      overrides: {
        shards: 2,
        'group.initial.rebalance.delay.ms': 0,
        'group.min.session.timeout.ms': 500,
      },
    });
    try {
      await stopAndContinue(broker, trial);
    } catch (error) {
      process.stderr.write(`${broker.stdout.slice(-4000)}\n${broker.stderr.slice(-4000)}\n`);
      throw error;
    } finally {
      await broker.dispose();
    }
  },
});

async function stopAndContinue(broker: BrokerProcess, { seed, random, findings, say }: Trial): Promise<void> {
  const load = new DisturbedLoad({ broker, topic: TOPIC, partitions: PARTITIONS, random, retriable: [] });
  await load.begin();
  const session = new Session(broker.bootstrap);
  await createTopic(await session.connect(), GROUP_TOPIC, PARTITIONS);
  session.end();

  const retry = { initialRetryTime: 20, maxRetryTime: 200, retries: 10_000 };
  const kafka = new kafkajs.Kafka({ brokers: [broker.bootstrap], logLevel: kafkajs.logLevel.NOTHING, retry });
  /** Who read a value, in the order in which they did. */
  const readers = new Map<string, string[]>();
  const consumers = await Promise.all(
    MEMBERS.map(async (name) => {
      const consumer = kafka.consumer({
        groupId: 'workers',
        sessionTimeout: SESSION_MS,
        heartbeatInterval: 200,
        rebalanceTimeout: 3000,
        maxWaitTimeInMs: 100,
        retry,
      });
      await consumer.connect();
      await consumer.subscribe({ topic: GROUP_TOPIC, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          const value = String(message.value);
          readers.set(value, [...(readers.get(value) ?? []), name]);
        },
      });
      return consumer;
    }),
  );
  const producer = kafka.producer();
  await producer.connect();
  /** Each partition gets a value; resolves when all have been read, by both members. */
  const round = async (name: string, withinMs: number): Promise<void> => {
    let made = 0;
    await until(`the group works on ${name}`, withinMs, async () => {
      const prefix = `${name}-${made++}-`;
      const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({
        partition,
        value: `${prefix}${partition}`,
      }));
      await producer.send({ topic: GROUP_TOPIC, messages });
      await pause(50);
      const by = messages.map(({ value }) => readers.get(value)?.[0]);
      return by.every((reader) => reader !== undefined) && new Set(by).size === MEMBERS.length;
    });
  };
  try {
    await round('before', 30_000);
    const span = seed % LONG_EVERY === 0 ? PAUSED_MS.spanLong : PAUSED_MS.span;
    const pausedMs = PAUSED_MS.min + random(span);
    process.kill(broker.pid, 'SIGSTOP');
    await pause(pausedMs);
    process.kill(broker.pid, 'SIGCONT');
    const continuedAt = performance.now();
    await round('after', CONVERGES_WITHIN_MS);
    say(`R13: paused for ${pausedMs} ms; the group was whole ${Math.round(performance.now() - continuedAt)} ms later`);
    assert.doesNotMatch(broker.stdout + broker.stderr, /frozen shard|slow disk/, 'no thread is blamed for it');
    await load.progress(20);
  } finally {
    if (broker.server.running) process.kill(broker.pid, 'SIGCONT');
    await Promise.all([producer, ...consumers].map((one) => one.disconnect().catch(() => undefined)));
  }
  await load.endAndJudge(findings);
}
