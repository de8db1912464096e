/**
 * Records golden frames: real clients talk to Apache Kafka through a proxy, one request and one answer of each
 * (client, API, version) is kept. By hand: `node dist/test/wire/capture.js [client…]`.
 *
 * Each file `test/wire/CLIENT.json` is a list of {api, apiKey, version, direction, hex, from}; `hex` is a frame without
 * its length prefix: header and body.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { ApacheKafka, kafkaClassPath } from '../peers/apache-kafka.js';
import { type RecordedFrame, RecordingProxy } from '../peers/recording-proxy.js';
import { cacheFolder, projectRoot } from '../project-root.js';
import { mustRun, runTool } from '../run-tool.js';
import { apiNames } from './golden-frames.js';

const RECORD_LINES = Array.from({ length: 6 }, (_, i) => ({
  partition: i % 2,
  key: i === 3 ? null : `key ${i}`,
  value: `a line of a log, number ${i}`,
  headers: [['source', 'golden']],
  timestampMs: 1_700_000_000_000 + i,
}));
const jsonLines = RECORD_LINES.map((line) => `${JSON.stringify(line)}\n`).join('');

type Walk = (bootstrap: string) => Promise<void>;

const goClient = join(cacheFolder, 'go-client');
const python = join(cacheFolder, 'python', 'bin', 'python');

async function java(tool: string, bootstrap: string, args: readonly string[], input = ''): Promise<void> {
  const result = await runTool(
    'java',
    ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), tool, '--bootstrap-server', bootstrap, ...args],
    { input },
  );
  if (result.code !== 0) console.log(`${tool} ${args.join(' ')}: ${result.stdout} ${result.stderr}`);
}

const walks: Record<string, Walk> = {
  async kafkajs(bootstrap) {
    const kafka = new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({
      topics: [{ topic: 'kafkajs', numPartitions: 2, configEntries: [{ name: 'retention.ms', value: '100000' }] }],
    });
    await admin.createPartitions({ topicPartitions: [{ topic: 'kafkajs', count: 3 }] });
    for (const idempotent of [false, true]) {
      const producer = kafka.producer({ idempotent });
      await producer.connect();
      const messages = RECORD_LINES.map((line) => ({
        key: line.key,
        value: line.value,
        partition: line.partition,
        headers: { source: 'golden' },
      }));
      await producer.send({ topic: 'kafkajs', messages });
      await producer.disconnect();
    }
    const consumer = kafka.consumer({ groupId: 'kafkajs-group' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'kafkajs', fromBeginning: true });
    let seen = 0;
    await new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async () => {
          seen += 1;
          if (seen === 2 * RECORD_LINES.length) resolve();
        },
      });
    });
    await admin.describeGroups(['kafkajs-group']);
    await consumer.disconnect();
    await admin.fetchTopicOffsets('kafkajs');
    await admin.fetchTopicOffsetsByTimestamp('kafkajs', 1);
    await admin.fetchOffsets({ groupId: 'kafkajs-group' });
    await admin.setOffsets({ groupId: 'kafkajs-group', topic: 'kafkajs', partitions: [{ partition: 0, offset: '1' }] });
    await admin.listGroups();
    await admin.describeCluster();
    await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: 2, name: 'kafkajs', configNames: ['retention.ms'] }],
    });
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: 'kafkajs', configEntries: [{ name: 'retention.ms', value: '1000000' }] }],
    });
    await admin.deleteTopicRecords({ topic: 'kafkajs', partitions: [{ partition: 0, offset: '1' }] });
    await admin.deleteGroups(['kafkajs-group']);
    await admin.deleteTopics({ topics: ['kafkajs'] });
    await admin.disconnect();
  },

  async librdkafka(bootstrap) {
    const kcat = (args: string[], input = '') =>
      mustRun('kcat', ['-b', bootstrap, '-X', 'client.id=kcat', ...args], { input });
    await kcat(['-P', '-t', 'kcat', '-K:', '-H', 'source=golden'], 'a:first line\nb:second line\n');
    await kcat(['-P', '-t', 'kcat', '-X', 'enable.idempotence=true', '-z', 'lz4'], 'third line\n');
    await kcat(['-P', '-t', 'kcat', '-X', 'acks=0'], 'fourth line\n');
    await kcat(['-L']);
    await kcat(['-C', '-t', 'kcat', '-e']);
    await kcat(['-Q', '-t', 'kcat:0:1']);
    await kcat(['-G', 'kcat-group', '-e', '-X', 'auto.offset.reset=earliest', 'kcat']);
    await mustRun(python, [join(projectRoot, 'test/clients/python/client.py'), 'admin', bootstrap]);
    await mustRun(
      python,
      [join(projectRoot, 'test/clients/python/client.py'), 'produce', bootstrap, 'python', 'idempotent', 'zstd'],
      { input: jsonLines.replaceAll('"partition":1', '"partition":0') },
    );
    await mustRun(python, [
      join(projectRoot, 'test/clients/python/client.py'),
      'group',
      bootstrap,
      'python',
      'python-group',
      String(RECORD_LINES.length),
    ]);
  },

  async 'franz-go'(bootstrap) {
    console.log(await mustRun(goClient, ['wire', bootstrap]));
    console.log(await mustRun(goClient, ['admin', bootstrap]));
    await mustRun(goClient, ['produce', bootstrap, 'golden', 'idempotent', 'snappy'], { input: jsonLines });
    await mustRun(goClient, ['group', bootstrap, 'golden', 'go-group', String(RECORD_LINES.length)]);
  },

  async java(bootstrap) {
    const tools = 'org.apache.kafka.tools';
    await java(`${tools}.TopicCommand`, bootstrap, [
      '--create',
      '--topic',
      'java',
      '--partitions',
      '2',
      '--config',
      'retention.ms=100000',
    ]);
    await java(`${tools}.TopicCommand`, bootstrap, ['--describe', '--topic', 'java']);
    await java(`${tools}.TopicCommand`, bootstrap, ['--alter', '--topic', 'java', '--partitions', '3']);
    await java(
      `${tools}.ConsoleProducer`,
      bootstrap,
      ['--topic', 'java', '--property', 'parse.key=true'],
      'a\tfirst line\nb\tsecond line\n',
    );
    await java(`${tools}.consumer.ConsoleConsumer`, bootstrap, [
      '--topic',
      'java',
      '--from-beginning',
      '--group',
      'java-group',
      '--max-messages',
      '2',
      '--timeout-ms',
      '10000',
    ]);
    await java(`${tools}.consumer.ConsoleConsumer`, bootstrap, [
      '--topic',
      'java',
      '--from-beginning',
      '--group',
      'java-next',
      '--max-messages',
      '2',
      '--timeout-ms',
      '10000',
      '--consumer-property',
      'group.protocol=consumer',
    ]);
    await java(`${tools}.consumer.group.ConsumerGroupCommand`, bootstrap, ['--list']);
    await java(`${tools}.consumer.group.ConsumerGroupCommand`, bootstrap, ['--describe', '--group', 'java-group']);
    await java(`${tools}.consumer.group.ConsumerGroupCommand`, bootstrap, [
      '--reset-offsets',
      '--to-earliest',
      '--group',
      'java-group',
      '--topic',
      'java',
      '--execute',
    ]);
    await java(`${tools}.consumer.group.ConsumerGroupCommand`, bootstrap, ['--delete', '--group', 'java-group']);
    await java(`${tools}.GetOffsetShell`, bootstrap, ['--topic', 'java']);
    await java('kafka.admin.ConfigCommand', bootstrap, [
      '--alter',
      '--entity-type',
      'topics',
      '--entity-name',
      'java',
      '--add-config',
      'retention.ms=200000',
    ]);
    await java('kafka.admin.ConfigCommand', bootstrap, [
      '--describe',
      '--entity-type',
      'topics',
      '--entity-name',
      'java',
    ]);
    await java(`${tools}.LogDirsCommand`, bootstrap, ['--describe', '--topic-list', 'java']);
    await java(`${tools}.ClientMetricsCommand`, bootstrap, ['--list']);
    await java(`${tools}.MetadataQuorumCommand`, bootstrap, ['describe', '--status']);
    await java(`${tools}.LeaderElectionCommand`, bootstrap, ['--election-type', 'preferred', '--all-topic-partitions']);
    await java(`${tools}.reassign.ReassignPartitionsCommand`, bootstrap, ['--list']);
    await java(`${tools}.ProducerPerformance`, bootstrap, [
      '--topic',
      'java',
      '--num-records',
      '20',
      '--record-size',
      '50',
      '--throughput',
      '-1',
    ]);
    await java(`${tools}.TransactionsCommand`, bootstrap, [
      'describe-producers',
      '--topic',
      'java',
      '--partition',
      '0',
    ]);
    await java(`${tools}.TopicCommand`, bootstrap, ['--delete', '--topic', 'java']);
  },

  async 'java-share'(bootstrap) {
    const tools = 'org.apache.kafka.tools';
    const topic = ['--topic', 'shared'];
    const ofGroup = ['--group', 'shared-group'];
    await java(`${tools}.TopicCommand`, bootstrap, ['--create', ...topic, '--partitions', '2']);
    await java('kafka.admin.ConfigCommand', bootstrap, [
      '--alter',
      '--entity-type',
      'groups',
      '--entity-name',
      'shared-group',
      '--add-config',
      'share.auto.offset.reset=earliest',
    ]);
    await java(`${tools}.ConsoleProducer`, bootstrap, topic, 'first line\nsecond line\nthird line\n');
    const client = join(projectRoot, 'test/clients/java/ShareClient.java');
    const share = (plan: string) =>
      mustRun('java', ['-cp', kafkaClassPath(), client, bootstrap, 'shared-group', 'shared', '3', plan]);
    await share('release,renew,accept');
    await java(`${tools}.consumer.group.ShareGroupCommand`, bootstrap, ['--describe', ...ofGroup]);
    await java(`${tools}.consumer.group.ShareGroupCommand`, bootstrap, ['--describe', '--members', ...ofGroup]);
    const reset = ['--reset-offsets', '--to-earliest', ...ofGroup, ...topic, '--execute'];
    await java(`${tools}.consumer.group.ShareGroupCommand`, bootstrap, reset);
    await share('reject');
    const forget = ['--delete-offsets', ...ofGroup, ...topic];
    await java(`${tools}.consumer.group.ShareGroupCommand`, bootstrap, forget);
    await java(`${tools}.consumer.group.ShareGroupCommand`, bootstrap, ['--delete', ...ofGroup]);
  },
};

const API_VERSIONS = 18;
const UNSUPPORTED_VERSION = 35;
const FRAME_BYTES_MAX = 3_000;

const versionOf = (frame: RecordedFrame) => `${frame.apiKey} ${frame.version}`;

const isRefusal = ({ apiKey, bytes }: RecordedFrame) =>
  apiKey === API_VERSIONS && bytes.readInt16BE(4) === UNSUPPORTED_VERSION;

/** One frame of each (direction, API, version): the fullest that is still small. */
function choose(frames: readonly RecordedFrame[]): RecordedFrame[] {
  // A request in a version that the broker never answered, or answered as ApiVersions in version 0 with error 35, shows
  // nothing but that the broker refuses it.
  const answered = new Set(
    frames.filter((frame) => frame.direction === 'response' && !isRefusal(frame)).map(versionOf),
  );
  const best = new Map<string, RecordedFrame>();
  for (const frame of frames) {
    // What brokers say to themselves comes the same way.
    if (!answered.has(versionOf(frame)) || apiNames[frame.apiKey] === undefined) continue;
    const name = `${versionOf(frame)} ${frame.direction}`;
    const held = best.get(name);
    const rank = (candidate: RecordedFrame) =>
      candidate.bytes.length <= FRAME_BYTES_MAX ? candidate.bytes.length : 1 / candidate.bytes.length;
    if (!held || rank(frame) > rank(held)) best.set(name, frame);
  }
  return [...best.values()].sort(
    (a, b) => a.apiKey - b.apiKey || a.version - b.version || a.direction.localeCompare(b.direction),
  );
}

async function capture(client: string, walk: Walk): Promise<void> {
  const proxy = await RecordingProxy.start();
  const kafka = await ApacheKafka.start({ advertisedPort: proxy.port });
  proxy.targetPort = kafka.port;
  try {
    await walk(`127.0.0.1:${proxy.port}`);
  } finally {
    await proxy.close();
    await kafka.dispose();
  }
  const rows = choose(proxy.frames).map((frame) =>
    JSON.stringify({
      api: apiNames[frame.apiKey],
      apiKey: frame.apiKey,
      version: frame.version,
      direction: frame.direction,
      hex: frame.bytes.toString('hex'),
      from: frame.direction === 'request' ? client : 'apache-kafka',
    }),
  );
  writeFileSync(join(projectRoot, 'test', 'wire', `${client}.json`), `[\n${rows.join(',\n')}\n]\n`);
  console.log(`${client}: ${rows.length} of ${proxy.frames.length} frames`);
}

const wanted = process.argv.slice(2);
for (const [client, walk] of Object.entries(walks)) {
  if (wanted.length === 0 || wanted.includes(client)) await capture(client, walk);
}
