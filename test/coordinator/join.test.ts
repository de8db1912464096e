/** How members of classic groups come together, hear of each other, and are lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../base/fake-clock.js';
import { GroupWorld, subscriptionTo } from './group-world.js';

const protocols = (...names: string[]) => names.map((name) => ({ name, metadata: Buffer.from(`${name} data`) }));

test('a new member is first handed its id, then waits with it', async () => {
  const world = await GroupWorld.start();
  const first = await world.join({ clientId: 'rsyslog' });
  assert.equal(first.errorCode, 'MEMBER_ID_REQUIRED');
  assert.match(first.memberId, /^rsyslog-[0-9a-f-]{36}$/);
  const joined = world.join({ memberId: first.memberId });
  await world.clock.advanceAndIdle(0);
  const { memberId, leader, generationId, protocolName, protocolType, members } = await joined;
  assert.deepEqual(
    { memberId, leader, generationId, protocolName, protocolType },
    {
      memberId: first.memberId,
      leader: first.memberId,
      generationId: 1,
      protocolName: 'range',
      protocolType: 'consumer',
    },
  );
  assert.deepEqual(
    members.map((member) => member.memberId),
    [first.memberId],
  );
});

test('a client that is too old for that is admitted at once', async () => {
  const world = await GroupWorld.start();
  const joined = world.join({ version: 3 });
  await world.clock.advanceAndIdle(0);
  assert.equal((await joined).errorCode, 'NONE');
});

test('an id that was handed out and not used is forgotten, and its group with it', async () => {
  const world = await GroupWorld.start();
  const { memberId } = await world.join();
  assert.equal(world.state(), 'Empty');
  await world.clock.advanceAndIdle(10_000);
  assert.equal(world.state(), 'Dead');
  assert.equal((await world.join({ memberId })).errorCode, 'UNKNOWN_MEMBER_ID');
});

test('nobody joins a group without a name, with a session out of bounds, or without protocols', async () => {
  const world = await GroupWorld.start();
  assert.equal((await world.join({ groupId: '' })).errorCode, 'INVALID_GROUP_ID');
  assert.equal((await world.join({ sessionTimeoutMs: 5_999 })).errorCode, 'INVALID_SESSION_TIMEOUT');
  assert.equal((await world.join({ sessionTimeoutMs: 1_800_001 })).errorCode, 'INVALID_SESSION_TIMEOUT');
  assert.equal((await world.join({ protocols: [] })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal((await world.join({ protocolType: '' })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal((await world.join({ memberId: 'made-up' })).errorCode, 'UNKNOWN_MEMBER_ID');
  assert.equal(world.state(), 'Dead');
});

test('the first rebalance waits for the initial delay, and longer while members come', async () => {
  const world = await GroupWorld.start({ 'group.initial.rebalance.delay.ms': '3000' });
  const first = await world.enter();
  await world.clock.advanceAndIdle(2_000);
  const second = await world.enter();
  await world.clock.advanceAndIdle(2_000);
  assert.equal(world.state(), 'PreparingRebalance');
  await world.clock.advanceAndIdle(2_000);
  const [one, two] = await Promise.all([first.joined, second.joined]);
  assert.deepEqual([one.generationId, two.generationId], [1, 1]);
  assert.equal(one.members.length, 2);
  assert.deepEqual(two.members, []);
  assert.equal(two.leader, first.memberId);
});

test('the initial delay is never drawn out beyond the rebalance timeout', async () => {
  const world = await GroupWorld.start({ 'group.initial.rebalance.delay.ms': '3000' });
  const joined = [world.join({ version: 3, rebalanceTimeoutMs: 7_000 })];
  for (let i = 0; i < 3; i++) {
    await world.clock.advanceAndIdle(2_000);
    joined.push(world.join({ version: 3, rebalanceTimeoutMs: 7_000 }));
  }
  await world.clock.advanceAndIdle(1_000);
  assert.equal(world.state(), 'CompletingRebalance');
  assert.equal((await joined[0]).members.length, 4);
});

test('each votes for the first protocol that all offer, and most votes win', async () => {
  const world = await GroupWorld.start();
  const joined = [
    world.join({ version: 3, protocols: protocols('sticky', 'range', 'roundrobin') }),
    world.join({ version: 3, protocols: protocols('cooperative', 'roundrobin', 'range') }),
    world.join({ version: 3, protocols: protocols('roundrobin', 'range') }),
  ];
  await world.clock.advanceAndIdle(0);
  const [leader] = await Promise.all(joined);
  assert.equal(leader.protocolName, 'roundrobin');
  assert.equal(leader.members[0].metadata.toString(), 'roundrobin data');
});

test('who shares no protocol with the others is refused', async () => {
  const world = await GroupWorld.start();
  await world.stableGroup(2);
  assert.equal((await world.join({ protocols: protocols('mine') })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal((await world.join({ protocolType: 'connect' })).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal(world.state(), 'Stable');
});

test('followers wait for the leader’s assignment, and everyone gets its own part', async () => {
  const world = await GroupWorld.start();
  const a = world.join({ version: 3 });
  const b = world.join({ version: 3 });
  await world.clock.advanceAndIdle(0);
  const [leader, follower] = await Promise.all([a, b]);
  let answered = false;
  const waiting = world.sync(follower.memberId, 1).finally(() => {
    answered = true;
  });
  await idle();
  assert.equal(answered, false);
  assert.equal(world.state(), 'CompletingRebalance');
  assert.equal(world.heartbeat(follower.memberId, 1), 'NONE');
  const own = await world.sync(leader.memberId, 1, { [leader.memberId]: 'mine', [follower.memberId]: 'yours' });
  assert.deepEqual([own.errorCode, own.assignment.toString()], ['NONE', 'mine']);
  assert.equal((await waiting).assignment.toString(), 'yours');
  assert.equal(world.state(), 'Stable');
  assert.equal((await world.sync(follower.memberId, 1)).assignment.toString(), 'yours');
});

test('a member that the leader forgot gets nothing, not an error', async () => {
  const world = await GroupWorld.start();
  const a = world.join({ version: 3 });
  const b = world.join({ version: 3 });
  await world.clock.advanceAndIdle(0);
  const [leader, follower] = await Promise.all([a, b]);
  await world.sync(leader.memberId, 1, { stranger: 'x' });
  const answer = await world.sync(follower.memberId, 1);
  assert.deepEqual([answer.errorCode, answer.assignment.length], ['NONE', 0]);
});

test('syncs and heartbeats are checked', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2);
  assert.equal(world.heartbeat('made-up', generation), 'UNKNOWN_MEMBER_ID');
  assert.equal(world.heartbeat(ids[0], generation - 1), 'ILLEGAL_GENERATION');
  assert.equal(world.heartbeat(ids[0], generation), 'NONE');
  assert.equal((await world.sync('made-up', generation)).errorCode, 'UNKNOWN_MEMBER_ID');
  assert.equal((await world.sync(ids[0], generation + 1)).errorCode, 'ILLEGAL_GENERATION');
  const named = {
    groupId: 'readers',
    generationId: generation,
    memberId: ids[0],
    groupInstanceId: null,
    assignments: [],
  };
  const otherType = await world.groups.sync({ ...named, protocolType: 'connect', protocolName: 'range' });
  assert.equal(otherType.errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  const otherName = await world.groups.sync({ ...named, protocolType: 'consumer', protocolName: 'sticky' });
  assert.equal(otherName.errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
});

test('while a group rebalances, heartbeats and syncs say so', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  const newcomer = await world.enter();
  assert.equal(world.state(), 'PreparingRebalance');
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  assert.equal((await world.sync(ids[0], generation)).errorCode, 'REBALANCE_IN_PROGRESS');
  const again = await world.join({ memberId: ids[0] });
  assert.equal(again.generationId, generation + 1);
  assert.equal(again.leader, ids[0]);
  assert.equal((await newcomer.joined).generationId, generation + 1);
});

test('a rebalance during the sync phase sends everyone back to join', async () => {
  const world = await GroupWorld.start();
  const a = world.join({ version: 3 });
  const b = world.join({ version: 3 });
  await world.clock.advanceAndIdle(0);
  const [, follower] = await Promise.all([a, b]);
  const waiting = world.sync(follower.memberId, 1);
  void world.join({ version: 3 });
  assert.equal((await waiting).errorCode, 'REBALANCE_IN_PROGRESS');
});

test('a follower that asks again hears of the same generation; a leader starts a new one', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2);
  const again = await world.join({ memberId: ids[1] });
  assert.deepEqual([again.errorCode, again.generationId, again.members.length], ['NONE', generation, 0]);
  assert.equal(world.state(), 'Stable');
  void world.join({ memberId: ids[0] });
  assert.equal(world.state(), 'PreparingRebalance');
});

test('a member that subscribes to something else starts a rebalance', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2);
  const changed = world.join({
    memberId: ids[1],
    protocols: [{ name: 'range', metadata: subscriptionTo('logs', 'other') }],
  });
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  await world.join({ memberId: ids[0] });
  assert.equal((await changed).generationId, generation + 1);
});

test('silence costs a member its place, and a group its last member', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2);
  await world.clock.advanceAndIdle(9_000);
  assert.equal(world.heartbeat(ids[0], generation), 'NONE');
  await world.clock.advanceAndIdle(1_000);
  assert.equal(world.heartbeat(ids[1], generation), 'UNKNOWN_MEMBER_ID');
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  await world.clock.advanceAndIdle(10_000);
  assert.equal(world.state(), 'Empty');
  assert.equal(world.heartbeat(ids[0], generation), 'UNKNOWN_MEMBER_ID');
});

test('who does not join again in time is dropped', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2, { rebalanceTimeoutMs: 8_000, sessionTimeoutMs: 30_000 });
  const again = world.join({
    memberId: ids[1],
    rebalanceTimeoutMs: 8_000,
    sessionTimeoutMs: 30_000,
    protocols: [{ name: 'range', metadata: subscriptionTo('other') }],
  });
  await world.clock.advanceAndIdle(7_999);
  assert.equal(world.state(), 'PreparingRebalance');
  await world.clock.advanceAndIdle(1);
  const { leader, members } = await again;
  assert.equal(leader, ids[1]);
  assert.equal(members.length, 1);
  assert.equal(world.heartbeat(ids[0], generation + 1), 'UNKNOWN_MEMBER_ID');
});

test('who never asks for its assignment is dropped, and the others join again', async () => {
  const world = await GroupWorld.start();
  const slow = { version: 3, rebalanceTimeoutMs: 8_000, sessionTimeoutMs: 30_000 };
  const a = world.join(slow);
  const b = world.join(slow);
  await world.clock.advanceAndIdle(0);
  const [leader, follower] = await Promise.all([a, b]);
  await world.sync(leader.memberId, 1);
  assert.equal(world.state(), 'Stable');
  await world.clock.advanceAndIdle(8_000);
  assert.equal(world.heartbeat(leader.memberId, 1), 'REBALANCE_IN_PROGRESS');
  assert.equal(world.heartbeat(follower.memberId, 1), 'UNKNOWN_MEMBER_ID');
});

test('a leader that never assigns is dropped, and whoever waits for it joins again', async () => {
  const world = await GroupWorld.start();
  const slow = { version: 3, rebalanceTimeoutMs: 8_000, sessionTimeoutMs: 30_000 };
  const a = world.join(slow);
  const b = world.join(slow);
  await world.clock.advanceAndIdle(0);
  const [, follower] = await Promise.all([a, b]);
  const waiting = world.sync(follower.memberId, 1);
  await world.clock.advanceAndIdle(8_000);
  assert.equal((await waiting).errorCode, 'REBALANCE_IN_PROGRESS');
  const again = await world.join({ ...slow, memberId: follower.memberId });
  assert.deepEqual([again.leader, again.generationId], [follower.memberId, 2]);
});

test('a new member that waits for others is given five minutes', async () => {
  const world = await GroupWorld.start();
  await world.stableGroup(1, { rebalanceTimeoutMs: 600_000, sessionTimeoutMs: 1_800_000 });
  const newcomer = await world.enter();
  await world.clock.advanceAndIdle(300_000);
  assert.equal((await newcomer.joined).errorCode, 'UNKNOWN_MEMBER_ID');
});

test('a join that is asked twice answers the newer one', async () => {
  const world = await GroupWorld.start();
  const { ids } = await world.stableGroup(2);
  const first = world.join({ memberId: ids[0] });
  const second = world.join({ memberId: ids[0] });
  assert.equal((await first).errorCode, 'REBALANCE_IN_PROGRESS');
  await world.join({ memberId: ids[1] });
  assert.equal((await second).errorCode, 'NONE');
});

test('members leave by themselves, several at once, and the others rebalance once', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(3);
  const { errorCode, members } = await world.leave(ids[1], 'made-up', ids[2], ids[2]);
  assert.equal(errorCode, 'NONE');
  assert.deepEqual(
    members?.map((member) => member.errorCode),
    ['NONE', 'UNKNOWN_MEMBER_ID', 'NONE', 'UNKNOWN_MEMBER_ID'],
  );
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  assert.equal((await world.join({ memberId: ids[0] })).generationId, generation + 1);
});

test('the last to leave empties the group; a group that is not there knows no member', async () => {
  const world = await GroupWorld.start();
  const { ids } = await world.stableGroup(1);
  await world.leave(ids[0]);
  assert.equal(world.state(), 'Empty');
  const nowhere = await world.groups.leave('nowhere', [{ memberId: 'x', groupInstanceId: null, reason: null }]);
  assert.equal(nowhere.members?.[0].errorCode, 'UNKNOWN_MEMBER_ID');
});

test('whoever has an id and does not need it any more may leave too', async () => {
  const world = await GroupWorld.start();
  const { memberId } = await world.join();
  assert.equal((await world.leave(memberId)).members?.[0].errorCode, 'NONE');
  assert.equal(world.state(), 'Dead');
});

test('an id that is still on its way back holds up the others’ join, until its session ends', async () => {
  const world = await GroupWorld.start();
  const { ids } = await world.stableGroup(1);
  await world.join();
  const joined = world.join({ memberId: ids[0], sessionTimeoutMs: 30_000 });
  await world.clock.advanceAndIdle(9_999);
  assert.equal(world.state(), 'PreparingRebalance');
  await world.clock.advanceAndIdle(1);
  assert.equal((await joined).errorCode, 'NONE');
});

test('a full group takes nobody new, and keeps whom it has', async () => {
  const world = await GroupWorld.start({ 'group.max.size': '2' });
  const { ids } = await world.stableGroup(2);
  assert.equal((await world.join()).errorCode, 'GROUP_MAX_SIZE_REACHED');
  const again = ids.map((memberId) => world.join({ memberId }));
  const [one, two] = await Promise.all(again);
  assert.deepEqual([one.errorCode, two.errorCode], ['NONE', 'NONE']);
});

test('names that no record could hold are refused, and a client id is cut', async () => {
  const world = await GroupWorld.start();
  const long = 'ü'.repeat(20_000);
  assert.equal((await world.join({ groupId: long })).errorCode, 'INVALID_GROUP_ID');
  assert.equal((await world.join({ groupInstanceId: long })).errorCode, 'INVALID_REQUEST');
  assert.equal((await world.join({ protocols: protocols(long) })).errorCode, 'INVALID_REQUEST');
  assert.equal((await world.join({ protocolType: long })).errorCode, 'INVALID_REQUEST');
  assert.equal(await world.commit(1, { groupId: long }), 'INVALID_GROUP_ID');
  assert.equal(world.groups.list([], []).groups.length, 0);
  const { ids } = await world.stableGroup(1, { clientId: long });
  assert.ok(ids[0].length < 11_000);
  await world.restart();
  assert.equal(world.state(), 'Stable');
});
