/** Groups that go from one protocol to the other while members are in them, rule by rule. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../base/fake-clock.js';
import { ClassicClient } from './classic-client.js';
import { ConsumerClient, heartbeat } from './consumer-client.js';
import { GROUP, GroupWorld, subscriptionTo } from './group-world.js';

const POLICY = 'group.consumer.migration.policy';

type Client = ClassicClient | ConsumerClient;

/** Every client does its next step, an interval apart. */
async function live(world: GroupWorld, clients: readonly Client[], rounds = 1): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const client of clients) {
      if (client instanceof ConsumerClient) await client.beat();
      else void client.step();
      await idle();
    }
    await world.clock.advanceAndIdle(3_000);
  }
}

function typeOf(world: GroupWorld): string {
  return world.groups.list([], []).groups.find(({ groupId }) => groupId === GROUP)?.groupType ?? 'none';
}

function checkShared(...clients: readonly Client[]): void {
  const all = clients.flatMap(({ has }) => has.split(' ')).filter((partition) => partition !== '');
  assert.deepEqual(all.sort(), ['logs:0', 'logs:1', 'logs:2', 'logs:3']);
}

for (const cooperative of [false, true]) {
  const kind = cooperative ? 'cooperative' : 'eager';

  test(`${kind} members are upgraded and downgraded one after the other`, async () => {
    const world = await GroupWorld.start();
    const old = ['a', 'b'].map((name) => new ClassicClient(world, { name, cooperative }));
    await live(world, old, 6);
    checkShared(...old);
    const generation = old[0].generation;
    const first = new ConsumerClient(world);
    await live(world, [...old, first], 6);
    assert.equal(typeOf(world), 'consumer');
    checkShared(...old, first);
    assert.ok(first.epoch > generation, 'epochs go on where generations were');
    const { groupState, members } = world.groups.describeConsumerGroup(GROUP);
    assert.equal(groupState, 'Stable');
    assert.deepEqual(members.map(({ memberType }) => memberType).sort(), [0, 0, 1]);
    await world.restart();
    await live(world, [...old, first], 2);
    checkShared(...old, first);

    const second = new ConsumerClient(world);
    assert.equal(await old[0].leave(), 'NONE');
    await live(world, [old[1], first, second], 6);
    checkShared(old[1], first, second);
    assert.equal(await old[1].leave(), 'NONE');
    await live(world, [first, second], 6);
    checkShared(first, second);
    assert.equal(typeOf(world), 'consumer');

    const back = new ClassicClient(world, { name: 'c', cooperative });
    await live(world, [first, second, back], 6);
    checkShared(first, second, back);
    assert.equal(await first.leave(), 'NONE');
    await live(world, [second, back], 6);
    assert.equal(typeOf(world), 'consumer');
    const epoch = world.groups.describeConsumerGroup(GROUP).groupEpoch;
    assert.equal(await second.leave(), 'NONE');
    assert.equal(typeOf(world), 'classic');
    await live(world, [back], 6);
    assert.equal(world.state(), 'Stable');
    assert.ok(back.generation > epoch, 'generations go on where epochs were');
    checkShared(back);
    await world.restart();
    await live(world, [back], 1);
    assert.equal(world.state(), 'Stable');
  });
}

test('the last member of the new protocol is gone by its session: the others are a classic group', async () => {
  const world = await GroupWorld.start();
  const old = new ClassicClient(world, { name: 'a' });
  const modern = new ConsumerClient(world);
  await live(world, [old, modern], 6);
  assert.equal(typeOf(world), 'consumer');
  await live(world, [old], 20);
  assert.equal(typeOf(world), 'classic');
  checkShared(old);
});

test('what was committed before is there after, and whoever is in the group may commit', async () => {
  const world = await GroupWorld.start();
  const old = new ClassicClient(world, { name: 'a' });
  await live(world, [old], 4);
  assert.equal(await old.commit(0, 10), 'NONE');
  const modern = new ConsumerClient(world);
  await modern.beat();
  assert.equal(await world.committed(), 10);
  assert.equal(await old.commit(0, 11), 'NONE', 'in the epoch that was its generation');
  await live(world, [old, modern], 6);
  assert.equal(await old.commit(0, 12), 'NONE');
  old.generation--;
  assert.equal(await old.commit(0, 13), 'ILLEGAL_GENERATION');
  old.generation++;
  await modern.leave();
  await live(world, [old], 6);
  assert.equal(await world.committed(), 12);
  assert.equal(await old.commit(0, 14), 'NONE');
});

