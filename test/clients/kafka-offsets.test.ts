/** What Apache Kafka has written into `__consumer_offsets` says here what it says there, transactions and all; and the other way. Test process. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { KafkaClient } from '../../src/cli/client.js';
import { type InternalLogParts, PartitionInternalLog } from '../../src/partition/partition-internal-log.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { encodeRecord } from '../../src/protocol/compile.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { findCoordinator } from '../../src/protocol/messages/10-find-coordinator.js';
import { joinGroup } from '../../src/protocol/messages/11-join-group.js';
import { syncGroup } from '../../src/protocol/messages/14-sync-group.js';
import { describeGroups } from '../../src/protocol/messages/15-describe-groups.js';
import { listGroups } from '../../src/protocol/messages/16-list-groups.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import { consumerGroupDescribe } from '../../src/protocol/messages/69-consumer-group-describe.js';
import { consumerProtocolAssignment } from '../../src/protocol/records/consumer-protocol-assignment.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';
import { iterateBatches } from '../../src/record/record.js';
import { lastOffsetOf } from '../../src/record/record-batch.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { GroupWorld, OFFSETS_PARTITIONS } from '../coordinator/group-world.js';
import { CLIENT_TEST_TIMEOUT_MS } from '../live-broker.js';
import { ApacheKafka, kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { projectRoot } from '../project-root.js';
import { mustRun } from '../run-tool.js';

const TOPIC = 'logs';
/** As ConsumerGroupDescribe 1 tells members of KIP-848 from classic ones. */
const CONSUMER_TYPE = 1;
const ASK_AGAIN_MS = 100;
const GROUPS = ['alone', 'classic', 'consumer'];
const CONSUMER_ID = 'bWVtYmVyLW9mLXRoZS1ncm';

/** The id of a topic that was made there. */
async function createTopic({ bootstrap }: ApacheKafka): Promise<string> {
  const client = await KafkaClient.connect(bootstrap);
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  client.close();
  assert.equal(topics[0].errorCode, 'NONE');
  return topics[0].topicId;
}

/** A partition's log as its files have it. */
function logIn(folder: string): PartitionInternalLog {
  const segments = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();
  const bytes = Buffer.concat(segments.map((name) => readFileSync(join(folder, name))));
  const slice = { path: join(folder, segments[0]), position: 0, length: bytes.length };
  const batches = [...iterateBatches(bytes)];
  const ends = batches.map((batch) => lastOffsetOf(batch, 0) + 1);
  const partitions = {
    watermarks: () => ({ logStartOffset: 0, highWatermark: ends.at(-1) ?? 0 }),
    read: () => ({ error: 'NONE', records: { byteLength: bytes.length, slices: [slice] } }),
    examine: async () => [],
  };
  return new PartitionInternalLog({
    partitions: partitions as unknown as InternalLogParts['partitions'],
    handle: { state: 'online', topic: '__consumer_offsets', index: 0 } as PartitionHandle,
    segmentFiles: { read: () => bytes },
    clock: { nowMs: () => 0 },
    logger: silentLogger,
    onDamage: 'refuse',
  });
}

/** The offset, or why there is none to be told. */
async function fetched(world: GroupWorld, groupId: string, requireStable: boolean): Promise<number | string> {
  const asked = [{ name: TOPIC, topicId: ZERO_UUID, partitionIndexes: [0] }];
  const { topics } = await world.groups.fetchOffsets(groupId, asked, { requireStable });
  const { errorCode, committedOffset } = topics[0].partitions[0];
  return errorCode === 'NONE' ? committedOffset : errorCode;
}

