/** What groups keep over restarts and failing disks: nothing is acknowledged that is not in the log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../base/fake-clock.js';
import { GROUP, GroupWorld, subscriptionTo, topicToCommit } from './group-world.js';

test('members, generation and parts survive a restart, and members go on as if nothing had been', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(3);
  await world.restart();
  assert.equal(world.state(), 'Stable');
  for (const [i, id] of ids.entries()) {
    assert.equal(world.heartbeat(id, generation), 'NONE');
    assert.equal((await world.sync(id, generation)).assignment.toString(), `part ${i}`);
  }
  assert.equal(await world.commit(8, { memberId: ids[1], generationIdOrMemberEpoch: generation }), 'NONE');
});

test('members that do not come back after a restart are missed after their session', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(2);
  await world.restart();
  await world.clock.advanceAndIdle(9_000);
  world.heartbeat(ids[0], generation);
  await world.clock.advanceAndIdle(1_000);
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  assert.equal((await world.join({ memberId: ids[0] })).generationId, generation + 1);
});

test('a rebalance under way does not survive, the generation before it does', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  const newcomer = await world.enter();
  await world.restart();
  assert.equal((await newcomer.joined).errorCode, 'COORDINATOR_NOT_AVAILABLE');
  assert.equal(world.heartbeat(ids[0], generation), 'NONE');
});

test('generations go on after the group was empty and the broker was restarted', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  await world.leave(ids[0]);
  await idle();
  await world.restart();
  assert.equal(world.state(), 'Empty');
  assert.ok((await world.stableGroup(1)).generation > generation);
});

test('before the groups are read, everyone is asked to wait', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  world.beginRestart();
  const expectLoading = async () => {
    assert.equal(world.heartbeat(ids[0], generation), 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal((await world.join()).errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal((await world.sync(ids[0], generation)).errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal((await world.leave(ids[0])).errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal(await world.commit(1), 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal((await world.groups.fetchOffsets(GROUP, null)).errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal(await world.groups.deleteGroup(GROUP), 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal(world.groups.list([], []).errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
    assert.equal(world.groups.describe(GROUP, 'NONE').errorCode, 'COORDINATOR_LOAD_IN_PROGRESS');
  };
  await expectLoading();
  world.log().unreadable = true;
  const loaded = world.groups.load();
  await world.clock.advanceAndIdle(5_000);
  await expectLoading();
  world.log().unreadable = false;
  await world.clock.advanceAndIdle(1_000);
  await loaded;
  assert.equal(world.heartbeat(ids[0], generation), 'NONE');
});

test('a commit that was lost is refused, and the offset before it counts', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  world.log().failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  assert.equal(await world.commit(2), 'COORDINATOR_NOT_AVAILABLE');
  await idle();
  assert.equal(await world.committed(), 1);
});

test('a commit whose flush failed is refused, and what the log then says counts', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  world.log().failures.push({ kind: 'kept', error: 'KAFKA_STORAGE_ERROR' });
  assert.equal(await world.commit(2), 'NOT_COORDINATOR');
  await idle();
  assert.equal(await world.committed(), 2);
});

test('what was decided on top of a lost record fails with it', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  world.log().failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  const lost = world.commit(2);
  await Promise.resolve();
  await Promise.resolve();
  const after = world.commit(3);
  assert.deepEqual(await Promise.all([lost, after]), ['COORDINATOR_NOT_AVAILABLE', 'COORDINATOR_NOT_AVAILABLE']);
  await idle();
  assert.equal(await world.committed(), 1);
});

test('other groups of the partition do not notice', async () => {
  const world = await GroupWorld.start();
  const neighbour = 'Aa'; // hashes as 'BB' does, so both live in one partition
  await world.commit(1, { groupId: neighbour });
  await world.commit(1, { groupId: 'BB' });
  const [log] = world.logs.values();
  log.failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  log.unreadable = true;
  const failed = world.commit(2, { groupId: 'BB' });
  assert.equal(await failed, 'COORDINATOR_NOT_AVAILABLE');
  assert.equal(await world.commit(3, { groupId: 'BB' }), 'COORDINATOR_LOAD_IN_PROGRESS');
  assert.equal(await world.commit(5, { groupId: neighbour }), 'NONE');
  log.unreadable = false;
  await world.clock.advanceAndIdle(1_000);
  assert.equal(await world.committed('logs', 0, 'BB'), 1);
  assert.equal(await world.committed('logs', 0, neighbour), 5);
});

test('an assignment that was lost reaches nobody; members join again under a higher generation', async () => {
  const world = await GroupWorld.start();
  const joining = [world.join({ version: 3 }), world.join({ version: 3 })];
  await world.clock.advanceAndIdle(0);
  const [leader, follower] = await Promise.all(joining);
  world.log().failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  const waiting = world.sync(follower.memberId, 1);
  const own = await world.sync(leader.memberId, 1, { [leader.memberId]: 'mine' });
  assert.equal(own.errorCode, 'COORDINATOR_NOT_AVAILABLE');
  assert.equal((await waiting).errorCode, 'COORDINATOR_NOT_AVAILABLE');
  await idle();
  assert.equal(world.heartbeat(leader.memberId, 1), 'UNKNOWN_MEMBER_ID');
});

test('a generation that some member was told of is never given out again', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  const again = await world.join({ memberId: ids[0] });
  assert.equal(again.generationId, generation + 1);
  world.log().failures.push({ kind: 'lost', error: 'NOT_ENOUGH_REPLICAS' });
  assert.equal((await world.sync(ids[0], generation + 1)).errorCode, 'COORDINATOR_NOT_AVAILABLE');
  await idle();
  assert.equal((await world.sync(ids[0], generation + 1)).errorCode, 'ILLEGAL_GENERATION');
  assert.equal((await world.join({ memberId: ids[0] })).generationId, generation + 2);
});

test('a group that outgrows a batch says so instead of failing for ever after', async () => {
  const world = await GroupWorld.start({ 'message.max.bytes': '5000' });
  const protocols = [{ name: 'range', metadata: Buffer.alloc(6_000) }];
  const joining = world.join({ version: 3, protocols });
  await world.clock.advanceAndIdle(0);
  const { memberId } = await joining;
  assert.equal((await world.sync(memberId, 1)).errorCode, 'UNKNOWN_SERVER_ERROR');
  await idle();
  assert.equal(world.state(), 'Dead');
  assert.equal((await world.stableGroup(1)).generation, 1);
});

test('a record that nobody understands costs only itself', async () => {
  const world = await GroupWorld.start();
  await world.commit(1);
  const key = Buffer.from([0, 2, 0, 7, ...Buffer.from(GROUP)]);
  world.log().records.push({ key, value: Buffer.from([0, 99, 1]) });
  world.log().records.push({ key: Buffer.from([0, 3, 0, 1, 65]), value: Buffer.from([0, 0]) });
  world.log().records.push({ key: null, value: null });
  await world.commit(2);
  await world.restart();
  assert.equal(await world.committed(), 2);
});

test('closing answers who waits, and waits for what was decided', async () => {
  const world = await GroupWorld.start({ 'group.initial.rebalance.delay.ms': '3000' });
  const joining = world.join({ version: 3, protocols: [{ name: 'range', metadata: subscriptionTo('logs') }] });
  const commit = world.commit(1, { groupId: 'simple' });
  await world.groups.close();
  assert.equal((await joining).errorCode, 'COORDINATOR_NOT_AVAILABLE');
  assert.equal(await commit, 'NONE');
  assert.equal(await world.commit(2, { topics: [topicToCommit('logs', 0, 2)] }), 'COORDINATOR_NOT_AVAILABLE');
  assert.equal(world.clock.pending, 0);
});