test('what waits in a classic group when it is upgraded is told to join again', async () => {
  const world = await GroupWorld.start();
  const old = new ClassicClient(world, { name: 'a' });
  await live(world, [old], 4);
  const joining = world.enter();
  await idle();
  const modern = new ConsumerClient(world);
  assert.equal(await modern.beat(), 'NONE');
  const { memberId, joined } = await joining;
  assert.equal((await joined).errorCode, 'REBALANCE_IN_PROGRESS');
  const again = await world.join({ memberId });
  assert.deepEqual([again.errorCode, again.leader, again.members], ['NONE', '', []]);
  assert.equal(again.protocolName, 'range');
  assert.equal(world.heartbeat(old.memberId, old.generation), 'REBALANCE_IN_PROGRESS');
});

test('a member of the classic protocol has its rebalance timeout to join again, and to sync', async () => {
  const world = await GroupWorld.start();
  const late = new ClassicClient(world, { name: 'late', rebalanceTimeoutMs: 12_000 });
  const modern = new ConsumerClient(world);
  await live(world, [late, modern], 6);
  const { memberId, generation } = late;
  const other = new ConsumerClient(world);
  for (let round = 0; round < 4; round++) {
    await live(world, [modern, other], 1);
    world.heartbeat(memberId, generation);
  }
  assert.equal(world.heartbeat(memberId, generation), 'REBALANCE_IN_PROGRESS');
  await live(world, [modern, other], 1);
  assert.equal(world.heartbeat(memberId, generation), 'UNKNOWN_MEMBER_ID');

  late.crash();
  await late.step();
  await late.step();
  assert.equal(late.phase, 'joined');
  for (let round = 0; round < 4; round++) {
    await live(world, [modern, other], 1);
    world.heartbeat(late.memberId, late.generation);
  }
  assert.equal(
    world.heartbeat(late.memberId, late.generation),
    'UNKNOWN_MEMBER_ID',
    'it never asked what it was given',
  );
});

test('static members change protocol under their names, without a rebalance', async () => {
  const world = await GroupWorld.start();
  const names = ['one', 'two'];
  const old = names.map((name) => new ClassicClient(world, { name, instanceId: name }));
  await live(world, old, 6);
  const had = old[0].has;
  const one = new ConsumerClient(world, { instanceId: 'one' });
  await live(world, [one, old[1]], 6);
  assert.equal(one.has, had);
  assert.equal(world.heartbeat(old[0].memberId, old[0].generation, 'one'), 'FENCED_INSTANCE_ID');
  checkShared(one, old[1]);
  const again = new ClassicClient(world, { name: 'one', instanceId: 'one' });
  await live(world, [again, old[1]], 6);
  assert.equal(typeOf(world), 'classic', 'the last of the new protocol was replaced');
  checkShared(again, old[1]);
  assert.equal(await one.beat(), 'GROUP_ID_NOT_FOUND');
});

