/**
 * `node dist/test/formats/make-folder.js` stores a data folder of this release in the tree, for the releases after it:
 * once a release, before it goes out. What clients write is always the same; ids that the broker makes are not. Test process.
 */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { releaseVersion } from '../../src/base/release.js';
import { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { initProducerId } from '../../src/protocol/messages/22-init-producer-id.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import { shareGroupHeartbeat } from '../../src/protocol/messages/76-share-group-heartbeat.js';
import { shareAcknowledge } from '../../src/protocol/messages/79-share-acknowledge.js';
import { type BatchOptions, encodeBatch, type NewRecord } from '../../src/record/record.js';
import { BrokerProcess } from '../broker-process.js';
import { contentsOf } from './contents.js';
import {
  FORMATS_FOLDER,
  IDEMPOTENT_TOPIC,
  SHARE_GROUP,
  SHARE_TOPIC,
  type StoredFolder,
  takeShare,
} from './stored-folder.js';

const TIMEOUT_MS = 30_000;
const COMMIT_VERSION_MAX = 9;
const TOPIC_NAMES_UP_TO = 12;
/** November 2023: all that clients write is of that day. */
const WRITTEN_AT_MS = 1_700_000_000_000;
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** A log rolls when its offset index is full: after so many batches that each have an entry. */
const SEVERAL_SEGMENTS = { 'segment.index.bytes': '32', 'index.interval.bytes': '0', 'retention.ms': '-1' };
const [TOPIC, BROKER, GROUP] = [2, 4, 32];
const [ACCEPT, RELEASE, REJECT] = [1, 2, 3];

function expectNone(errorCode: string, doing: string): void {
  if (errorCode !== 'NONE') throw new Error(`${doing}: ${errorCode}`);
}

/** Record `number` and those after it, with keys that return, headers, a tombstone now and then. */
function recordsFrom(number: number, count: number): NewRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    key: Buffer.from(`key ${(number + i) % 5}`),
    value: (number + i) % 11 === 10 ? null : Buffer.from(`record ${number + i} of many that look alike, `.repeat(3)),
    headers: (number + i) % 3 === 0 ? [{ key: 'number', value: Buffer.from(String(number + i)) }] : [],
    timestampMs: WRITTEN_AT_MS + 1000 * (number + i),
  }));
}

async function createTopic(
  client: KafkaClient,
  name: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>>,
): Promise<string> {
  const named = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: named }];
  const answer = await client.request(createTopics, { topics, timeoutMs: TIMEOUT_MS, validateOnly: false });
  expectNone(answer.topics[0].errorCode, `creating ${name}`);
  return answer.topics[0].topicId;
}

async function append(client: KafkaClient, topic: string, index: number, batch: BatchOptions): Promise<void> {
  const topicData = [{ name: topic, partitionData: [{ index, records: encodeBatch(batch) }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: TIMEOUT_MS, topicData };
  const { responses } = await client.request(produce, request, { versionMax: TOPIC_NAMES_UP_TO });
  expectNone(responses[0].partitionResponses[0].errorCode, `appending to ${topic}`);
}

async function configure(
  client: KafkaClient,
  resourceType: number,
  resourceName: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: 0, value }));
  const resources = [{ resourceType, resourceName, configs }];
  const { responses } = await client.request(incrementalAlterConfigs, { resources, validateOnly: false });
  expectNone(responses[0].errorCode, `configuring ${resourceName}`);
}

async function commit(
  client: KafkaClient,
  groupId: string,
  topic: string,
  partition: number,
  offset: number,
): Promise<void> {
  const partitions = [{ partitionIndex: partition, committedOffset: offset, committedMetadata: `up to ${offset}` }];
  const member = { groupId, generationIdOrMemberEpoch: -1, memberId: '' };
  const request = { ...member, topics: [{ name: topic, partitions }] };
  const answer = await client.request(offsetCommit, request, { versionMax: COMMIT_VERSION_MAX });
  expectNone(answer.topics[0].partitions[0].errorCode, `committing for ${groupId}`);
}

/** All codecs in several segments, from an idempotent producer on one partition and from nobody in particular on the other. */
async function writeCodecs(client: KafkaClient): Promise<void> {
  await createTopic(client, IDEMPOTENT_TOPIC, 2, SEVERAL_SEGMENTS);
  const producer = await client.request(initProducerId, { transactionalId: null, transactionTimeoutMs: TIMEOUT_MS });
  expectNone(producer.errorCode, 'asking for a producer id');
  const { producerId, producerEpoch } = producer;
  for (let number = 0; number < 60; number += 4) {
    const batch = { records: recordsFrom(number, 4), compression: CODECS[(number / 4) % CODECS.length] };
    await append(client, IDEMPOTENT_TOPIC, 0, { ...batch, producerId, producerEpoch, baseSequence: number });
    await append(client, IDEMPOTENT_TOPIC, 1, batch);
  }
}

