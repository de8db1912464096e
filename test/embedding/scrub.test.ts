/** Damage at rest on a broker that runs: found by the side-job pool before anybody reads it, over a restart. Test process. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { KafkaClient } from '../../src/cli/client.js';
import { type Broker, createBroker, type Logger } from '../../src/index.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { encodeBatch } from '../../src/record/record.js';
import { millrace } from '../cli/command-line.js';
import { temporaryFolder } from '../temp-folder.js';

const TOPIC = 'kept';

async function started(t: TestContext, folder: string, intervalMs: number, logger: Logger): Promise<Broker> {
  const settings = {
    'log.dirs': folder,
    listeners: 'PLAINTEXT://127.0.0.1:0',
    'log.scrub.interval.ms': `${intervalMs}`,
  };
  const broker = await createBroker({ settings, logger });
  t.after(() => broker.close());
  await broker.start();
  return broker;
}

async function fill(broker: Broker): Promise<void> {
  const client = await KafkaClient.connect(broker.bootstrapServers);
  const configs = [{ name: 'segment.bytes', value: `${1024 * 1024}` }];
  const topics = [{ name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs }];
  await client.request(createTopics, { topics, timeoutMs: 10_000, validateOnly: false });
  for (let i = 0; i < 3; i++) {
    const records = encodeBatch({ records: [{ value: Buffer.alloc(700_000, `${i}`) }] });
    const topicData = [{ name: TOPIC, partitionData: [{ index: 0, records }] }];
    const request = { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
    const { responses } = await client.request(produce, request, { versionMax: 9 });
    assert.equal(responses[0].partitionResponses[0].errorCode, 'NONE');
  }
  client.close();
}

async function readAt(broker: Broker, fetchOffset: number): Promise<string> {
  const client = await KafkaClient.connect(broker.bootstrapServers);
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1000 }];
  const { responses } = await client.request(
    fetch,
    {
      ...{ replicaId: -1, maxWaitMs: 0, minBytes: 0, maxBytes: 1000, isolationLevel: 0, sessionId: 0 },
      ...{ sessionEpoch: -1, topics: [{ topic: TOPIC, partitions }], forgottenTopicsData: [] },
    },
    { versionMax: 12 },
  );
  client.close();
  return responses[0].partitions[0].errorCode;
}

async function metric(broker: Broker, name: string): Promise<number> {
  const family = (await broker.metrics()).find((one) => one.name === name);
  return family === undefined || family.kind === 'histogram' ? -1 : family.samples[0].value;
}

test('a bit that flips in a sealed segment is found at rest, and stays known', async (t) => {
  const folder = temporaryFolder('scrub');
  const first = await started(t, folder, 0, silentLogger);
  await fill(first);
  await first.close();
  const path = join(folder, `${TOPIC}-0`, '00000000000000000001.log');
  const bytes = readFileSync(path);
  bytes[bytes.length - 100] ^= 2;
  writeFileSync(path, bytes);

  let tell = (_line: string): void => {};
  const told = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const logger = {
    ...silentLogger,
    error: (fields: object, message: string) => tell(`${message} ${JSON.stringify(fields)}`),
  };
  const second = await started(t, folder, 20, logger);
  assert.match(await told, /turned out to be damaged.*kept-0.*"startOffset":1,"endOffset":2/);
  assert.equal(await readAt(second, 1), 'CORRUPT_MESSAGE');
  assert.equal(await readAt(second, 0), 'NONE');
  assert.equal(await readAt(second, 2), 'NONE');
  while ((await metric(second, 'millrace_scrubbed_bytes_total')) < 1_400_000) await readAt(second, 0);
  assert.equal(await metric(second, 'millrace_damaged_ranges_found_total'), 1);
  await second.close();

  const third = await started(t, folder, 0, silentLogger);
  assert.equal(await readAt(third, 1), 'CORRUPT_MESSAGE');
  await third.close();
  const verified = await millrace(['verify', folder]);
  assert.match(verified.stdout, /kept-0\/0+1\.log: bytes .* are damaged: offsets 1 to 1/);
});

test('how far it has come survives a restart; without that, or with it spoilt, it begins anew', async (t) => {
  const folder = temporaryFolder('scrub');
  const checkpoint = join(folder, 'millrace-scrub-checkpoint');
  const first = await started(t, folder, 20, silentLogger);
  await fill(first);
  while ((await metric(first, 'millrace_scrubbed_bytes_total')) < 1_400_000) await readAt(first, 0);
  await first.close();
  const saved = readFileSync(checkpoint, 'utf8');
  assert.match(saved, /^millrace-scrub-checkpoint 1 [0-9a-f]{8}\n/);
  const second = await started(t, folder, 1e9, silentLogger);
  assert.ok((await metric(second, 'millrace_scrubbed_timestamp_seconds')) > 0);
  await second.close();
  writeFileSync(checkpoint, saved.replace(/kept 0 \d/, 'kept 0 9'));
  const verified = await millrace(['verify', folder]);
  assert.equal(verified.exitCode, 0, verified.stderr);
  assert.match(verified.stdout, /millrace-scrub-checkpoint/);
  const third = await started(t, folder, 1e9, silentLogger);
  assert.equal(await metric(third, 'millrace_scrubbed_timestamp_seconds'), 0);
  await third.close();
});
