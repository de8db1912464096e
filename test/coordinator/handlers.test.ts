/** Every version of every group API: the answer fits the wire, and says what that version can say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { loadConfig } from '../../src/config/load.js';
import { offsetCommitHandler } from '../../src/handlers/08-offset-commit.js';
import { offsetFetchHandler } from '../../src/handlers/09-offset-fetch.js';
import { findCoordinatorHandler } from '../../src/handlers/10-find-coordinator.js';
import { joinGroupHandler } from '../../src/handlers/11-join-group.js';
import { heartbeatHandler } from '../../src/handlers/12-heartbeat.js';
import { leaveGroupHandler } from '../../src/handlers/13-leave-group.js';
import { syncGroupHandler } from '../../src/handlers/14-sync-group.js';
import { describeGroupsHandler } from '../../src/handlers/15-describe-groups.js';
import { listGroupsHandler } from '../../src/handlers/16-list-groups.js';
import { deleteGroupsHandler } from '../../src/handlers/42-delete-groups.js';
import { offsetDeleteHandler } from '../../src/handlers/47-offset-delete.js';
import { consumerGroupHeartbeatHandler } from '../../src/handlers/68-consumer-group-heartbeat.js';
import { consumerGroupDescribeHandler } from '../../src/handlers/69-consumer-group-describe.js';
import type { Handler, RequestContext, Services } from '../../src/handlers/handler.js';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../src/protocol/compile.js';
import type { Api, DecodedResponseOf, EncodableRequestOf } from '../../src/protocol/schema.js';
import { Writer } from '../../src/protocol/wire.js';
import { GROUP, GroupWorld } from './group-world.js';

/** Sends `request` as a client would, through both codecs. What it does not name is as its version's defaults have it. */
async function ask<A extends Api>(
  world: GroupWorld,
  handler: Handler<A>,
  apiVersion: number,
  request: EncodableRequestOf<A>,
): Promise<DecodedResponseOf<A>> {
  const { api } = handler;
  const sent = new Writer();
  encodeRequest(api, apiVersion, request, sent);
  const frame = Buffer.concat(sent.finish() as Buffer[]);
  const context: RequestContext = {
    connectionId: 1,
    apiVersion,
    clientId: 'client',
    clientHost: '/127.0.0.1',
    localHost: '127.0.0.1',
    localPort: 9092,
    listener: 'PLAINTEXT',
    closed: new AbortController().signal,
  };
  const config = loadConfig({}).config;
  const services = { config, groups: world.groups, topics: { config } } as unknown as Services;
  const answered = handler.handle(decodeRequest(api, apiVersion, frame), context, services);
  // The buffer of a request is used again as soon as the handler has returned or awaits.
  frame.fill(0xee);
  await world.clock.advanceAndIdle(0);
  const response = await answered;
  assert.ok(response);
  const received = new Writer();
  encodeResponse(api, apiVersion, response, received);
  return decodeResponse(api, apiVersion, Buffer.concat(received.finish() as Buffer[]));
}

function* versionsOf({ versions }: Api): Generator<number> {
  for (let version = versions.min; version <= versions.max; version++) yield version;
}

const protocols = [{ name: 'range', metadata: Buffer.from('metadata') }];
const joinRequest = { groupId: GROUP, sessionTimeoutMs: 10_000, memberId: '', protocolType: 'consumer', protocols };

test('a member joins, syncs, heartbeats and leaves in every version', async () => {
  for (const version of versionsOf(joinGroupHandler.api)) {
    const world = await GroupWorld.start();
    let joined = await ask(world, joinGroupHandler, version, joinRequest);
    if (version >= 4) {
      assert.equal(joined.errorCode, 'MEMBER_ID_REQUIRED');
      joined = await ask(world, joinGroupHandler, version, { ...joinRequest, memberId: joined.memberId });
    }
    const { memberId, generationId } = joined;
    assert.equal(joined.errorCode, 'NONE');
    assert.equal(joined.members[0].metadata.toString(), 'metadata');
    assert.equal(joined.protocolType, version >= 7 ? 'consumer' : null);
    const part = { memberId, assignment: Buffer.from('everything') };
    for (const syncVersion of versionsOf(syncGroupHandler.api)) {
      const request = {
        ...{ groupId: GROUP, generationId, memberId, assignments: [part] },
        ...(syncVersion >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}),
      };
      const synced = await ask(world, syncGroupHandler, syncVersion, request);
      assert.deepEqual([synced.errorCode, synced.assignment.toString()], ['NONE', 'everything']);
      assert.equal(synced.protocolName, syncVersion >= 5 ? 'range' : null);
    }
    for (const heartbeatVersion of versionsOf(heartbeatHandler.api)) {
      const request = { groupId: GROUP, generationId, memberId };
      assert.equal((await ask(world, heartbeatHandler, heartbeatVersion, request)).errorCode, 'NONE');
    }
  }
});

