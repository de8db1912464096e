/** The group APIs over a real connection, in every version that the broker advertises. Test process. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { randomUuid } from '../../src/base/uuid.js';
import { KafkaClient } from '../../src/cli/client.js';
import { createBroker } from '../../src/index.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { offsetCommit } from '../../src/protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { joinGroup } from '../../src/protocol/messages/11-join-group.js';
import { heartbeat } from '../../src/protocol/messages/12-heartbeat.js';
import { leaveGroup } from '../../src/protocol/messages/13-leave-group.js';
import { syncGroup } from '../../src/protocol/messages/14-sync-group.js';
import { apiVersions } from '../../src/protocol/messages/18-api-versions.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import type { Api, DecodedResponseOf, EncodableRequestOf } from '../../src/protocol/schema.js';
import { temporaryFolder } from '../temp-folder.js';

const TOPIC = 'logs';
/** What the facts about Kafka 4.3 say; the schemas under test are not asked. */
const VERSIONS: readonly (readonly [Api, number, number])[] = [
  [offsetCommit, 2, 10],
  [offsetFetch, 1, 10],
  [joinGroup, 0, 9],
  [heartbeat, 0, 4],
  [leaveGroup, 0, 5],
  [syncGroup, 0, 5],
  [consumerGroupHeartbeat, 0, 1],
];

async function connected(t: TestContext): Promise<KafkaClient> {
  const settings = {
    'log.dirs': temporaryFolder('wire-versions'),
    listeners: 'PLAINTEXT://127.0.0.1:0',
    'group.initial.rebalance.delay.ms': '0',
    'offsets.topic.num.partitions': '1',
  };
  const broker = await createBroker({ settings });
  await broker.start();
  const client = await KafkaClient.connect(broker.bootstrapServers);
  t.after(async () => {
    client.close();
    await broker.close();
  });
  const topic = { name: TOPIC, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] };
  await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  return client;
}

/** In that version and no other. */
function ask<A extends Api>(
  client: KafkaClient,
  api: A,
  version: number,
  request: EncodableRequestOf<A>,
): Promise<DecodedResponseOf<A>> {
  assert.equal(client.versionOf(api, version), version);
  return client.request(api, request, { versionMax: version });
}

function upTo(max: number): number[] {
  return Array.from({ length: max + 1 }, (_, version) => version);
}

test('the ranges of the group APIs and the feature group.version are advertised', async (t) => {
  const client = await connected(t);
  for (const version of upTo(4)) {
    const software = { clientSoftwareName: 'test', clientSoftwareVersion: '1' };
    const answer = await ask(client, apiVersions, version, version >= 3 ? software : {});
    for (const [{ key, name }, min, max] of VERSIONS) {
      const range = answer.apiKeys.find(({ apiKey }) => apiKey === key);
      assert.deepEqual([range?.minVersion, range?.maxVersion], [min, max], name);
    }
    const finalized = answer.finalizedFeatures?.find(({ name }) => name === 'group.version');
    assert.deepEqual(
      finalized,
      version >= 3 ? { name: 'group.version', maxVersionLevel: 1, minVersionLevel: 1 } : undefined,
    );
  }
});

test('JoinGroup 0-9, SyncGroup 0-5, Heartbeat 0-4 and LeaveGroup 0-5 in every combination', async (t) => {
  const client = await connected(t);
  const protocols = [{ name: 'range', metadata: Buffer.from('subscription') }];
  for (const joinVersion of upTo(9)) {
    for (const leaveVersion of upTo(5)) {
      const groupId = `group-${joinVersion}-${leaveVersion}`;
      const request = { groupId, sessionTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols };
      let joined = await ask(client, joinGroup, joinVersion, request);
      if (joinVersion >= 4) {
        assert.equal(joined.errorCode, 'MEMBER_ID_REQUIRED');
        joined = await ask(client, joinGroup, joinVersion, { ...request, memberId: joined.memberId });
      }
      const { memberId, generationId } = joined;
      assert.deepEqual([joined.errorCode, generationId, joined.leader], ['NONE', 1, memberId]);
      assert.deepEqual(
        joined.members.map((member) => [member.memberId, member.metadata.toString()]),
        [[memberId, 'subscription']],
      );
      for (const syncVersion of upTo(5)) {
        const assignments = [{ memberId, assignment: Buffer.from('all') }];
        const named = syncVersion >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {};
        const request = { groupId, generationId, memberId, assignments };
        const synced = await ask(client, syncGroup, syncVersion, { ...request, ...named });
        assert.deepEqual([synced.errorCode, synced.assignment.toString()], ['NONE', 'all']);
        const unnamed = await ask(client, syncGroup, syncVersion, request);
        assert.equal(unnamed.errorCode, syncVersion >= 5 ? 'INCONSISTENT_GROUP_PROTOCOL' : 'NONE');
        const late = { groupId, generationId: 7, memberId, assignments: [], ...named };
        assert.equal((await ask(client, syncGroup, syncVersion, late)).errorCode, 'ILLEGAL_GENERATION');
        for (const heartbeatVersion of upTo(4)) {
          const beat = (generation: number, id: string) =>
            ask(client, heartbeat, heartbeatVersion, { groupId, generationId: generation, memberId: id });
          assert.equal((await beat(generationId, memberId)).errorCode, 'NONE');
          assert.equal((await beat(generationId + 1, memberId)).errorCode, 'ILLEGAL_GENERATION');
          assert.equal((await beat(generationId, 'stranger')).errorCode, 'UNKNOWN_MEMBER_ID');
        }
      }
      const leave = async (id: string) => {
        const left = await ask(client, leaveGroup, leaveVersion, {
          groupId,
          memberId: id,
          members: [{ memberId: id }],
        });
        return leaveVersion < 3 ? left.errorCode : left.members[0].errorCode;
      };
      assert.equal(await leave('stranger'), 'UNKNOWN_MEMBER_ID');
      assert.equal(await leave(memberId), 'NONE');
      assert.equal(await leave(memberId), 'UNKNOWN_MEMBER_ID');
    }
  }
});

