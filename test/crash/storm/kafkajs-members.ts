/** Consumers of kafkajs that join and leave as they are told: `kafkajs-members.js BOOTSTRAP TOPIC`. A process of its own. */
import { createInterface } from 'node:readline';
import kafkajs, { type Consumer, type EachBatchPayload } from 'kafkajs';
import { monotonicMs, type Order } from './member-host.js';

const [bootstrap, topic] = process.argv.slice(2);
const kafka = new kafkajs.Kafka({
  brokers: [bootstrap],
  logLevel: kafkajs.logLevel.NOTHING,
  retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1_000 },
});

interface Member {
  readonly consumer: Consumer;
  leaving: boolean;
  /** A consumer of kafkajs that is stopped before it fetches goes on as if nobody had said so. */
  stoppable: boolean;
  onStoppable: () => void;
}

const members = new Map<string, Member>();

function tell(member: string, tells: string, more: object = {}): void {
  process.stdout.write(`${JSON.stringify({ atMs: monotonicMs(), member, tells, ...more })}\n`);
}

async function start(name: string, groupId: string): Promise<void> {
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: 6_000,
    heartbeatInterval: 500,
    rebalanceTimeout: 10_000,
    maxWaitTimeInMs: 100,
    metadataMaxAge: 1_000,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 1_000 },
  });
  const member: Member = { consumer, leaving: false, stoppable: false, onStoppable: () => undefined };
  members.set(name, member);
  let held: readonly number[] = [];
  const lose = () => {
    if (held.length > 0) tell(name, 'lost', { partitions: held });
    held = [];
  };
  const { events } = consumer;
  consumer.on(events.GROUP_JOIN, ({ payload }) => {
    // It works off what it has fetched while it joins again, and says of no partition that it gives it up.
    lose();
    held = payload.memberAssignment[topic] ?? [];
    tell(name, 'assigned', { partitions: held });
  });
  consumer.on(events.COMMIT_OFFSETS, ({ payload }) => {
    for (const { partitions } of payload.topics) {
      for (const { partition, offset } of partitions) {
        tell(name, 'committed', { partition: Number(partition), offset: Number(offset) });
      }
    }
  });
  const beStoppable = () => {
    member.stoppable = true;
    member.onStoppable();
  };
  consumer.on(events.FETCH_START, beStoppable);
  consumer.on(events.CRASH, ({ payload: { error, restart } }) => {
    member.stoppable = false;
    lose();
    if (!restart) tell(name, 'wrong', { text: String(error) });
  });
  // Its own retries do not cover a broker that dies while a connection is being made.
  while (!member.leaving && !(await isConnected(consumer))) await consumer.disconnect();
  if (member.leaving) beStoppable();
  else await consumer.run({ eachBatch: async (payload) => read(name, payload) });
}

async function isConnected(consumer: Consumer): Promise<boolean> {
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    return true;
  } catch (error) {
    if ((error as Error).name !== 'KafkaJSConnectionClosedError') throw error;
    return false;
  }
}

function read(member: string, { batch: { partition, messages } }: EachBatchPayload): void {
  const from = Number(messages[0].offset);
  let next = from;
  for (const { offset, value } of messages) {
    if (Number(offset) !== next || String(value) !== offset) {
      tell(member, 'wrong', { text: `${value} at ${partition}/${offset}, where ${next} was due` });
    }
    next = Number(offset) + 1;
  }
  tell(member, 'read', { partition, from, to: next });
}

async function stop(name: string): Promise<void> {
  const member = members.get(name);
  if (!member) throw new Error(`there is no member ${name}`);
  members.delete(name);
  member.leaving = true;
  if (!member.stoppable) {
    await new Promise<void>((resolve) => {
      member.onStoppable = resolve;
    });
  }
  await member.consumer.stop();
  tell(name, 'gone');
  await member.consumer.disconnect();
  tell(name, 'stopped');
}

function complain(member: string) {
  return (error: Error) => tell(member, 'wrong', { text: error.stack });
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as Order;
  if (order.do === 'start') start(order.member, order.group).catch(complain(order.member));
  else if (order.do === 'stop') stop(order.member).catch(complain(order.member));
});
tell('', 'ready');