test('a refused join is answered in every version', async () => {
  for (const version of versionsOf(joinGroupHandler.api)) {
    const world = await GroupWorld.start();
    const { errorCode, generationId } = await ask(world, joinGroupHandler, version, { ...joinRequest, groupId: '' });
    assert.deepEqual([errorCode, generationId], ['INVALID_GROUP_ID', -1]);
  }
});

test('old versions leave one at a time, and the error is the answer’s', async () => {
  for (const version of versionsOf(leaveGroupHandler.api)) {
    const world = await GroupWorld.start();
    const { ids } = await world.stableGroup(1);
    const leave = (memberId: string) =>
      ask(world, leaveGroupHandler, version, { groupId: GROUP, memberId, members: [{ memberId }] });
    const wrong = await leave('made-up');
    assert.equal(version < 3 ? wrong.errorCode : wrong.members[0].errorCode, 'UNKNOWN_MEMBER_ID');
    const right = await leave(ids[0]);
    assert.equal(right.errorCode, 'NONE');
    assert.equal(world.state(), 'Empty');
  }
});

test('offsets are committed and fetched in every version', async () => {
  const world = await GroupWorld.start();
  const topicId = world.topics.get('logs')?.id ?? ZERO_UUID;
  for (const version of versionsOf(offsetCommitHandler.api)) {
    const partition = { partitionIndex: 1, committedOffset: version, committedMetadata: null };
    const { topics } = await ask(world, offsetCommitHandler, version, {
      groupId: GROUP,
      topics: [{ name: 'logs', topicId, partitions: [partition] }],
    });
    assert.deepEqual(topics[0].partitions, [{ partitionIndex: 1, errorCode: 'NONE' }]);
    assert.equal(await world.committed('logs', 1), version);
  }
  const newest = offsetCommitHandler.api.versions.max;
  for (const version of versionsOf(offsetFetchHandler.api)) {
    const asked = [{ name: 'logs', topicId, partitionIndexes: [1, 2] }];
    for (const topics of version >= 2 ? [asked, null] : [asked]) {
      const request = { groupId: GROUP, topics, groups: [{ groupId: GROUP, topics }] };
      const answer = await ask(world, offsetFetchHandler, version, request);
      const found = version >= 8 ? answer.groups[0].topics : answer.topics;
      if (version >= 10) assert.equal(answer.groups[0].topics[0].topicId, topicId);
      else assert.equal(found[0].name, 'logs');
      assert.equal(found[0].partitions[0].committedOffset, newest);
      if (topics !== null) assert.equal(found[0].partitions[1].committedOffset, -1);
    }
  }
});

test('while groups are read, OffsetFetch says so where its version can', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  world.beginRestart();
  for (const version of versionsOf(offsetFetchHandler.api)) {
    const topics = [{ name: 'logs', topicId: ZERO_UUID, partitionIndexes: [0] }];
    const answer = await ask(world, offsetFetchHandler, version, {
      groupId: GROUP,
      topics,
      groups: [{ groupId: GROUP, topics }],
    });
    const errorCode =
      version < 2
        ? answer.topics[0].partitions[0].errorCode
        : version < 8
          ? answer.errorCode
          : answer.groups[0].errorCode;
    assert.equal(errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
  }
});

test('this node coordinates groups and the state of share groups, not transactions', async () => {
  const world = await GroupWorld.start();
  for (const version of versionsOf(findCoordinatorHandler.api)) {
    const find = async (keyType: number) => {
      const request = {
        key: 'k',
        ...(version >= 1 ? { keyType } : {}),
        coordinatorKeys: ['g:AAAAAAAAAAAAAAAAAAAAAA:0', 'l'],
      };
      const answer = await ask(world, findCoordinatorHandler, version, request);
      return version >= 4 ? answer.coordinators[1] : answer;
    };
    const { errorCode, nodeId, host, port } = await find(0);
    assert.deepEqual([errorCode, nodeId, host, port], ['NONE', 1, '127.0.0.1', 9092]);
    if (version === 0) continue;
    const transaction = await find(1);
    assert.deepEqual([transaction.errorCode, transaction.nodeId], ['COORDINATOR_NOT_AVAILABLE', -1]);
    const share = await find(2);
    assert.deepEqual([share.errorCode, share.nodeId], version >= 4 ? ['INVALID_REQUEST', -1] : ['NONE', 1]);
    assert.equal((await find(3)).errorCode, 'INVALID_REQUEST');
  }
});