/** A log whose first records were deleted, up to the middle of a batch. */
async function writeCut(client: KafkaClient): Promise<void> {
  await createTopic(client, 'cut', 1, SEVERAL_SEGMENTS);
  for (let number = 0; number < 40; number += 4) await append(client, 'cut', 0, { records: recordsFrom(number, 4) });
  const topics = [{ name: 'cut', partitions: [{ partitionIndex: 0, offset: 18 }] }];
  const answer = await client.request(deleteRecords, { topics, timeoutMs: TIMEOUT_MS });
  expectNone(answer.topics[0].partitions[0].errorCode, 'deleting records');
}

/** A log that was compacted, with holes among its offsets. */
async function writeCompacted(client: KafkaClient, bootstrap: string): Promise<void> {
  const configs = { ...SEVERAL_SEGMENTS, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' };
  await createTopic(client, 'latest', 1, configs);
  for (let number = 0; number < 60; number += 4) await append(client, 'latest', 0, { records: recordsFrom(number, 4) });
  const givingUpAtMs = Date.now() + TIMEOUT_MS;
  for (;;) {
    const { latest } = (await contentsOf(bootstrap)).topics;
    if (latest.partitions[0].batches.flatMap(({ records }) => records).length < 25) return;
    if (Date.now() > givingUpAtMs) throw new Error('the log was not compacted');
  }
}

async function writeGroups(client: KafkaClient): Promise<void> {
  await commit(client, 'readers', IDEMPOTENT_TOPIC, 0, 8);
  await commit(client, 'readers', IDEMPOTENT_TOPIC, 0, 21);
  await commit(client, 'readers', IDEMPOTENT_TOPIC, 1, 60);
  await commit(client, 'others', 'cut', 0, 25);
  // A group of the newer protocol: it has had a member, and is empty.
  const member = { groupId: 'newer', memberId: 'a-member' };
  const joining = {
    ...member,
    memberEpoch: 0,
    rebalanceTimeoutMs: TIMEOUT_MS,
    subscribedTopicNames: ['cut'],
    topicPartitions: [],
  };
  const joined = await client.request(consumerGroupHeartbeat, joining);
  expectNone(joined.errorCode, 'joining');
  const { errorCode } = await client.request(consumerGroupHeartbeat, { ...member, memberEpoch: -1 });
  expectNone(errorCode, 'leaving');
  await commit(client, 'newer', 'cut', 0, 30);
}

/** The first records are finished; behind them some are, some came back, some were never taken. */
async function writeShareGroup(client: KafkaClient): Promise<Record<string, number>> {
  const topicId = await createTopic(client, SHARE_TOPIC, 1, { 'retention.ms': '-1' });
  await append(client, SHARE_TOPIC, 0, { records: recordsFrom(0, 10) });
  await configure(client, GROUP, SHARE_GROUP, { 'share.auto.offset.reset': 'earliest' });
  const { epoch } = await takeShare(client, 'worker', topicId);
  const types = [ACCEPT, ACCEPT, REJECT, RELEASE, ACCEPT, RELEASE, RELEASE, ACCEPT, RELEASE, ACCEPT];
  const batch = { firstOffset: 0, lastOffset: types.length - 1, acknowledgeTypes: types };
  const answer = await client.request(shareAcknowledge, {
    groupId: SHARE_GROUP,
    memberId: 'worker',
    shareSessionEpoch: epoch,
    topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [batch] }] }],
  });
  expectNone(answer.responses[0].partitions[0].errorCode, 'acknowledging');
  await append(client, SHARE_TOPIC, 0, { records: recordsFrom(10, 2) });
  const leaving = { groupId: SHARE_GROUP, memberId: 'worker', memberEpoch: -1 };
  expectNone((await client.request(shareGroupHeartbeat, leaving)).errorCode, 'leaving');
  return { 3: 2, 5: 2, 6: 2, 8: 2, 10: 1, 11: 1 };
}

const release = releaseVersion();
const target = join(FORMATS_FOLDER, release);
const broker = await BrokerProcess.start({
  overrides: {
    shards: 1,
    'offsets.topic.num.partitions': 2,
    'share.coordinator.state.topic.num.partitions': 2,
    'log.cleaner.backoff.ms': 20,
  },
});
try {
  const client = await KafkaClient.connect(broker.bootstrap);
  await writeCodecs(client);
  await writeCut(client);
  await writeCompacted(client, broker.bootstrap);
  await writeGroups(client);
  const deliveries = await writeShareGroup(client);
  await configure(client, TOPIC, 'cut', { 'max.message.bytes': '123456' });
  await configure(client, BROKER, '', { 'log.cleaner.min.compaction.lag.ms': '1000' });
  const contents = await contentsOf(broker.bootstrap);
  client.close();
  if ((await broker.stop()) !== 0) throw new Error(`the broker did not stop well\n${broker.stderr}`);
  if (existsSync(target)) rmSync(target, { recursive: true });
  mkdirSync(target);
  cpSync(broker.dataDirectory, join(target, 'data'), { recursive: true });
  const stored: StoredFolder = { release, node: process.versions.node, contents, deliveries };
  writeFileSync(join(target, 'contents.json'), `${JSON.stringify(stored, null, 1)}\n`);
} finally {
  await broker.dispose();
}