test('offsets that transactions of Apache Kafka have committed, aborted and left open', {
  timeout: CLIENT_TEST_TIMEOUT_MS,
}, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const kafka = await ApacheKafka.start({ overrides: { 'offsets.topic.num.partitions': OFFSETS_PARTITIONS } });
  t.after(() => kafka.dispose());
  const topicId = await createTopic(kafka);
  const client = await coordinated(kafka);
  await makeGroups(client);
  client.close();
  const program = join(projectRoot, 'test/clients/java/TransactionalCommits.java');
  const java = ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), program];
  const said = (await mustRun('java', [...java, kafka.bootstrap, TOPIC])).split('\n').slice(0, -1);
  assert.deepEqual(said, ['plain 3', 'committed 11', 'aborted 3', 'twice 13', 'overtaken 5', 'new none', 'open 3']);
  await kafka.stop();

  const world = await GroupWorld.start();
  world.topics.add(TOPIC, 1, topicId);
  let ends = 0;
  let written = 0;
  for (let index = 0; index < OFFSETS_PARTITIONS; index++) {
    const { records } = world.log(index);
    await logIn(join(kafka.dataDirectory, `__consumer_offsets-${index}`)).replay(
      ({ key, value }, _, producerId) => {
        const kept = { key: key && Buffer.from(key), value: value && Buffer.from(value) };
        records.push(producerId === null ? kept : { ...kept, producerId });
        if (producerId !== null) written++;
      },
      (producerId, end) => {
        records.push({ key: null, value: null, producerId, end });
        ends++;
      },
    );
  }
  assert.equal(written, 9, 'records of transactions');
  assert.ok(ends > 0);
  world.topics.add('__consumer_offsets', OFFSETS_PARTITIONS);
  await world.restart();
  assert.deepEqual(
    ['alone', 'classic'].map((id) => stateOf(world, id)),
    ['classic Empty', 'classic Stable'],
  );
  // Its state is where Apache Kafka has come to with the expression, and with the assignment.
  assert.match(stateOf(world, 'consumer'), /^consumer /);
  const [member] = world.groups.describeConsumerGroup('consumer').members;
  assert.deepEqual(
    [member.memberId, member.instanceId, member.memberType, member.subscribedTopicRegex],
    [CONSUMER_ID, 'table', CONSUMER_TYPE, 'lo[a-z]s'],
  );
  for (const line of said) {
    const [group, offset] = line.split(' ');
    const number = offset === 'none' ? -1 : Number(offset);
    assert.equal(await fetched(world, group, false), number, group);
    const stable = group === 'open' || group === 'new' ? 'UNSTABLE_OFFSET_COMMIT' : number;
    // The clock of this world is not that of Apache Kafka's process: its transactions have just begun.
    assert.equal(await fetched(world, group, true), stable, group);
  }
});

function stateOf(world: GroupWorld, id: string): string {
  const found = world.groups.list([], []).groups.find(({ groupId }) => groupId === id);
  return `${found?.groupType} ${found?.groupState}`;
}

/** A group of each protocol, with a member that stays, and offsets. */
async function makeGroups(client: KafkaClient): Promise<void> {
  const protocols = [{ name: 'range', metadata: encodeRecord(consumerProtocolSubscription, 1, { topics: [TOPIC] }) }];
  const timeouts = { sessionTimeoutMs: 300_000, rebalanceTimeoutMs: 300_000 };
  const joining = { groupId: 'classic', ...timeouts, memberId: '', protocolType: 'consumer', protocols };
  const joined = await client.request(joinGroup, { ...joining, groupInstanceId: 'chair' }, { versionMax: 5 });
  assert.equal(joined.errorCode, 'NONE');
  const { generationId, memberId } = joined;
  const assignment = encodeRecord(consumerProtocolAssignment, 1, {
    assignedPartitions: [{ topic: TOPIC, partitions: [0] }],
  });
  const sync = { groupId: 'classic', generationId, memberId, groupInstanceId: 'chair' };
  const synced = await client.request(
    syncGroup,
    { ...sync, assignments: [{ memberId, assignment }] },
    { versionMax: 4 },
  );
  assert.equal(synced.errorCode, 'NONE');
  const beat = await client.request(consumerGroupHeartbeat, {
    ...{ groupId: 'consumer', memberId: CONSUMER_ID, memberEpoch: 0, instanceId: 'table', rebalanceTimeoutMs: 300_000 },
    ...{ topicPartitions: [], subscribedTopicNames: ['other'], subscribedTopicRegex: 'lo[a-z]s' },
  });
  assert.equal(beat.errorCode, 'NONE');
  const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'five' }];
  const topics = [{ name: TOPIC, partitions }];
  const committed = await client.request(offsetCommit, { groupId: 'alone', memberId: '', topics }, { versionMax: 9 });
  assert.equal(committed.topics[0].partitions[0].errorCode, 'NONE');
}

