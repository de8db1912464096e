/** Committed offsets: who may commit, what is found again, what is deleted, what grows old. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomUuid, ZERO_UUID } from '../../src/base/uuid.js';
import { beatAll, ConsumerClient } from './consumer-client.js';
import { GROUP, GroupWorld, OFFSETS_PARTITIONS, topicToCommit } from './group-world.js';

const MINUTE_MS = 60_000;

test('a consumer without a group commits, and finds its offsets again after a restart', async () => {
  const world = await GroupWorld.start();
  assert.equal(await world.commit(7), 'NONE');
  assert.equal(await world.committed(), 7);
  assert.equal(world.state(), 'Empty');
  await world.restart();
  assert.equal(await world.committed(), 7);
  assert.equal(await world.committed('logs', 1), -1);
});

test('offsets may belong to a group without a name', async () => {
  const world = await GroupWorld.start();
  assert.equal(await world.commit(3, { groupId: '' }), 'NONE');
  assert.equal(await world.committed('logs', 0, ''), 3);
});

test('metadata, leader epoch and time are kept', async () => {
  const world = await GroupWorld.start();
  const partition = { partitionIndex: 2, committedOffset: 9, committedLeaderEpoch: 4, committedMetadata: 'who · when' };
  await world.commit(9, { topics: [{ name: 'logs', topicId: ZERO_UUID, partitions: [partition] }] });
  await world.restart();
  const { topics } = await world.groups.fetchOffsets(GROUP, null);
  const kept = {
    partitionIndex: 2,
    committedOffset: 9,
    committedLeaderEpoch: 4,
    metadata: 'who · when',
    errorCode: 'NONE',
  };
  assert.deepEqual(topics, [{ name: 'logs', topicId: world.topics.get('logs')?.id, partitions: [kept] }]);
});

test('a member commits under its generation only', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  const as = (memberId: string, generationIdOrMemberEpoch: number) => ({ memberId, generationIdOrMemberEpoch });
  assert.equal(await world.commit(1, as(ids[0], generation)), 'NONE');
  assert.equal(await world.commit(2, as(ids[0], generation + 1)), 'ILLEGAL_GENERATION');
  assert.equal(await world.commit(2, as('made-up', generation)), 'UNKNOWN_MEMBER_ID');
  assert.equal(await world.commit(2, as('', -1)), 'UNKNOWN_MEMBER_ID');
  assert.equal(await world.committed(), 1);
});

test('a member of a group that is not there is told so, as its version knows', async () => {
  const world = await GroupWorld.start();
  const member = { memberId: 'x', generationIdOrMemberEpoch: 3 };
  assert.equal(await world.commit(1, member, 8), 'ILLEGAL_GENERATION');
  assert.equal(await world.commit(1, member, 9), 'GROUP_ID_NOT_FOUND');
  assert.equal(world.state(), 'Dead');
});

test('while members join, those of the last generation still commit; while they sync, nobody does', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  await world.enter();
  assert.equal(world.state(), 'PreparingRebalance');
  assert.equal(await world.commit(5, { memberId: ids[0], generationIdOrMemberEpoch: generation }), 'NONE');
  const { generationId } = await world.join({ memberId: ids[0] });
  assert.equal(world.state(), 'CompletingRebalance');
  const next = { memberId: ids[0], generationIdOrMemberEpoch: generationId ?? -1 };
  assert.equal(await world.commit(6, next), 'REBALANCE_IN_PROGRESS');
});

test('a commit is a sign of life', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  for (let i = 0; i < 5; i++) {
    await world.clock.advanceAndIdle(9_000);
    await world.commit(i, { memberId: ids[0], generationIdOrMemberEpoch: generation });
  }
  assert.equal(world.heartbeat(ids[0], generation), 'NONE');
});

test('topics and partitions that are not there, and metadata that is too long, are refused one by one', async () => {
  const world = await GroupWorld.start();
  const topics = [
    topicToCommit('logs', 0, 1),
    topicToCommit('logs', 4, 1),
    topicToCommit('logs', -1, 1),
    topicToCommit('nowhere', 0, 1),
    topicToCommit('other', 0, 1, 'x'.repeat(4097)),
    topicToCommit('other', 1, 1, null),
  ];
  const answers = await world.groups.commitOffsets(world.commitRequest(0, { topics }), {
    byId: false,
    hasMemberEpoch: true,
    unknownGroup: 'GROUP_ID_NOT_FOUND',
  });
  assert.deepEqual(
    answers.map(({ partitions }) => partitions[0].errorCode),
    [
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'OFFSET_METADATA_TOO_LARGE',
      'NONE',
    ],
  );
});

test('from version 10 on topics have ids', async () => {
  const world = await GroupWorld.start();
  const topicId = world.topics.get('logs')?.id ?? ZERO_UUID;
  const named = (id: string) => ({ topics: [{ ...topicToCommit('', 0, 11), topicId: id }] });
  assert.equal(await world.commit(11, named(topicId), 10), 'NONE');
  assert.equal(await world.commit(11, named(randomUuid()), 10), 'UNKNOWN_TOPIC_ID');
  const asked = [
    { name: '', topicId, partitionIndexes: [0] },
    { name: '', topicId: randomUuid(), partitionIndexes: [0, 1] },
  ];
  const { topics } = await world.groups.fetchOffsets(GROUP, asked, { byId: true });
  assert.deepEqual(
    topics.map(({ partitions }) => partitions.map(({ committedOffset, errorCode }) => [committedOffset, errorCode])),
    [
      [[11, 'NONE']],
      [
        [-1, 'UNKNOWN_TOPIC_ID'],
        [-1, 'UNKNOWN_TOPIC_ID'],
      ],
    ],
  );
});

test('what is fetched is on disk', async () => {
  const world = await GroupWorld.start();
  let open = () => {};
  world.log().gate = new Promise((resolve) => {
    open = resolve;
  });
  const commit = world.commit(5);
  let fetched = false;
  const fetch = world.committed().finally(() => {
    fetched = true;
  });
  await world.clock.advanceAndIdle(0);
  assert.equal(fetched, false);
  open();
  assert.equal(await commit, 'NONE');
  assert.equal(await fetch, 5);
});

test('commits that come together are one append', async () => {
  const world = await GroupWorld.start();
  await Promise.all(Array.from({ length: 100 }, (_, i) => world.commit(i)));
  assert.deepEqual(world.log().appendSizes, [100]);
  let open = () => {};
  world.log().gate = new Promise((resolve) => {
    open = resolve;
  });
  const first = world.commit(1);
  await world.clock.advanceAndIdle(0);
  const more = Array.from({ length: 20 }, (_, i) => world.commit(i));
  await world.clock.advanceAndIdle(0);
  open();
  await Promise.all([first, ...more]);
  assert.deepEqual(world.log().appendSizes, [100, 1, 20]);
});

test('a batch never grows larger than the log takes', async () => {
  const world = await GroupWorld.start({ 'message.max.bytes': '20000' });
  const topics = (offset: number) => [topicToCommit('logs', 0, offset, 'm'.repeat(4_000))];
  await Promise.all(Array.from({ length: 12 }, (_, i) => world.commit(i, { topics: topics(i) })));
  assert.deepEqual(world.log().appendSizes, [4, 4, 4]);
});

test('offsets of topics that nobody reads can be deleted', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  const member = { memberId: ids[0], generationIdOrMemberEpoch: generation };
  await world.commit(1, { ...member, topics: [topicToCommit('logs', 0, 1), topicToCommit('other', 0, 1)] });
  const remove = (groupId: string, ...names: string[]) =>
    world.groups.deleteOffsets({
      groupId,
      topics: names.map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
    });
  const { errorCode, topics } = await remove(GROUP, 'logs', 'other', 'nowhere');
  assert.equal(errorCode, 'NONE');
  assert.deepEqual(
    topics.map(({ partitions }) => partitions[0].errorCode),
    ['GROUP_SUBSCRIBED_TO_TOPIC', 'NONE', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
  assert.deepEqual([await world.committed('logs'), await world.committed('other')], [1, -1]);
  assert.equal((await remove('nowhere', 'logs')).errorCode, 'GROUP_ID_NOT_FOUND');
  assert.equal((await remove('', 'logs')).errorCode, 'INVALID_GROUP_ID');
  await world.restart();
  assert.equal(await world.committed('other'), -1);
});

test('groups that are no consumers must be empty for that', async () => {
  const world = await GroupWorld.start();
  const joining = world.join({ version: 3, groupId: 'connect', protocolType: 'connect' });
  await world.clock.advanceAndIdle(0);
  await joining;
  const { errorCode } = await world.groups.deleteOffsets({ groupId: 'connect', topics: [] });
  assert.equal(errorCode, 'NON_EMPTY_GROUP');
});

test('a deleted topic takes its offsets along', async () => {
  const world = await GroupWorld.start();
  await world.commit(1, { topics: [topicToCommit('logs', 0, 1), topicToCommit('other', 1, 2)] });
  world.topics.delete('logs');
  world.topics.add('logs', 4);
  assert.equal(await world.committed('logs'), -1);
  await world.restart();
  assert.deepEqual([await world.committed('logs'), await world.committed('other', 1)], [-1, 2]);
});

test('offsets of a topic that was deleted, or made anew, while nobody looked are gone after the start', async () => {
  const world = await GroupWorld.start();
  await world.commit(1, { topics: [topicToCommit('logs', 0, 1), topicToCommit('other', 1, 2)] });
  world.topics.delete('logs', false);
  world.topics.delete('other', false);
  world.topics.add('other', 2);
  await world.restart();
  world.topics.add('logs', 4);
  assert.deepEqual([await world.committed('logs'), await world.committed('other', 1)], [-1, -1]);
  await world.restart();
  assert.equal(world.state(), 'Dead');
});

test('offsets without a group grow old from their commit', async () => {
  const world = await GroupWorld.start({ 'offsets.retention.minutes': '60' });
  await world.commit(1);
  await world.clock.advanceAndIdle(50 * MINUTE_MS);
  await world.commit(2, { topics: [topicToCommit('logs', 1, 2)] });
  await world.clock.advanceAndIdle(20 * MINUTE_MS);
  assert.deepEqual([await world.committed('logs', 0), await world.committed('logs', 1)], [-1, 2]);
  await world.clock.advanceAndIdle(60 * MINUTE_MS);
  assert.equal(world.state(), 'Dead');
  await world.restart();
  assert.equal(world.state(), 'Dead');
});

test('an empty group’s offsets grow old from when it became empty, also over a restart', async () => {
  const world = await GroupWorld.start({ 'offsets.retention.minutes': '60' });
  const { ids, generation } = await world.stableGroup(1, { sessionTimeoutMs: 1_800_000 });
  await world.commit(1, { memberId: ids[0], generationIdOrMemberEpoch: generation });
  for (let i = 0; i < 5; i++) {
    await world.clock.advanceAndIdle(25 * MINUTE_MS);
    world.heartbeat(ids[0], generation);
  }
  assert.equal(await world.committed(), 1);
  await world.leave(ids[0]);
  await world.clock.advanceAndIdle(30 * MINUTE_MS);
  await world.restart();
  await world.clock.advanceAndIdle(20 * MINUTE_MS);
  assert.equal(await world.committed(), 1);
  await world.clock.advanceAndIdle(20 * MINUTE_MS);
  assert.equal(await world.committed(), -1);
  assert.equal(world.state(), 'Dead');
});

test('so do those of an empty consumer group; while it has members, those of topics that nobody reads', async () => {
  const world = await GroupWorld.start({ 'offsets.retention.minutes': '60' });
  const member = new ConsumerClient(world);
  await member.beat();
  await world.commit(1, {
    memberId: member.memberId,
    generationIdOrMemberEpoch: member.epoch,
    topics: [topicToCommit('logs', 0, 1), topicToCommit('other', 0, 1)],
  });
  await beatAll([member], 125, MINUTE_MS / 2);
  assert.deepEqual([await world.committed('logs'), await world.committed('other')], [1, -1]);
  await member.leave();
  await world.clock.advanceAndIdle(30 * MINUTE_MS);
  await world.restart();
  await world.clock.advanceAndIdle(20 * MINUTE_MS);
  assert.equal(await world.committed(), 1);
  await world.clock.advanceAndIdle(20 * MINUTE_MS);
  assert.equal(await world.committed(), -1);
  await world.restart();
  assert.deepEqual(world.groups.list([], []).groups, []);
});

test('a stable group loses only old offsets of topics that it does not read', async () => {
  const world = await GroupWorld.start({ 'offsets.retention.minutes': '60' });
  const { ids, generation } = await world.stableGroup(1, { sessionTimeoutMs: 1_800_000 });
  const member = { memberId: ids[0], generationIdOrMemberEpoch: generation };
  await world.commit(1, { ...member, topics: [topicToCommit('logs', 0, 1), topicToCommit('other', 0, 1)] });
  for (let i = 0; i < 4; i++) {
    await world.clock.advanceAndIdle(25 * MINUTE_MS);
    world.heartbeat(ids[0], generation);
  }
  assert.deepEqual([await world.committed('logs'), await world.committed('other')], [1, -1]);
});

test('a client of old may say how long its offsets are kept', async () => {
  const world = await GroupWorld.start();
  await world.commit(1, { retentionTimeMs: 5 * MINUTE_MS });
  await world.restart();
  assert.equal(await world.committed(), 1);
  await world.clock.advanceAndIdle(10 * MINUTE_MS);
  assert.equal(await world.committed(), -1);
});

test('every partition of the offsets topic is used as Kafka would', async () => {
  const world = await GroupWorld.start();
  await Promise.all(Array.from({ length: 300 }, (_, i) => world.commit(i, { groupId: `group-${i}` })));
  assert.ok(world.logs.size > OFFSETS_PARTITIONS / 2);
  await world.restart();
  assert.equal(await world.committed('logs', 0, 'group-123'), 123);
});