test('an administrator takes members of either protocol out by their names; others only leave by their own', async () => {
  const world = await GroupWorld.start();
  const old = new ClassicClient(world, { name: 'one', instanceId: 'one' });
  const modern = [new ConsumerClient(world, { instanceId: 'two' }), new ConsumerClient(world)];
  await live(world, [old, ...modern], 6);
  const { members } = await world.groups.leave(GROUP, [
    { memberId: '', groupInstanceId: 'two', reason: null },
    { memberId: modern[1].memberId, groupInstanceId: null, reason: null },
    { memberId: 'other', groupInstanceId: 'one', reason: null },
    { memberId: '', groupInstanceId: 'three', reason: null },
  ]);
  assert.deepEqual(
    members?.map(({ errorCode }) => errorCode),
    ['NONE', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID', 'UNKNOWN_MEMBER_ID'],
  );
  assert.equal(world.groups.describeConsumerGroup(GROUP).members.length, 2);
});

test('more partitions reach groups in which only members of the classic protocol are left', async () => {
  const world = await GroupWorld.start({ [POLICY]: 'upgrade' });
  const old = new ClassicClient(world, { name: 'a' });
  const modern = new ConsumerClient(world);
  await live(world, [old, modern], 6);
  await modern.leave();
  await live(world, [old], 4);
  assert.equal(typeOf(world), 'consumer', 'the policy keeps it one');
  checkShared(old);
  world.topics.grow('logs', 5);
  await live(world, [old], 4);
  assert.equal(old.has, 'logs:0 logs:1 logs:2 logs:3 logs:4');
});

test('the policy says which way', async () => {
  for (const policy of ['downgrade', 'disabled']) {
    const world = await GroupWorld.start({ [POLICY]: policy });
    const old = new ClassicClient(world, { name: 'a' });
    await live(world, [old], 4);
    assert.equal(await new ConsumerClient(world).beat(), 'GROUP_ID_NOT_FOUND');
    await live(world, [old], 2);
    assert.equal(typeOf(world), 'classic');
    checkShared(old);
  }
});

test('a classic group whose members are no consumers, or that has too many of them, stays one', async () => {
  const world = await GroupWorld.start({ 'group.consumer.max.size': '1' });
  await world.stableGroup(1, { protocols: [{ name: 'range', metadata: Buffer.from('?') }] });
  assert.equal(await new ConsumerClient(world).beat(), 'GROUP_ID_NOT_FOUND');
  const connect = await GroupWorld.start();
  await connect.stableGroup(1, { protocolType: 'connect' });
  assert.equal(await new ConsumerClient(connect).beat(), 'GROUP_ID_NOT_FOUND');
  const crowded = await GroupWorld.start({ 'group.consumer.max.size': '1' });
  const old = ['a', 'b'].map((name) => new ClassicClient(crowded, { name }));
  await live(crowded, old, 6);
  assert.equal(await new ConsumerClient(crowded).beat(), 'GROUP_ID_NOT_FOUND');
  checkShared(...old);
});

test('what a consumer group refuses members of the classic protocol', async () => {
  const world = await GroupWorld.start({ 'group.consumer.max.size': '2' });
  const old = new ClassicClient(world, { name: 'a' });
  const modern = new ConsumerClient(world);
  await live(world, [old, modern], 6);
  const range = { name: 'range', metadata: subscriptionTo('logs') };
  const joinError = async (request: Parameters<GroupWorld['join']>[0]) => (await world.join(request)).errorCode;
  assert.equal(await joinError({ protocolType: 'connect' }), 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal(await joinError({ protocols: [{ ...range, name: 'sticky' }] }), 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal(await joinError({ protocols: [] }), 'INCONSISTENT_GROUP_PROTOCOL');
  assert.equal(await joinError({ protocols: [{ ...range, metadata: Buffer.from('?') }] }), 'INVALID_REQUEST');
  assert.equal(await joinError({ protocols: [range] }), 'GROUP_MAX_SIZE_REACHED');
  assert.equal(await joinError({ memberId: 'x', groupInstanceId: 'x' }), 'UNKNOWN_MEMBER_ID');
  assert.equal(await joinError({ sessionTimeoutMs: 1 }), 'INVALID_SESSION_TIMEOUT');
  assert.equal(world.heartbeat(modern.memberId, modern.epoch), 'UNKNOWN_MEMBER_ID', 'it speaks the other protocol');
  assert.equal(world.heartbeat(old.memberId, old.generation + 1), 'ILLEGAL_GENERATION');
  assert.equal((await world.sync(old.memberId, old.generation + 1)).errorCode, 'ILLEGAL_GENERATION');
  const sync = {
    ...{ groupId: GROUP, generationId: old.generation, memberId: old.memberId },
    ...{ groupInstanceId: null, assignments: [] },
  };
  const wrongType = { ...sync, protocolType: 'connect', protocolName: 'range' };
  const wrongName = { ...sync, protocolType: 'consumer', protocolName: 'sticky' };
  for (const wrong of [wrongType, wrongName]) {
    assert.equal((await world.groups.sync(wrong)).errorCode, 'INCONSISTENT_GROUP_PROTOCOL');
  }
  const stale = await heartbeat(world, { memberId: old.memberId, memberEpoch: old.generation + 1 });
  assert.equal(stale.errorCode, 'FENCED_MEMBER_EPOCH');
});

test('a member of the old days of JoinGroup is admitted at once', async () => {
  const world = await GroupWorld.start();
  const modern = new ConsumerClient(world);
  await modern.beat();
  const joined = await world.join({ version: 3 });
  assert.equal(joined.errorCode, 'NONE');
  const { errorCode } = await world.sync(joined.memberId, joined.generationId ?? -1);
  assert.equal(errorCode, 'NONE');
  assert.equal(world.heartbeat(joined.memberId, joined.generationId ?? -1), 'NONE');
});
