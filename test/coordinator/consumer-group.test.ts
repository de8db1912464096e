/** Consumer groups of KIP-848, rule by rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { beatAll, ConsumerClient, type HeartbeatAs, heartbeat } from './consumer-client.js';
import { GROUP, GroupWorld } from './group-world.js';

const ALL = 'logs:0 logs:1 logs:2 logs:3';

function described(world: GroupWorld) {
  const { groupState, groupEpoch, assignmentEpoch, members } = world.groups.describeConsumerGroup(GROUP);
  return { groupState, groupEpoch, assignmentEpoch, epochs: members.map(({ memberEpoch }) => memberEpoch) };
}

async function stable(world: GroupWorld, ...clients: ConsumerClient[]): Promise<void> {
  await beatAll(clients, 4);
  assert.equal(described(world).groupState, 'Stable');
}

test('a lone member gets everything at once', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world);
  assert.equal(await a.beat(), 'NONE');
  assert.equal(a.has, ALL);
  assert.deepEqual(described(world), { groupState: 'Stable', groupEpoch: 1, assignmentEpoch: 1, epochs: [1] });
});

test('the answer to a heartbeat that changes nothing has no assignment and writes nothing', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world);
  await a.beat();
  const before = world.log().records.length;
  const answer = await heartbeat(world, { memberId: a.memberId, memberEpoch: 1 });
  assert.deepEqual([answer.errorCode, answer.assignment, answer.memberEpoch], ['NONE', null, 1]);
  assert.equal(answer.heartbeatIntervalMs, 5_000);
  assert.equal(world.log().records.length, before);
});

test('a partition goes to its new member only when the old one does not list it any more', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world), new ConsumerClient(world)];
  await a.beat();
  a.slow = true;
  await b.beat();
  assert.equal(b.has, '');
  assert.equal(described(world).groupState, 'Reconciling');
  await beatAll([a, b], 3);
  assert.equal(a.has, ALL);
  assert.equal(a.epoch, 1, 'in its old epoch until it has given back');
  assert.equal(b.has, '');
  a.slow = false;
  a.revoke();
  assert.equal(a.owned.size, 2);
  await b.beat();
  assert.equal(b.has, '', 'nobody has told the broker yet');
  await a.beat();
  assert.equal(a.epoch, 2);
  await b.beat();
  assert.equal(b.owned.size, 2);
  assert.deepEqual(described(world), { groupState: 'Stable', groupEpoch: 2, assignmentEpoch: 2, epochs: [2, 2] });
});

test('a member that does not give back in its rebalance timeout is out', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world, { rebalanceTimeoutMs: 12_000 }), new ConsumerClient(world)];
  await a.beat();
  a.slow = true;
  await b.beat();
  await beatAll([a, b], 2);
  assert.equal(b.has, '');
  await beatAll([b], 3);
  assert.equal(b.has, ALL);
  assert.equal(await a.beat(), 'UNKNOWN_MEMBER_ID');
  a.slow = false;
  await stable(world, a, b);
  assert.equal(a.owned.size, 2);
});

test('a silent member is out after its session, one that leaves is out at once', async () => {
  const world = await GroupWorld.start();
  const [a, b, c] = [new ConsumerClient(world), new ConsumerClient(world), new ConsumerClient(world)];
  await stable(world, a, b, c);
  await beatAll([a, b], 8);
  assert.equal(a.owned.size + b.owned.size, 2 + (4 - 2 - c.owned.size));
  await beatAll([a, b], 3);
  assert.equal(a.owned.size + b.owned.size, 4);
  assert.equal(await b.leave(), 'NONE');
  assert.equal(described(world).groupState, 'Assigning');
  await a.beat();
  assert.equal(a.has, ALL);
  assert.equal(await a.leave(), 'NONE');
  assert.equal(described(world).groupState, 'Empty');
});

test('a group’s own session timeout and heartbeat interval count for it alone', async () => {
  const world = await GroupWorld.start();
  const own = { 'consumer.session.timeout.ms': '60000', 'consumer.heartbeat.interval.ms': '9000' };
  world.groupConfigs.set(GROUP, new Map(Object.entries(own)));
  const a = new ConsumerClient(world);
  await a.beat();
  const answer = await heartbeat(world, { memberId: a.memberId, memberEpoch: 1 });
  assert.equal(answer.heartbeatIntervalMs, 9_000);
  await world.clock.advanceAndIdle(59_000);
  assert.equal(described(world).groupState, 'Stable');
  await world.clock.advanceAndIdle(1_000);
  assert.equal(described(world).groupState, 'Empty');
});

test('epochs: newer ones are fenced, the one before counts while nothing is listed that was not given', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world), new ConsumerClient(world)];
  await stable(world, a, b);
  const as = (memberEpoch: number, partitions: number[] | null) =>
    heartbeat(world, {
      memberId: a.memberId,
      memberEpoch,
      topicPartitions: partitions && [{ topicId: world.topics.get('logs')?.id ?? '', partitions }],
    });
  const mine = [...a.owned].map((partition) => Number(partition.split(':')[1]));
  const others = [...b.owned].map((partition) => Number(partition.split(':')[1]));
  assert.equal((await as(3, mine)).errorCode, 'FENCED_MEMBER_EPOCH');
  assert.equal((await as(1, null)).errorCode, 'FENCED_MEMBER_EPOCH');
  assert.equal((await as(1, others)).errorCode, 'FENCED_MEMBER_EPOCH');
  const late = await as(1, mine);
  assert.deepEqual([late.errorCode, late.memberEpoch], ['NONE', 2]);
  assert.equal((await heartbeat(world, { memberId: 'stranger', memberEpoch: 1 })).errorCode, 'UNKNOWN_MEMBER_ID');
  // A fenced member comes again under its own id and has its part at once.
  a.epoch = 0;
  a.owned.clear();
  assert.equal(await a.beat(), 'NONE');
  assert.equal(a.owned.size, 2);
  assert.equal(described(world).groupEpoch, 2);
});

test('what is refused whatever the group', async () => {
  const world = await GroupWorld.start();
  const join: HeartbeatAs = {
    memberId: 'm',
    rebalanceTimeoutMs: 1_000,
    subscribedTopicNames: ['logs'],
    topicPartitions: [],
  };
  const cases: [HeartbeatAs, string][] = [
    [{ ...join, groupId: '' }, 'INVALID_REQUEST'],
    [{ ...join, memberId: '' }, 'INVALID_REQUEST'],
    [{ ...join, instanceId: '' }, 'INVALID_REQUEST'],
    [{ ...join, rackId: '' }, 'INVALID_REQUEST'],
    [{ ...join, rebalanceTimeoutMs: -1 }, 'INVALID_REQUEST'],
    [{ ...join, topicPartitions: null }, 'INVALID_REQUEST'],
    [{ ...join, topicPartitions: [{ topicId: ZERO_UUID, partitions: [0] }] }, 'INVALID_REQUEST'],
    [{ ...join, subscribedTopicNames: null }, 'INVALID_REQUEST'],
    [{ ...join, subscribedTopicNames: ['x'.repeat(11_000)] }, 'INVALID_REQUEST'],
    [{ ...join, memberEpoch: -2 }, 'INVALID_REQUEST'],
    [{ ...join, memberEpoch: -3 }, 'INVALID_REQUEST'],
    [{ ...join, serverAssignor: 'mine' }, 'UNSUPPORTED_ASSIGNOR'],
    [{ ...join, subscribedTopicRegex: 'logs-[' }, 'INVALID_REGULAR_EXPRESSION'],
    [{ ...join, subscribedTopicRegex: '(a)\\1' }, 'INVALID_REGULAR_EXPRESSION'],
    [{ ...join, subscribedTopicRegex: 'x'.repeat(1_001) }, 'INVALID_REGULAR_EXPRESSION'],
    [{ ...join, subscribedTopicRegex: 'a{1000}'.repeat(20) }, 'INVALID_REGULAR_EXPRESSION'],
    [{ ...join, memberEpoch: 5 }, 'GROUP_ID_NOT_FOUND'],
    [{ ...join, memberEpoch: -1 }, 'GROUP_ID_NOT_FOUND'],
  ];
  for (const [request, error] of cases) {
    const answer = await heartbeat(world, request);
    assert.equal(answer.errorCode, error, JSON.stringify(request).slice(0, 200));
    assert.ok(answer.errorMessage);
  }
  assert.deepEqual(world.groups.list([], []).groups, [], 'none of them made a group');
  const old = await heartbeat(world, { ...join, memberId: '', version: 0 });
  assert.equal(old.errorCode, 'NONE');
  assert.equal(old.memberId?.length, 22);
});

test('a group is as large as group.consumer.max.size allows', async () => {
  const world = await GroupWorld.start({ 'group.consumer.max.size': '1' });
  const [a, b] = [new ConsumerClient(world), new ConsumerClient(world)];
  await a.beat();
  assert.equal(await b.beat(), 'GROUP_MAX_SIZE_REACHED');
  assert.equal(await a.beat(), 'NONE');
  await a.leave();
  assert.equal(await b.beat(), 'NONE');
});

test('a static member that is away keeps its place and comes back without a new epoch', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world, { instanceId: 'one' }), new ConsumerClient(world)];
  await stable(world, a, b);
  const before = { has: a.has, group: described(world), id: a.memberId };
  assert.equal(await a.leave(true), 'NONE');
  assert.equal(described(world).epochs.includes(-2), true);
  await beatAll([b], 3);
  assert.equal(b.owned.size, 2);
  await a.beat();
  assert.equal(a.has, before.has);
  assert.notEqual(a.memberId, before.id);
  await stable(world, a, b);
  assert.deepEqual(described(world), before.group);
  const old = await heartbeat(world, { memberId: before.id, memberEpoch: 2, instanceId: 'one' });
  assert.equal(old.errorCode, 'FENCED_INSTANCE_ID');
  const unknown = await heartbeat(world, { memberId: before.id, memberEpoch: 2, instanceId: 'two' });
  assert.equal(unknown.errorCode, 'UNKNOWN_MEMBER_ID');
});

test('an instance that has not left cannot be taken over before its session ends', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world, { instanceId: 'one' });
  await a.beat();
  a.crash();
  assert.equal(await a.beat(), 'UNRELEASED_INSTANCE_ID');
  await world.clock.advanceAndIdle(44_000);
  assert.equal(await a.beat(), 'UNRELEASED_INSTANCE_ID');
  await world.clock.advanceAndIdle(1_000);
  assert.equal(await a.beat(), 'NONE');
  assert.equal(a.has, ALL);
  await a.leave(true);
  await world.clock.advanceAndIdle(45_000);
  assert.equal(described(world).groupState, 'Empty', 'being away has an end');
});

test('range gives contiguous partitions, and most members decide', async () => {
  const world = await GroupWorld.start();
  const clients = ['range', 'range', 'uniform'].map((assignor) => new ConsumerClient(world, { assignor }));
  const [a, b, c] = clients.sort((x, y) => (x.memberId < y.memberId ? -1 : 1));
  await stable(world, a, b, c);
  assert.equal(world.groups.describeConsumerGroup(GROUP).assignorName, 'range');
  assert.deepEqual([a.has, b.has, c.has], ['logs:0 logs:1', 'logs:2', 'logs:3']);
});

test('a regular expression reads the topics that match as a whole, also those that come later', async () => {
  const world = await GroupWorld.start();
  world.topics.add('app-1', 1);
  world.topics.add('my-app-1', 1);
  const a = new ConsumerClient(world, { regex: 'app-\\d+', topics: ['other'] });
  await a.beat();
  assert.equal(a.has, 'app-1:0 other:0 other:1');
  const epoch = a.epoch;
  world.topics.add('elsewhere', 1);
  await a.beat();
  assert.equal(a.epoch, epoch);
  world.topics.add('app-2', 1);
  await a.beat();
  assert.equal(a.has, 'app-1:0 app-2:0 other:0 other:1');
  assert.equal(a.epoch, epoch + 1);
  world.topics.delete('app-1');
  await beatAll([a], 2);
  assert.equal(a.has, 'app-2:0 other:0 other:1');
  await world.restart();
  await stable(world, a);
  assert.equal(a.has, 'app-2:0 other:0 other:1');
  const [member] = world.groups.describeConsumerGroup(GROUP).members;
  assert.deepEqual([member.subscribedTopicRegex, member.subscribedTopicNames], ['app-\\d+', ['other']]);
});

test('an expression does not mean what the broker keeps for itself', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  const a = new ConsumerClient(world, { regex: '.*' });
  await a.beat();
  assert.equal(a.has, `${ALL} other:0 other:1`);
});

test('new partitions, new topics and deleted ones come to whoever reads them', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world, { topics: ['logs', 'later'] });
  await a.beat();
  world.topics.grow('logs', 6);
  await a.beat();
  assert.equal(a.has, `${ALL} logs:4 logs:5`);
  world.topics.add('later', 1);
  await a.beat();
  assert.equal(a.has, `later:0 ${ALL} logs:4 logs:5`);
  world.topics.delete('logs');
  await beatAll([a], 2);
  assert.equal(a.has, 'later:0');
  a.subscribe('other');
  await beatAll([a], 2);
  assert.equal(a.has, 'other:0 other:1');
});

test('topics that changed while nobody ran are seen after the restart', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world);
  await stable(world, a);
  world.beginRestart();
  world.topics.grow('logs', 5);
  await world.groups.load();
  await a.beat();
  assert.equal(a.has, `${ALL} logs:4`);
});

test('commits and fetches have the epoch of their member', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world), new ConsumerClient(world)];
  await stable(world, a, b);
  const { memberId } = a;
  const commit = (epoch: number, id = memberId, version = 9) =>
    world.commit(7, { memberId: id, generationIdOrMemberEpoch: epoch }, version);
  assert.equal(await commit(2), 'NONE');
  assert.equal(await commit(1), 'STALE_MEMBER_EPOCH');
  assert.equal(await commit(3), 'STALE_MEMBER_EPOCH');
  assert.equal(await commit(2, 'stranger'), 'UNKNOWN_MEMBER_ID');
  assert.equal(await commit(-1, ''), 'UNKNOWN_MEMBER_ID');
  assert.equal(await commit(2, memberId, 8), 'UNSUPPORTED_VERSION');
  const fetch = async (id: string | null, memberEpoch: number) =>
    (await world.groups.fetchOffsets(GROUP, null, { memberId: id, memberEpoch })).errorCode;
  assert.equal(await fetch(memberId, 2), 'NONE');
  assert.equal(await fetch(null, -1), 'NONE');
  assert.equal(await fetch(memberId, 1), 'STALE_MEMBER_EPOCH');
  assert.equal(await fetch('stranger', 2), 'UNKNOWN_MEMBER_ID');
  assert.equal(await world.committed(), 7);
  await a.leave();
  await b.leave();
  assert.equal(await commit(-1, ''), 'NONE', 'an administrator may, once the group is empty');
});

test('an empty classic group becomes a consumer group and keeps its offsets, and the other way', async () => {
  const world = await GroupWorld.start();
  const { ids } = await world.stableGroup(1);
  await world.commit(5, { memberId: ids[0], generationIdOrMemberEpoch: 1 });
  const a = new ConsumerClient(world);
  assert.equal(await a.beat(), 'GROUP_ID_NOT_FOUND', 'it has a member whose assignment nobody can read');
  await world.leave(ids[0]);
  assert.equal(await a.beat(), 'NONE');
  assert.equal(await world.committed(), 5);
  assert.deepEqual(world.groups.list([], []).groups, [
    { groupId: GROUP, protocolType: 'consumer', groupState: 'Stable', groupType: 'consumer' },
  ]);
  await world.restart();
  assert.equal(described(world).groupState, 'Stable');
  assert.equal((await world.join({ protocolType: 'connect' })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal(world.heartbeat(a.memberId, 1), 'UNKNOWN_MEMBER_ID');
  assert.equal((await world.sync(a.memberId, 1)).errorCode, 'UNKNOWN_MEMBER_ID');
  await a.leave();
  const again = await world.stableGroup(2);
  assert.equal(world.state(), 'Stable');
  assert.equal(world.groups.describeConsumerGroup(GROUP).errorCode, 'GROUP_ID_NOT_FOUND');
  await world.restart();
  assert.equal(world.state(), 'Stable');
  assert.equal(await world.committed(), 5);
  assert.equal(world.heartbeat(again.ids[0], again.generation), 'NONE');
});

test('groups are listed by type and state, described by their own API, and deleted when empty', async () => {
  const world = await GroupWorld.start();
  const a = new ConsumerClient(world);
  await a.beat();
  assert.equal(world.groups.list([], ['Classic']).groups.length, 0);
  assert.equal(world.groups.list(['STABLE'], ['Consumer']).groups.length, 1);
  assert.equal(world.groups.list(['empty'], []).groups.length, 0);
  const classic = world.groups.describe(GROUP, 'GROUP_ID_NOT_FOUND');
  assert.deepEqual([classic.errorCode, classic.groupState], ['GROUP_ID_NOT_FOUND', 'Dead']);
  const group = world.groups.describeConsumerGroup(GROUP);
  const topicPartitions = [{ topicId: world.topics.get('logs')?.id, topicName: 'logs', partitions: [0, 1, 2, 3] }];
  assert.deepEqual(group, {
    errorCode: 'NONE',
    groupId: GROUP,
    groupState: 'Stable',
    groupEpoch: 1,
    assignmentEpoch: 1,
    assignorName: 'uniform',
    members: [
      {
        memberId: a.memberId,
        instanceId: null,
        rackId: null,
        memberEpoch: 1,
        clientId: 'client',
        clientHost: '/127.0.0.1',
        subscribedTopicNames: ['logs'],
        subscribedTopicRegex: null,
        assignment: { topicPartitions },
        targetAssignment: { topicPartitions },
        memberType: 1,
      },
    ],
  });
  await world.commit(3, { memberId: a.memberId, generationIdOrMemberEpoch: 1 });
  assert.equal(await world.groups.deleteGroup(GROUP), 'NON_EMPTY_GROUP');
  const topics = [{ name: 'logs', partitions: [{ partitionIndex: 0 }] }];
  const refused = await world.groups.deleteOffsets({ groupId: GROUP, topics });
  assert.equal(refused.topics[0].partitions[0].errorCode, 'GROUP_SUBSCRIBED_TO_TOPIC');
  await a.leave();
  assert.equal(await world.groups.deleteGroup(GROUP), 'NONE');
  assert.equal(await world.groups.deleteGroup(GROUP), 'GROUP_ID_NOT_FOUND');
  await world.restart();
  assert.deepEqual(world.groups.list([], []).groups, []);
  assert.equal(await world.committed(), -1);
});

test('a restart keeps epochs, members and assignment, and members have a whole session from there', async () => {
  const world = await GroupWorld.start();
  const clients = [1, 2, 3].map((n) => new ConsumerClient(world, n === 1 ? { instanceId: 'one' } : {}));
  await stable(world, ...clients);
  const before = world.groups.describeConsumerGroup(GROUP);
  const had = clients.map((client) => client.has);
  await world.restart();
  assert.deepEqual(world.groups.describeConsumerGroup(GROUP), before);
  await world.clock.advanceAndIdle(44_000);
  await stable(world, ...clients);
  assert.deepEqual(
    clients.map((client) => client.has),
    had,
  );
  await world.restart();
  await world.clock.advanceAndIdle(45_000);
  assert.equal(described(world).groupState, 'Empty');
});

test('a heartbeat whose records are lost is answered with an error and has changed nothing', async () => {
  const world = await GroupWorld.start();
  const [a, b] = [new ConsumerClient(world), new ConsumerClient(world)];
  await stable(world, a);
  const before = world.groups.describeConsumerGroup(GROUP);
  world.log().failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  assert.equal(await b.beat(), 'COORDINATOR_NOT_AVAILABLE');
  await world.clock.advanceAndIdle(0);
  assert.deepEqual(world.groups.describeConsumerGroup(GROUP), before);
  world.log().failures.push({ kind: 'kept', error: 'NOT_ENOUGH_REPLICAS' });
  assert.equal(await b.beat(), 'COORDINATOR_NOT_AVAILABLE');
  await world.clock.advanceAndIdle(0);
  await stable(world, a, b);
  assert.equal(described(world).groupEpoch, 2);
});

test('offsets of topics that members read do not age, those of others do, and the group goes when it is empty', async () => {
  const world = await GroupWorld.start({
    'offsets.retention.minutes': '1',
    'offsets.retention.check.interval.ms': '1000',
  });
  const a = new ConsumerClient(world);
  await a.beat();
  const commit = { memberId: a.memberId, generationIdOrMemberEpoch: 1 };
  await world.commit(3, commit);
  const partition = { partitionIndex: 0, committedOffset: 4, committedLeaderEpoch: -1, committedMetadata: '' };
  await world.commit(4, { ...commit, topics: [{ name: 'other', topicId: ZERO_UUID, partitions: [partition] }] });
  await beatAll([a], 13);
  assert.deepEqual([await world.committed(), await world.committed('other')], [3, -1]);
  await a.leave();
  await world.clock.advanceAndIdle(60_000);
  assert.deepEqual(world.groups.list([], []).groups, []);
});