test('groups are described, listed and deleted in every version', async () => {
  const world = await GroupWorld.start();
  await world.stableGroup(2);
  for (const version of versionsOf(describeGroupsHandler.api)) {
    const request = { groups: [GROUP, 'nowhere'], includeAuthorizedOperations: true };
    const { groups } = await ask(world, describeGroupsHandler, version, request);
    assert.deepEqual([groups[0].groupState, groups[0].members.length], ['Stable', 2]);
    assert.deepEqual(
      [groups[1].groupState, groups[1].errorCode],
      ['Dead', version >= 6 ? 'GROUP_ID_NOT_FOUND' : 'NONE'],
    );
    if (version >= 3) assert.ok(groups[0].authorizedOperations > 0);
  }
  for (const version of versionsOf(listGroupsHandler.api)) {
    const { groups } = await ask(world, listGroupsHandler, version, { statesFilter: [], typesFilter: [] });
    assert.deepEqual([groups[0].groupId, groups[0].groupType], [GROUP, version >= 5 ? 'classic' : '']);
  }
  for (const version of versionsOf(deleteGroupsHandler.api)) {
    const groupId = `simple-${version}`;
    await world.commit(1, { groupId });
    const { results } = await ask(world, deleteGroupsHandler, version, { groupsNames: [groupId, GROUP, 'nowhere'] });
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      ['NONE', 'NON_EMPTY_GROUP', 'GROUP_ID_NOT_FOUND'],
    );
  }
  const topics = [{ name: 'logs', partitions: [{ partitionIndex: 0 }] }];
  const deleted = await ask(world, offsetDeleteHandler, 0, { groupId: GROUP, topics });
  assert.deepEqual(
    [deleted.errorCode, deleted.topics[0].partitions[0].errorCode],
    ['NONE', 'GROUP_SUBSCRIBED_TO_TOPIC'],
  );
});

test('a member of a consumer group joins, commits, is described and leaves in every version', async () => {
  for (const version of versionsOf(consumerGroupHeartbeatHandler.api)) {
    const world = await GroupWorld.start();
    const joined = await ask(world, consumerGroupHeartbeatHandler, version, {
      groupId: GROUP,
      memberId: version === 0 ? '' : 'member',
      memberEpoch: 0,
      rebalanceTimeoutMs: 1_000,
      topicPartitions: [],
      ...(version === 0 ? { subscribedTopicNames: ['logs'] } : { subscribedTopicRegex: 'l.*' }),
    });
    assert.equal(joined.errorCode, 'NONE');
    const memberId = joined.memberId ?? '';
    const topicId = world.topics.get('logs')?.id ?? '';
    assert.deepEqual(joined.assignment, { topicPartitions: [{ topicId, partitions: [0, 1, 2, 3] }] });
    const commit = async (commitVersion: number, memberEpoch: number) => {
      const partition = { partitionIndex: 0, committedOffset: 8, committedMetadata: '' };
      const answer = await ask(world, offsetCommitHandler, commitVersion, {
        groupId: GROUP,
        memberId,
        generationIdOrMemberEpoch: memberEpoch,
        topics: [{ ...(commitVersion >= 10 ? { topicId } : { name: 'logs' }), partitions: [partition] }],
      });
      return answer.topics[0].partitions[0].errorCode;
    };
    assert.equal(await commit(8, 1), 'UNSUPPORTED_VERSION');
    for (const commitVersion of [9, 10]) {
      assert.equal(await commit(commitVersion, 1), 'NONE');
      assert.equal(await commit(commitVersion, 2), 'STALE_MEMBER_EPOCH');
      for (const memberEpoch of [1, 2]) {
        const asked = { groupId: GROUP, memberId, memberEpoch, topics: null };
        const { groups } = await ask(world, offsetFetchHandler, commitVersion, { groups: [asked] });
        assert.equal(groups[0].errorCode, memberEpoch === 1 ? 'NONE' : 'STALE_MEMBER_EPOCH');
      }
    }
    for (const describeVersion of versionsOf(consumerGroupDescribeHandler.api)) {
      const request = { groupIds: [GROUP, 'nowhere'], includeAuthorizedOperations: true };
      const { groups } = await ask(world, consumerGroupDescribeHandler, describeVersion, request);
      assert.deepEqual([groups[0].groupState, groups[1].errorCode], ['Stable', 'GROUP_ID_NOT_FOUND']);
      assert.equal(groups[0].members[0].memberType, describeVersion >= 1 ? 1 : -1);
      assert.ok(groups[0].authorizedOperations > 0);
    }
    for (const listVersion of versionsOf(listGroupsHandler.api)) {
      const { groups } = await ask(world, listGroupsHandler, listVersion, {});
      assert.deepEqual([groups[0].groupId, groups[0].groupType], [GROUP, listVersion >= 5 ? 'consumer' : '']);
    }
    const left = await ask(world, consumerGroupHeartbeatHandler, version, {
      groupId: GROUP,
      memberId,
      memberEpoch: -1,
    });
    assert.deepEqual([left.errorCode, left.memberEpoch], ['NONE', -1]);
  }
});