/** Gives one broker's offsets to another, both stopped; the id of the topic stays as the other has it. */
function giveOffsets(from: string, to: string): void {
  for (const folder of readdirSync(from).filter((name) => /^__consumer_offsets-\d+$/.test(name))) {
    const target = join(to, folder);
    mkdirSync(target, { recursive: true });
    for (const name of readdirSync(target)) if (name !== 'partition.metadata') rmSync(join(target, name));
    for (const name of readdirSync(join(from, folder))) {
      if (name !== 'partition.metadata') cpSync(join(from, folder, name), join(target, name));
    }
  }
  // An unclean start: the receiver must look at what it was given.
  for (const name of ['.kafka_cleanshutdown', 'recovery-point-offset-checkpoint', 'replication-offset-checkpoint']) {
    rmSync(join(to, name), { force: true });
  }
}

test("Apache Kafka's coordinator reads every record that groups of ours leave", {
  timeout: CLIENT_TEST_TIMEOUT_MS,
}, async (t) => {
  const missing = noApacheKafka() ?? (brokerIsBuilt ? null : noBroker);
  if (missing) return t.skip(missing);
  const ours = await BrokerProcess.start({
    overrides: { 'group.initial.rebalance.delay.ms': 0, 'offsets.topic.num.partitions': 4 },
  });
  t.after(() => ours.dispose());
  const client = await KafkaClient.connect(ours.bootstrap);
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  await makeGroups(client);
  client.close();
  await ours.stop();

  const kafka = await ApacheKafka.start();
  t.after(() => kafka.dispose());
  await createTopic(kafka);
  (await coordinated(kafka)).close();
  await kafka.stop();
  giveOffsets(ours.dataDirectory, kafka.dataDirectory);
  await kafka.start();
  const there = await coordinated(kafka);
  t.after(() => there.close());
  const { groups } = await there.request(listGroups, { statesFilter: [], typesFilter: [] });
  assert.deepEqual(groups.map(({ groupId, groupType, groupState }) => `${groupId} ${groupType} ${groupState}`).sort(), [
    'alone classic Empty',
    'classic classic Stable',
    'consumer consumer Stable',
  ]);
  const [classic] = (await there.request(describeGroups, { groups: ['classic'] })).groups;
  assert.deepEqual([classic.protocolData, classic.members[0].groupInstanceId], ['range', 'chair']);
  const asked = { groupIds: ['consumer'], includeAuthorizedOperations: false };
  const [consumer] = (await there.request(consumerGroupDescribe, asked)).groups;
  assert.deepEqual([consumer.groupEpoch, consumer.assignmentEpoch, consumer.assignorName], [1, 1, 'uniform']);
  const [member] = consumer.members;
  assert.deepEqual([member.memberId, member.instanceId, member.memberEpoch], [CONSUMER_ID, 'table', 1]);
  assert.deepEqual([member.subscribedTopicNames, member.subscribedTopicRegex], [['other'], 'lo[a-z]s']);
  assert.equal(member.memberType, CONSUMER_TYPE, 'it speaks the new protocol');
  const beat = { groupId: 'consumer', memberId: CONSUMER_ID, memberEpoch: 1 };
  assert.equal((await there.request(consumerGroupHeartbeat, beat)).errorCode, 'NONE');
  // What it says of records that it does not like.
  assert.deepEqual(/^.* ERROR .*GroupMetadataManager.*$/m.exec(kafka.stdout), null);
});

/** A connection to Apache Kafka, once its coordinator has read the groups; it makes their log when it is first asked for one. */
async function coordinated(kafka: ApacheKafka): Promise<KafkaClient> {
  const client = await KafkaClient.connect(kafka.bootstrap);
  const asked = GROUPS.map((groupId) => ({ groupId, topics: null }));
  for (;;) {
    await client.request(findCoordinator, { coordinatorKeys: GROUPS, keyType: 0 });
    const { groups } = await client.request(offsetFetch, { groups: asked }, { versionMax: 9 });
    if (groups.every(({ errorCode }) => errorCode === 'NONE')) return client;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
}
