/**
 * Keeps one batch of each codec from each of several real clients, as the broker stores it. By hand:
 * `node dist/test/record/capture-batches.js` writes test/record/golden-batches.json.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { compressionName } from '../../src/record/compression.js';
import { iterateBatches } from '../../src/record/record.js';
import { codecOf } from '../../src/record/record-batch.js';
import { BrokerProcess } from '../broker-process.js';
import { registerKafkaJsCodecs } from '../clients/kafkajs-codecs.js';
import { kafkaClassPath } from '../peers/apache-kafka.js';
import { goClient } from '../peers/go-client.js';
import { projectRoot } from '../project-root.js';
import { mustRun } from '../run-tool.js';
import { type GoldenBatch, goldenRecords } from './golden-batches.js';

const records = goldenRecords();
const lines = records.map(({ key, value }) => `${key}|${value}\n`).join('');
const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
type Codec = (typeof codecs)[number];

const broker = await BrokerProcess.start();
const server = broker.bootstrap;

const clients: Record<string, (topic: string, codec: Codec) => Promise<unknown>> = {
  librdkafka: (topic, codec) =>
    mustRun('kcat', ['-P', '-b', server, '-t', topic, '-p', '0', '-K|', '-z', codec, '-X', 'linger.ms=1000'], {
      input: lines,
    }),
  java: (topic, codec) =>
    mustRun(
      'java',
      [
        ...['-cp', kafkaClassPath(), 'org.apache.kafka.tools.ConsoleProducer', '--bootstrap-server', server],
        ...['--topic', topic, '--compression-codec', codec, '--batch-size', '1000000', '--timeout', '2000'],
        ...['--reader-property', 'parse.key=true', '--reader-property', 'key.separator=|'],
      ],
      { input: lines },
    ),
  async 'franz-go'(topic, codec) {
    const input = records.map(
      (record) => `${JSON.stringify({ ...record, partition: 0, headers: [], timestampMs: 1 })}\n`,
    );
    return mustRun(goClient() ?? 'go', ['produce', server, topic, 'plain', codec], { input: input.join('') });
  },
  async kafkajs(topic, codec) {
    registerKafkaJsCodecs();
    const producer = new Kafka({ brokers: [server], logLevel: logLevel.NOTHING }).producer();
    await producer.connect();
    await producer.send({
      topic,
      compression: codecs.indexOf(codec) + 1,
      messages: records.map((record) => ({ ...record, partition: 0 })),
    });
    await producer.disconnect();
  },
};

const golden: GoldenBatch[] = [];
for (const [from, produce] of Object.entries(clients)) {
  for (const codec of codecs) {
    const topic = `${from}-${codec}`;
    await produce(topic, codec);
    const folder = join(broker.dataDirectory, `${topic}-0`);
    const listed = spawnSync('ls', [folder]).status === 0 ? readdirSync(folder) : [];
    const log = listed.find((name) => name.endsWith('.log'));
    if (!log) continue;
    const [batch] = iterateBatches(readFileSync(join(folder, log)));
    console.log(`${from}: ${batch.length} bytes of ${compressionName(codecOf(batch, 0))}`);
    golden.push({ from, codec, hex: batch.toString('hex') });
  }
}
await broker.dispose();
writeFileSync(join(projectRoot, 'test', 'record', 'golden-batches.json'), `${JSON.stringify(golden, null, 1)}\n`);