test('ConsumerGroupHeartbeat 0 and 1, and what a stale epoch is told', async (t) => {
  const client = await connected(t);
  const { topics } = await client.request(metadata, { topics: [{ name: TOPIC }] });
  const { topicId } = topics[0];
  for (const version of upTo(1)) {
    const groupId = `consumers-${version}`;
    const beat = (request: Partial<EncodableRequestOf<typeof consumerGroupHeartbeat>>) =>
      ask(client, consumerGroupHeartbeat, version, { groupId, memberId: '', memberEpoch: 0, ...request });
    const joining = { rebalanceTimeoutMs: 10_000, topicPartitions: [], subscribedTopicNames: [TOPIC] };
    const joined = await beat({ ...joining, memberId: version === 0 ? '' : randomUuid() });
    assert.deepEqual([joined.errorCode, joined.memberEpoch], ['NONE', 1]);
    assert.deepEqual(joined.assignment?.topicPartitions, [{ topicId, partitions: [0, 1] }]);
    const memberId = joined.memberId ?? '';
    assert.equal((await beat({ memberId, memberEpoch: 1 })).errorCode, 'NONE');
    assert.equal((await beat({ memberId, memberEpoch: 2 })).errorCode, 'FENCED_MEMBER_EPOCH');

    for (const offsetVersion of [9, 10]) {
      const named = offsetVersion >= 10 ? { topicId } : { name: TOPIC };
      const commit = async (generationIdOrMemberEpoch: number) => {
        const partitions = [{ partitionIndex: 0, committedOffset: offsetVersion, committedMetadata: '' }];
        const request = { groupId, memberId, generationIdOrMemberEpoch, topics: [{ ...named, partitions }] };
        return (await ask(client, offsetCommit, offsetVersion, request)).topics[0].partitions[0].errorCode;
      };
      const fetched = async (memberEpoch: number) => {
        const asked = [{ ...named, partitionIndexes: [0] }];
        const request = { groups: [{ groupId, memberId, memberEpoch, topics: asked }] };
        return (await ask(client, offsetFetch, offsetVersion, request)).groups[0];
      };
      assert.equal(await commit(1), 'NONE');
      for (const stale of [0, 2]) {
        assert.equal(await commit(stale), 'STALE_MEMBER_EPOCH');
        assert.equal((await fetched(stale)).errorCode, 'STALE_MEMBER_EPOCH');
      }
      const { errorCode, topics: found } = await fetched(1);
      assert.deepEqual([errorCode, found[0].partitions[0].committedOffset], ['NONE', offsetVersion]);
    }

    if (version === 1) {
      const invalid = await beat({ memberId: randomUuid(), ...joining, subscribedTopicRegex: '(a)\\1' });
      assert.equal(invalid.errorCode, 'INVALID_REGULAR_EXPRESSION');
      const vast = await beat({ memberId: randomUuid(), ...joining, subscribedTopicRegex: '((a?){100}){10}' });
      assert.equal(vast.errorCode, 'INVALID_REGULAR_EXPRESSION');
    }
    const left = await beat({ memberId, memberEpoch: -1 });
    assert.deepEqual([left.errorCode, left.memberEpoch], ['NONE', -1]);
  }
});
