/** Every codec both ways between our command line and other people's clients, through a live broker. Test process. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { millrace } from '../cli/command-line.js';
import { CLIENT_TEST_TIMEOUT_MS, type LiveBroker, startLiveBroker } from '../live-broker.js';
import { kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { goClient, noGoClient } from '../peers/go-client.js';
import { hasTool, mustRun } from '../run-tool.js';
import { registerKafkaJsCodecs } from './kafkajs-codecs.js';
import { assertSameLines, fromJsonLines, logLines } from './log-records.js';

/** In the order of their numbers. */
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
type Codec = (typeof codecs)[number];

interface Client {
  /** Why it cannot run here, or null. */
  missing(): string | null;
  produce(topic: string, codec: Codec, lines: readonly string[]): Promise<unknown>;
  consume(topic: string, count: number): Promise<string[]>;
}

const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
const linesOf = (output: string) => output.split('\n').slice(0, -1);

function clientsOf({ bootstrap }: LiveBroker): Record<string, Client> {
  const java = (tool: string, args: readonly string[], input?: string) =>
    mustRun(
      'java',
      [
        ...['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), `org.apache.kafka.tools.${tool}`],
        ...['--bootstrap-server', bootstrap, ...args],
      ],
      { input },
    );
  registerKafkaJsCodecs();
  const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING });
  return {
    kcat: {
      missing: () => (hasTool('kcat', '-V') ? null : 'kcat is not installed'),
      produce: (topic, codec, lines) =>
        mustRun('kcat', ['-P', '-b', bootstrap, '-t', topic, '-p', '0', '-z', codec], { input: text(lines) }),
      consume: async (topic) => linesOf(await mustRun('kcat', ['-q', '-C', '-b', bootstrap, '-t', topic, '-e'])),
    },
    java: {
      missing: noApacheKafka,
      produce: (topic, codec, lines) =>
        java('ConsoleProducer', ['--topic', topic, '--compression-codec', codec], text(lines)),
      consume: async (topic, count) => {
        const end = ['--max-messages', String(count), '--timeout-ms', '30000'];
        return linesOf(await java('consumer.ConsoleConsumer', ['--topic', topic, '--from-beginning', ...end]));
      },
    },
    'franz-go': {
      missing: () => (goClient() ? null : noGoClient),
      produce: (topic, codec, lines) => {
        const records = lines.map((value) =>
          JSON.stringify({ partition: 0, key: null, value, headers: [], timestampMs: 1_700_000_000_000 }),
        );
        return mustRun(goClient() ?? '', ['produce', bootstrap, topic, 'plain', codec], { input: text(records) });
      },
      consume: async (topic, count) => {
        const read = await mustRun(goClient() ?? '', ['consume', bootstrap, topic, String(count)]);
        return fromJsonLines(read).map(({ value }) => value ?? '');
      },
    },
    kafkajs: {
      missing: () => null,
      async produce(topic, codec, lines) {
        const compression = codecs.indexOf(codec);
        const producer = kafka.producer();
        await producer.connect();
        await producer.send({ topic, compression, messages: lines.map((value) => ({ value, partition: 0 })) });
        await producer.disconnect();
      },
      async consume(topic, count) {
        const consumer = kafka.consumer({ groupId: `${topic}-group` });
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        const read: string[] = [];
        await new Promise<void>((resolve, reject) => {
          const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => {
            read.push(message.value?.toString() ?? '');
            if (read.length === count) resolve();
          };
          consumer.run({ eachMessage }).catch(reject);
        });
        await consumer.disconnect();
        return read;
      },
    },
  };
}

async function ours(args: readonly string[], broker: LiveBroker, input = ''): Promise<string> {
  const { exitCode, stdout, stderr } = await millrace([...args, '-b', broker.bootstrap], input);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function bothWays(t: TestContext, broker: LiveBroker, name: string, client: Client, codec: Codec): Promise<void> {
  const lines = logLines(t, 'Spark_2k.log');
  const theirs = `from-${name}-${codec}`;
  await ours(['topic', 'create', theirs, '-p', '1'], broker);
  await client.produce(theirs, codec, lines);
  assertSameLines(linesOf(await ours(['consume', theirs, '--from-beginning', '-e'], broker)), lines);
  const own = `to-${name}-${codec}`;
  await ours(['topic', 'create', own, '-p', '1'], broker);
  await ours(['produce', own, '-z', codec], broker, text(lines));
  assertSameLines(await client.consume(own, lines.length), lines);
}

/** The client packs with lz4, the topic wants zstd: neither hears of the other. */
async function packedAnew(t: TestContext, broker: LiveBroker, name: string, client: Client): Promise<void> {
  const lines = logLines(t, 'Spark_2k.log');
  const topic = `packed-${name}`;
  await ours(['topic', 'create', topic, '-p', '1', '--config', 'compression.type=zstd'], broker);
  await client.produce(topic, 'lz4', lines);
  assertSameLines(await client.consume(topic, lines.length), lines);
}

for (const name of ['kcat', 'java', 'franz-go', 'kafkajs']) {
  test(`compression, ${name}`, { timeout: CLIENT_TEST_TIMEOUT_MS }, async (t) => {
    const broker = await startLiveBroker(t);
    if (!broker) return;
    const client = clientsOf(broker)[name];
    const missing = client.missing();
    if (missing) return t.skip(missing);
    for (const codec of codecs) {
      await t.test(`${codec}, both ways`, (t) => bothWays(t, broker, name, client, codec));
    }
    await t.test('packed anew by the topic', (t) => packedAnew(t, broker, name, client));
  });
}
