/** What administrators see of groups, and may do to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP, GroupWorld, subscriptionTo } from './group-world.js';

test('a stable group shows its members with what they offered and were given', async () => {
  const world = await GroupWorld.start();
  const { ids } = await world.stableGroup(2, { clientId: 'filebeat' });
  const { groupState, protocolType, protocolData, members } = world.groups.describe(GROUP, 'NONE');
  assert.deepEqual([groupState, protocolType, protocolData], ['Stable', 'consumer', 'range']);
  assert.deepEqual(members[0], {
    memberId: ids[0],
    groupInstanceId: null,
    clientId: 'filebeat',
    clientHost: '/127.0.0.1',
    memberMetadata: subscriptionTo('logs'),
    memberAssignment: Buffer.from('part 0'),
  });
});

test('outside a stable generation there is nothing to show but the members', async () => {
  const world = await GroupWorld.start();
  await world.stableGroup(1);
  await world.enter();
  const { groupState, protocolData, members } = world.groups.describe(GROUP, 'NONE');
  assert.deepEqual([groupState, protocolData], ['PreparingRebalance', '']);
  assert.deepEqual(
    members.map((member) => [member.memberMetadata.length, member.memberAssignment.length]),
    [
      [0, 0],
      [0, 0],
    ],
  );
});

test('a group that is not there is Dead', async () => {
  const world = await GroupWorld.start();
  assert.deepEqual(
    [world.groups.describe('nowhere', 'NONE').errorCode, world.groups.describe('nowhere', 'NONE').groupState],
    ['NONE', 'Dead'],
  );
  const newer = world.groups.describe('nowhere', 'GROUP_ID_NOT_FOUND');
  assert.deepEqual([newer.errorCode, newer.errorMessage], ['GROUP_ID_NOT_FOUND', 'Group nowhere not found.']);
});

test('groups are listed by state and type, whatever the case', async () => {
  const world = await GroupWorld.start();
  await world.stableGroup(1);
  await world.commit(1, { groupId: 'simple' });
  const ids = (states: string[], types: string[]) =>
    world.groups
      .list(states, types)
      .groups.map(({ groupId }) => groupId)
      .sort();
  assert.deepEqual(ids([], []), [GROUP, 'simple']);
  assert.deepEqual(ids(['stable'], []), [GROUP]);
  assert.deepEqual(ids(['EMPTY', 'Dead'], ['Classic']), ['simple']);
  assert.deepEqual(ids([], ['consumer']), []);
  const listed = world.groups.list(['Stable'], []).groups[0];
  assert.deepEqual(listed, { groupId: GROUP, protocolType: 'consumer', groupState: 'Stable', groupType: 'classic' });
});

test('only empty groups can be deleted, and they stay deleted', async () => {
  const world = await GroupWorld.start();
  const { ids, generation } = await world.stableGroup(1);
  await world.commit(4, { memberId: ids[0], generationIdOrMemberEpoch: generation });
  assert.equal(await world.groups.deleteGroup(GROUP), 'NON_EMPTY_GROUP');
  assert.equal(await world.groups.deleteGroup('nowhere'), 'GROUP_ID_NOT_FOUND');
  await world.leave(ids[0]);
  assert.equal(await world.groups.deleteGroup(GROUP), 'NONE');
  assert.equal(world.state(), 'Dead');
  assert.equal(await world.committed(), -1);
  await world.restart();
  assert.equal(world.state(), 'Dead');
  assert.equal(await world.committed(), -1);
});

test('a deleted group can be made again', async () => {
  const world = await GroupWorld.start();
  await world.commit(4);
  await world.groups.deleteGroup(GROUP);
  const { generation } = await world.stableGroup(2);
  assert.equal(generation, 1);
  await world.restart();
  assert.equal(world.state(), 'Stable');
});
