/**
 * Kafka's console consumers of one group are replaced one at a time while records arrive: from the classic protocol to
 * group.protocol=consumer, and back. Nothing is lost on the way, and nothing is read twice. Test process.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { KafkaClient, withClient } from '../../src/cli/client.js';
import { readGroups } from '../../src/cli/described-group.js';
import { readTopics } from '../../src/cli/topic-metadata.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { encodeBatch } from '../../src/record/record.js';
import { CLIENT_TEST_TIMEOUT_MS, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';

const TOPIC = 'rolled';
const GROUP = 'rolling';
const PARTITIONS = 4;
const SETTLED_WITHIN_MS = 60_000;
const BETWEEN_BATCHES_MS = 10;

type Protocol = 'classic' | 'consumer';

/** Names and counts the records of a topic, one batch of one for each partition at a time. */
class Source {
  sent = 0;
  #over = false;
  readonly #done: Promise<void>;

  constructor(private readonly client: KafkaClient) {
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#over = true;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      let left = Array.from({ length: PARTITIONS }, (_, partition) => partition);
      while (left.length > 0) left = await this.#send(left);
      this.sent++;
      await pause(BETWEEN_BATCHES_MS);
    }
  }

  /** The partitions that did not take the record, and that may take it later. */
  async #send(partitions: readonly number[]): Promise<number[]> {
    const partitionData = partitions.map((index) => {
      const record = { key: null, value: Buffer.from(`${index}/${this.sent}`), timestampMs: Date.now() };
      return { index, records: encodeBatch({ records: [record] }) };
    });
    const topicData = [{ name: TOPIC, partitionData }];
    const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
    const { responses } = await this.client.request(produce, request, { versionMax: 12 });
    const refused = responses[0].partitionResponses.filter(({ errorCode }) => errorCode !== 'NONE');
    // Apache Kafka has made a topic before it serves it.
    for (const { errorCode } of refused) assert.equal(errorCode, 'NOT_LEADER_OR_FOLLOWER');
    return refused.map(({ index }) => index);
  }
}

/** `kafka-console-consumer.sh`, which says each record on a line and commits what it has said when it is stopped. */
class ConsoleConsumer {
  readonly #child: ChildProcess;
  #complaints = '';
  readonly #ended: Promise<unknown>;

  constructor(bootstrap: string, protocol: Protocol, onRecord: (record: string) => void) {
    const properties = [`group.protocol=${protocol}`, 'auto.commit.interval.ms=200', 'auto.offset.reset=earliest'];
    if (protocol === 'classic') properties.push('heartbeat.interval.ms=300', 'session.timeout.ms=6000');
    const child = spawn('java', [
      ...['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), 'org.apache.kafka.tools.consumer.ConsoleConsumer'],
      ...['--bootstrap-server', bootstrap, '--topic', TOPIC, '--group', GROUP],
      ...properties.flatMap((property) => ['--command-property', property]),
    ]);
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
    });
    const lines = createInterface({ input: child.stdout });
    lines.on('line', onRecord);
    this.#ended = Promise.all([once(child, 'close'), once(lines, 'close')]);
  }

  get complaints(): string {
    return this.#complaints;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }
}

test('Java consumers of one group roll from one protocol to the other and back under load', {
  timeout: CLIENT_TEST_TIMEOUT_MS,
}, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const broker = await startLiveBroker(t, {
    'group.consumer.min.heartbeat.interval.ms': 100,
    'group.consumer.heartbeat.interval.ms': 300,
  });
  if (!broker) return;
  await withClient(broker.bootstrap, async (client) => {
    const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
    const { topics } = await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
    assert.equal(topics[0].errorCode, 'NONE');
    // Apache Kafka has made it before it knows it.
    while ((await readTopics(client, [TOPIC]))[0].errorCode !== 'NONE') await pause(50);
  });
  const watching = await KafkaClient.connect(broker.bootstrap);
  const producing = await KafkaClient.connect(broker.bootstrap);
  const source = new Source(producing);
  const counts = new Map<string, number>();
  const consumers: ConsoleConsumer[] = [];

  const start = (protocol: Protocol) => {
    const onRecord = (record: string) => counts.set(record, (counts.get(record) ?? 0) + 1);
    consumers.push(new ConsoleConsumer(broker.bootstrap, protocol, onRecord));
  };
  /** The one that has been there for longest. */
  const stopOne = async () => {
    await consumers.shift()?.stop();
  };
  const within = async (what: string, isSo: () => boolean | Promise<boolean>, explain: () => string) => {
    const giveUpAt = Date.now() + SETTLED_WITHIN_MS;
    while (!(await isSo())) {
      const said = consumers.map(({ complaints }) => complaints).join('\n');
      assert.ok(Date.now() < giveUpAt, `not ${what}: ${explain()}\n${said}`);
      await pause(50);
    }
  };
  /** The group is of that type, and each of so many members has what it is to have of a share of all partitions. */
  const settled = async (type: Protocol, members: number) => {
    let seen = '';
    const isSo = async () => {
      const [group] = await readGroups(watching, [GROUP]).catch((error: Error) => [error]);
      seen = group instanceof Error ? group.message : JSON.stringify(group);
      if (group instanceof Error) return false;
      const parts = group.members.map(({ assignment, targetAssignment }) => {
        const partitions = assignment.flatMap((topic) => topic.partitions);
        const target = targetAssignment?.flatMap((topic) => topic.partitions) ?? partitions;
        return partitions.join() === target.join() ? partitions : [];
      });
      return (
        group.state === 'Stable' &&
        group.type === type &&
        parts.length === members &&
        parts.every((part) => part.length > 0) &&
        new Set(parts.flat()).size === PARTITIONS
      );
    };
    await within(`a ${type} group of ${members}`, isSo, () => seen);
  };
  /** Each record that was sent since `from` is read by the group, and by one member. */
  const readOnce = async (from: number) => {
    const to = source.sent + 100;
    await within(
      'sent',
      () => source.sent >= to,
      () => `${source.sent} of ${to}`,
    );
    const records = Array.from({ length: PARTITIONS }, (_, partition) =>
      Array.from({ length: to - from }, (_, i) => `${partition}/${from + i}`),
    ).flat();
    const unread = () => records.filter((record) => !counts.has(record));
    await within(
      'read',
      () => unread().length === 0,
      () => `${unread().slice(0, 10).join()} of ${unread().length}`,
    );
    const twice = records.filter((record) => counts.get(record) !== 1);
    assert.deepEqual(twice.slice(0, 10), [], `${twice.length} records were read more than once`);
  };

  try {
    start('classic');
    start('classic');
    await settled('classic', 2);
    await readOnce(0);
    for (const to of ['consumer', 'classic'] as const) {
      await t.test(`to ${to}`, async () => {
        for (let left = 2; left > 0; left--) {
          start(to);
          // As long as one member speaks the new protocol, it is a group of that.
          await settled('consumer', 3);
          await stopOne();
          await settled(left === 1 ? to : 'consumer', 2);
        }
        await readOnce(source.sent);
      });
    }
    await t.test('in the end every record was read once', () => readOnce(0));
  } finally {
    await Promise.all(consumers.map((consumer) => consumer.stop('SIGKILL')));
    await source.stop().finally(() => {
      for (const client of [watching, producing]) client.close();
    });
  }
});
