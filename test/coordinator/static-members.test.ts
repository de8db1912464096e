/** Static members (KIP-345): away and back without a rebalance, and never twice at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GroupWorld, subscriptionTo } from './group-world.js';

async function stableStatics(world: GroupWorld, ...instances: string[]) {
  const joining = instances.map((groupInstanceId) => world.join({ groupInstanceId }));
  await world.clock.advanceAndIdle(0);
  const joined = await Promise.all(joining);
  const assignments = Object.fromEntries(joined.map(({ memberId }, i) => [memberId, `part ${i}`]));
  await Promise.all(
    joined.map(({ memberId, leader }, i) =>
      world.sync(memberId, 1, memberId === leader ? assignments : {}, instances[i]),
    ),
  );
  return joined.map(({ memberId }) => memberId);
}

test('a static member is admitted at once, under an id made of its instance', async () => {
  const world = await GroupWorld.start();
  const [id] = await stableStatics(world, 'one');
  assert.match(id, /^one-[0-9a-f-]{36}$/);
});

test('coming back changes the id, fences the old one, and keeps the generation and the part', async () => {
  const world = await GroupWorld.start();
  const [, old] = await stableStatics(world, 'one', 'two');
  const back = await world.join({ groupInstanceId: 'two' });
  assert.deepEqual([back.errorCode, back.generationId, back.skipAssignment], ['NONE', 1, false]);
  assert.notEqual(back.memberId, old);
  assert.equal(world.state(), 'Stable');
  assert.equal(world.heartbeat(old, 1, 'two'), 'FENCED_INSTANCE_ID');
  assert.equal((await world.sync(old, 1, {}, 'two')).errorCode, 'FENCED_INSTANCE_ID');
  assert.equal((await world.join({ memberId: old, groupInstanceId: 'two' })).errorCode, 'FENCED_INSTANCE_ID');
  const fenced = { generationIdOrMemberEpoch: 1, memberId: old, groupInstanceId: 'two' };
  assert.equal(await world.commit(1, fenced), 'FENCED_INSTANCE_ID');
  assert.equal((await world.sync(back.memberId, 1, {}, 'two')).assignment.toString(), 'part 1');
  assert.equal(world.heartbeat(back.memberId, 1, 'nobody'), 'UNKNOWN_MEMBER_ID');
});

test('a leader that comes back leads on and skips the assignment, where it can be told', async () => {
  const world = await GroupWorld.start();
  const [old] = await stableStatics(world, 'one', 'two');
  const { leader, memberId, skipAssignment, members } = await world.join({ groupInstanceId: 'one' });
  assert.equal(leader, memberId);
  assert.equal(skipAssignment, true);
  assert.equal(members.length, 2);
  const older = await world.join({ groupInstanceId: 'one', version: 8 });
  assert.equal(older.leader, memberId);
  assert.notEqual(older.memberId, old);
  assert.deepEqual([older.skipAssignment, older.members], [false, []]);
});

test('an id that was given in a rebalance which a crash undid is asked to join again, and not fenced', async () => {
  const world = await GroupWorld.start();
  const [one, two] = await stableStatics(world, 'one', 'two');
  // A newcomer makes the group rebalance, and in it the second instance is started again.
  const newcomer = await world.enter();
  const back = world.join({ groupInstanceId: 'two' });
  const again = world.join({ memberId: one, groupInstanceId: 'one' });
  await Promise.all([newcomer.joined, again]);
  const { memberId, generationId = -1 } = await back;
  await world.restart();
  assert.equal((await world.sync(memberId, generationId, {}, 'two')).errorCode, 'UNKNOWN_MEMBER_ID');
  assert.equal(world.heartbeat(memberId, generationId, 'two'), 'UNKNOWN_MEMBER_ID');
  const third = await world.join({ groupInstanceId: 'two' });
  assert.deepEqual([third.errorCode, third.generationId], ['NONE', 1]);
  assert.equal((await world.sync(third.memberId, 1, {}, 'two')).assignment.toString(), 'part 1');
  // Now it is known who is the instance.
  assert.equal(world.heartbeat(memberId, 1, 'two'), 'FENCED_INSTANCE_ID');
  assert.equal(world.heartbeat(two, 1, 'two'), 'FENCED_INSTANCE_ID');
});

test('the new id survives a restart', async () => {
  const world = await GroupWorld.start();
  await stableStatics(world, 'one', 'two');
  const { memberId } = await world.join({ groupInstanceId: 'two' });
  await world.restart();
  assert.equal(world.heartbeat(memberId, 1, 'two'), 'NONE');
  assert.equal((await world.sync(memberId, 1, {}, 'two')).assignment.toString(), 'part 1');
});

test('coming back with another protocol first rebalances where that changes the choice', async () => {
  const world = await GroupWorld.start();
  const both = ['range', 'sticky'].map((name) => ({ name, metadata: subscriptionTo('logs') }));
  const joining = world.join({ groupInstanceId: 'one', protocols: both });
  await world.clock.advanceAndIdle(0);
  const { memberId } = await joining;
  await world.sync(memberId, 1, {}, 'one');
  const back = await world.join({ groupInstanceId: 'one', protocols: [...both].reverse() });
  assert.deepEqual([back.generationId, back.protocolName], [2, 'sticky']);
});

test('coming back while others wait for their assignment starts over', async () => {
  const world = await GroupWorld.start();
  const joining = [world.join({ groupInstanceId: 'one' }), world.join({ groupInstanceId: 'two' })];
  await world.clock.advanceAndIdle(0);
  const [, two] = await Promise.all(joining);
  const waiting = world.sync(two.memberId, 1, {}, 'two');
  const back = world.join({ groupInstanceId: 'one' });
  assert.equal((await waiting).errorCode, 'REBALANCE_IN_PROGRESS');
  assert.equal(world.state(), 'PreparingRebalance');
  void world.join({ memberId: two.memberId, groupInstanceId: 'two' });
  assert.equal((await back).generationId, 2);
});

test('a join under the old id that still waits is fenced', async () => {
  const world = await GroupWorld.start({ 'group.initial.rebalance.delay.ms': '3000' });
  const first = world.join({ groupInstanceId: 'one' });
  const second = world.join({ groupInstanceId: 'one' });
  assert.equal((await first).errorCode, 'FENCED_INSTANCE_ID');
  await world.clock.advanceAndIdle(3_000);
  const { errorCode, members } = await second;
  assert.equal(errorCode, 'NONE');
  assert.equal(members.length, 1);
});

test('a static member that misses a rebalance stays in the group until its session ends', async () => {
  const world = await GroupWorld.start();
  const [one, two] = await stableStatics(world, 'one', 'two');
  const keepAlive = async (ms: number) => {
    for (let at = 0; at < ms; at += 5_000) {
      await world.clock.advanceAndIdle(5_000);
      world.heartbeat(two, 1, 'two');
    }
  };
  const again = world.join({ memberId: one, groupInstanceId: 'one' });
  await keepAlive(60_000);
  const { members, generationId } = await again;
  assert.equal(generationId, 2);
  assert.equal(members.length, 2);
});

test('an administrator takes a static member out by its instance alone', async () => {
  const world = await GroupWorld.start();
  const [one] = await stableStatics(world, 'one', 'two');
  const { members } = await world.groups.leave('readers', [
    { memberId: '', groupInstanceId: 'two', reason: null },
    { memberId: '', groupInstanceId: 'three', reason: null },
    { memberId: 'other', groupInstanceId: 'one', reason: null },
  ]);
  assert.deepEqual(
    members?.map(({ errorCode }) => errorCode),
    ['NONE', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'],
  );
  assert.equal(world.heartbeat(one, 1, 'one'), 'REBALANCE_IN_PROGRESS');
});

test('a full group takes its own static member back', async () => {
  const world = await GroupWorld.start({ 'group.max.size': '2' });
  await stableStatics(world, 'one', 'two');
  assert.equal((await world.join({ groupInstanceId: 'two' })).errorCode, 'NONE');
  assert.equal((await world.join({ groupInstanceId: 'three' })).errorCode, 'GROUP_MAX_SIZE_REACHED');
});
