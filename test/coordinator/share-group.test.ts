/** Share groups (KIP-932): who is in them and what their members are given. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUuid } from '../../src/base/uuid.js';
import {
  type Assignment,
  assignmentOf,
  has,
  NO_PARTITIONS,
  same,
  sizeOf,
} from '../../src/coordinator/group/assignment.js';
import type { AssigneeMember } from '../../src/coordinator/group/assignor.js';
import { decodeGroupRecord, encodeGroupRecord } from '../../src/coordinator/group/group-record.js';
import type { ShareHeartbeatRequest } from '../../src/coordinator/group/share-decisions.js';
import type { ShareGroupRecord } from '../../src/coordinator/group/share-group-record.js';
import { simpleAssignor } from '../../src/coordinator/group/simple-assignor.js';
import { fc } from '../property.js';
import { heartbeat as consumerHeartbeat } from './consumer-client.js';
import { GROUP, GroupWorld } from './group-world.js';

function beat(world: GroupWorld, request: Partial<ShareHeartbeatRequest>) {
  return world.groups.shareHeartbeat(
    { groupId: GROUP, memberId: 'm', memberEpoch: 0, rackId: null, subscribedTopicNames: null, ...request },
    { clientId: 'client', clientHost: '/127.0.0.1' },
  );
}

const join = (world: GroupWorld, memberId: string, ...topics: string[]) =>
  beat(world, { memberId, subscribedTopicNames: topics.length > 0 ? topics : ['logs'] });

function described(world: GroupWorld) {
  const { groupState, groupEpoch, assignmentEpoch, members } = world.groups.describeShareGroup(GROUP);
  const has = members.map(({ memberId, memberEpoch, assignment }) => {
    const partitions = assignment.topicPartitions.map(({ topicName, partitions }) => `${topicName}:${partitions}`);
    return `${memberId}@${memberEpoch} ${partitions}`;
  });
  return { groupState, groupEpoch, assignmentEpoch, has };
}

test('a lone member gets everything at once; one more shares, and nobody waits for anybody', async () => {
  const world = await GroupWorld.start();
  const first = await join(world, 'a');
  assert.deepEqual([first.errorCode, first.memberEpoch, first.heartbeatIntervalMs], ['NONE', 1, 5000]);
  assert.deepEqual(
    first.assignment?.topicPartitions.map(({ partitions }) => partitions),
    [[0, 1, 2, 3]],
  );
  const second = await join(world, 'b');
  assert.equal(second.assignment?.topicPartitions[0].partitions.length, 2);
  const told = await beat(world, { memberId: 'a', memberEpoch: 1 });
  assert.deepEqual([told.memberEpoch, told.assignment?.topicPartitions[0].partitions.length], [2, 2]);
  const { groupState, groupEpoch, assignmentEpoch } = described(world);
  assert.deepEqual([groupState, groupEpoch, assignmentEpoch], ['Stable', 2, 2]);
});

test('more members than partitions: everybody reads', async () => {
  const world = await GroupWorld.start();
  for (const memberId of ['a', 'b', 'c']) {
    const { assignment } = await join(world, memberId, 'other');
    assert.equal(assignment?.topicPartitions[0].partitions.length, memberId === 'a' ? 2 : 1);
  }
});

test('a heartbeat that changes nothing writes nothing and repeats nothing; one with the last epoch is told again', async () => {
  const world = await GroupWorld.start();
  await join(world, 'a');
  const before = world.log().records.length;
  assert.equal((await beat(world, { memberId: 'a', memberEpoch: 1 })).assignment, null);
  assert.equal(world.log().records.length, before);
  await join(world, 'b');
  await beat(world, { memberId: 'a', memberEpoch: 1 });
  const again = await beat(world, { memberId: 'a', memberEpoch: 1 });
  assert.deepEqual([again.errorCode, again.memberEpoch, again.assignment?.topicPartitions.length], ['NONE', 2, 1]);
});

test('who leaves is out at once, who is silent after the session; the others take over', async () => {
  const world = await GroupWorld.start();
  await join(world, 'a');
  await join(world, 'b');
  await join(world, 'c');
  assert.equal((await beat(world, { memberId: 'b', memberEpoch: -1 })).errorCode, 'NONE');
  await world.clock.advanceAndIdle(30_000);
  await beat(world, { memberId: 'a', memberEpoch: 1 });
  await world.clock.advanceAndIdle(30_000);
  assert.equal((await beat(world, { memberId: 'c', memberEpoch: 3 })).errorCode, 'UNKNOWN_MEMBER_ID');
  const { memberEpoch } = await beat(world, { memberId: 'a', memberEpoch: described(world).groupEpoch - 1 });
  assert.deepEqual(described(world).has, [`a@${memberEpoch} logs:0,1,2,3`]);
});

test('what is wrong is refused: epochs, ids, a full group, a group of another type', async () => {
  const world = await GroupWorld.start({ 'group.share.max.size': '1' });
  const error = async (request: Partial<ShareHeartbeatRequest>) => (await beat(world, request)).errorCode;
  assert.equal(await error({ memberId: '' }), 'INVALID_REQUEST');
  assert.equal(await error({ memberEpoch: -2 }), 'INVALID_REQUEST');
  assert.equal(await error({}), 'INVALID_REQUEST', 'joining without topics');
  assert.equal(await error({ memberEpoch: 1 }), 'GROUP_ID_NOT_FOUND');
  await join(world, 'a');
  assert.equal(await error({ memberId: 'b', subscribedTopicNames: ['logs'] }), 'GROUP_MAX_SIZE_REACHED');
  assert.equal(await error({ memberId: 'a', memberEpoch: 9 }), 'FENCED_MEMBER_EPOCH');
  assert.equal(await error({ memberId: 'x', memberEpoch: 1 }), 'UNKNOWN_MEMBER_ID');
  const joining = { memberId: 'x', subscribedTopicNames: ['logs'], topicPartitions: [], rebalanceTimeoutMs: 1000 };
  assert.equal((await consumerHeartbeat(world, joining)).errorCode, 'GROUP_ID_NOT_FOUND');
  assert.equal(await world.commit(1), 'GROUP_ID_NOT_FOUND');
  assert.equal((await world.join()).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  const other = await GroupWorld.start();
  await consumerHeartbeat(other, joining);
  assert.equal((await join(other, 'a')).errorCode, 'GROUP_ID_NOT_FOUND');
});

test('a new coordinator over the same log knows the group; what is deleted is gone from the log, too', async () => {
  const world = await GroupWorld.start();
  await join(world, 'a');
  await join(world, 'b', 'other');
  const before = described(world);
  await world.restart();
  assert.deepEqual(described(world), before);
  assert.equal(await world.groups.deleteGroup(GROUP), 'NON_EMPTY_GROUP');
  await world.clock.advanceAndIdle(46_000);
  assert.equal(described(world).groupState, 'Empty');
  assert.equal(await world.groups.deleteGroup(GROUP), 'NONE');
  assert.equal(world.groups.describeShareGroup(GROUP).errorCode, 'GROUP_ID_NOT_FOUND');
  await world.restart();
  assert.deepEqual(world.groups.list([], []).groups, []);
});

test('topics that come, grow and go', async () => {
  const world = await GroupWorld.start();
  await join(world, 'a', 'other', 'later');
  world.topics.grow('other', 3);
  world.topics.add('later', 1);
  const { assignment, memberEpoch } = await beat(world, { memberId: 'a', memberEpoch: 1 });
  assert.equal(memberEpoch, 2);
  assert.deepEqual(assignment?.topicPartitions.map(({ partitions }) => partitions.length).sort(), [1, 3]);
  world.topics.delete('later');
  const group = world.groups.shareGroup(GROUP);
  assert.ok(typeof group === 'object');
  assert.deepEqual(
    [...group.topics.values()].map(({ name }) => name),
    ['other'],
  );
});

const topicIds = [randomUuid(), randomUuid()];
const assignment = fc
  .array(fc.tuple(fc.constantFrom(...topicIds), fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 4 })))
  .map((parts) => assignmentOf(parts.map(([topicId, partitions]) => ({ topicId, partitions }))));
const epoch = fc.nat({ max: 1e6 });
const record: fc.Arbitrary<ShareGroupRecord> = fc.tuple(fc.string(), fc.string()).chain(([group, memberId]) =>
  fc.oneof(
    fc
      .option(fc.record({ epoch, metadataHash: fc.maxSafeNat() }, { noNullPrototype: true }))
      .map((value) => ({ type: 'share-epoch' as const, group, value })),
    fc
      .option(
        fc.record(
          {
            rackId: fc.option(fc.string()),
            clientId: fc.string(),
            clientHost: fc.string(),
            topicNames: fc.array(fc.string()),
          },
          { noNullPrototype: true },
        ),
      )
      .map((value) => ({ type: 'share-member' as const, group, memberId, value })),
    fc
      .option(fc.record({ epoch, timestampMs: fc.nat() }, { noNullPrototype: true }))
      .map((value) => ({ type: 'share-target' as const, group, value })),
    fc.option(assignment).map((value) => ({ type: 'share-member-target' as const, group, memberId, value })),
    fc
      .option(fc.record({ epoch, previousEpoch: epoch, assigned: assignment }, { noNullPrototype: true }))
      .map((value) => ({ type: 'share-current' as const, group, memberId, value })),
    fc
      .option(assignment)
      .map((parts) => parts && new Map([...parts].map(([id, partitions]) => [id, { name: `topic ${id}`, partitions }])))
      .map((value) => ({ type: 'share-topics' as const, group, value })),
  ),
);

test('records read back as they were written', () => {
  fc.assert(
    fc.property(record, (written) => {
      assert.deepEqual(decodeGroupRecord(encodeGroupRecord(written)), written);
    }),
  );
});

test('the simple assignor: every partition is read, nobody stands idle who could read, and nothing moves needlessly', () => {
  const drawn = fc.array(fc.subarray(topicIds), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(drawn, fc.array(fc.nat({ max: 5 }), { minLength: 2, maxLength: 2 }), (subscriptions, counts) => {
      const partitionCounts = new Map(topicIds.map((id, i) => [id, counts[i]]));
      const members = (targets: ReadonlyMap<string, Assignment>): AssigneeMember[] =>
        subscriptions.map((ids, i) => ({
          id: `m${i}`,
          instanceId: null,
          topicIds: new Set(ids),
          target: targets.get(`m${i}`) ?? NO_PARTITIONS,
        }));
      const given = simpleAssignor(members(new Map()), partitionCounts);
      for (const { id, topicIds: reads } of members(given)) {
        const target = given.get(id) ?? NO_PARTITIONS;
        for (const topicId of target.keys()) assert.ok(reads.has(topicId));
        if ([...reads].some((topicId) => (partitionCounts.get(topicId) ?? 0) > 0)) assert.ok(sizeOf(target) > 0);
      }
      for (const [topicId, count] of partitionCounts) {
        if (!subscriptions.some((ids) => ids.includes(topicId))) continue;
        for (let partition = 0; partition < count; partition++) {
          assert.ok([...given.values()].some((target) => has(target, topicId, partition)));
        }
      }
      const again = simpleAssignor(members(given), partitionCounts);
      for (const [id, target] of given) assert.ok(same(target, again.get(id) ?? NO_PARTITIONS), id);
    }),
  );
});
