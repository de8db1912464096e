/** The broker's own logs are compacted while it runs, and the next start finds in them all that was acknowledged. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaClient } from '../../src/cli/client.js';
import { type Broker, createBroker } from '../../src/index.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { describeConfigs } from '../../src/protocol/messages/32-describe-configs.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';
import { temporaryFolder } from '../temp-folder.js';

const TOPIC = 'read';
const PARTITIONS = 20;
const METADATA = 'x'.repeat(4000);
const TOPIC_RESOURCE = 2;
const SET = 0;
const ROUNDS_MAX = 2000;

async function startedOn(folder: string): Promise<Broker> {
  const broker = await createBroker({
    settings: {
      'log.dirs': folder,
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'offsets.topic.num.partitions': '1',
      'offsets.topic.segment.bytes': String(1024 * 1024),
      'log.cleaner.backoff.ms': '20',
      'log.cleaner.io.max.bytes.per.second': '1e12',
    },
  });
  await broker.start();
  return broker;
}

async function create(client: KafkaClient): Promise<void> {
  const topic = { name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.request(createTopics, { topics: [topic], timeoutMs: 10_000, validateOnly: false });
  assert.equal(topics[0].errorCode, 'NONE');
}

/** `group` has read up to `offset` everywhere. */
async function commit(client: KafkaClient, groupId: string, offset: number): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: offset,
    committedMetadata: METADATA,
  }));
  const { topics } = await client.request(
    offsetCommit,
    { groupId, memberId: '', topics: [{ name: TOPIC, partitions }] },
    { versionMax: 8 },
  );
  for (const { errorCode } of topics[0].partitions) assert.equal(errorCode, 'NONE');
}

async function committed(client: KafkaClient, groupId: string): Promise<number[]> {
  const topics = [{ name: TOPIC, partitionIndexes: Array.from({ length: PARTITIONS }, (_, index) => index) }];
  const { groups } = await client.request(
    offsetFetch,
    { groupId, topics: [], groups: [{ groupId, topics }] },
    { versionMax: 9 },
  );
  assert.equal(groups[0].errorCode, 'NONE');
  return groups[0].topics[0].partitions.map(({ committedOffset }) => committedOffset);
}

/** A long value, so that the catalogue grows by it. */
function throttled(round: number): string {
  return Array.from({ length: 4000 }, (_, i) => `${i}:${round}`).join();
}

async function alter(client: KafkaClient, round: number): Promise<void> {
  const configs = [
    { name: 'leader.replication.throttled.replicas', configOperation: SET, value: throttled(round).slice(0, 30_000) },
    { name: 'retention.ms', configOperation: SET, value: String(1_000_000 + round) },
  ];
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: TOPIC, configs }];
  const { responses } = await client.request(incrementalAlterConfigs, { resources, validateOnly: false });
  assert.equal(responses[0].errorCode, 'NONE', responses[0].errorMessage ?? '');
}

async function retentionMs(client: KafkaClient): Promise<number> {
  const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: TOPIC, configurationKeys: ['retention.ms'] }];
  const { results } = await client.request(describeConfigs, {
    resources,
    includeSynonyms: false,
    includeDocumentation: false,
  });
  return Number(results[0].configs[0].value);
}

async function compactions(broker: Broker, topic: string): Promise<number> {
  const family = (await broker.metrics()).find(({ name }) => name === 'millrace_compactions_total');
  if (family === undefined || family.kind === 'histogram') return 0;
  return family.samples.find(({ labels }) => labels.topic === topic)?.value ?? 0;
}

test('committed offsets and topics outlive the compaction of what they are written in', async () => {
  const folder = temporaryFolder('internal-logs');
  let broker = await startedOn(folder);
  let client = await KafkaClient.connect(broker.bootstrapServers);
  try {
    await create(client);
    // Nothing else is in the first segments but what is said again later, except for this group.
    await commit(client, 'early', 7);
    let round = 0;
    for (let life = 0; life < 3; life++) {
      const before = round;
      for (const [topic, write] of [
        ['__consumer_offsets', (at: number) => commit(client, 'busy', at)],
        ['__millrace_catalogue', (at: number) => alter(client, at)],
      ] as const) {
        while ((await compactions(broker, topic)) < 2) {
          assert.ok(round - before < ROUNDS_MAX, `${topic} is compacted`);
          await write(++round);
        }
      }
      await commit(client, 'busy', ++round);
      client.close();
      await broker.close();
      broker = await startedOn(folder);
      client = await KafkaClient.connect(broker.bootstrapServers);
      assert.deepEqual(await committed(client, 'early'), new Array(PARTITIONS).fill(7));
      assert.deepEqual(await committed(client, 'busy'), new Array(PARTITIONS).fill(round));
      assert.equal(await retentionMs(client), 1_000_000 + round - 1);
    }
  } finally {
    client.close();
    await broker.close();
  }
});
