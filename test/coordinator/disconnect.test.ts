/** Members whose connections close: with `group.leave.on.disconnect` they are gone at once, without it when their sessions end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { consumerGroupHeartbeatHandler } from '../../src/handlers/68-consumer-group-heartbeat.js';
import type { RequestContext, Services } from '../../src/handlers/handler.js';
import { idle } from '../base/fake-clock.js';
import { ConsumerClient } from './consumer-client.js';
import { GROUP, GroupWorld } from './group-world.js';

const AT_ONCE = { 'group.leave.on.disconnect': 'true' };

/** A connection that can be closed. */
class Line {
  private readonly controller = new AbortController();

  get closed(): AbortSignal {
    return this.controller.signal;
  }

  close(): void {
    this.controller.abort();
  }
}

function members(world: GroupWorld): string[] {
  return world.groups.describe(GROUP, 'NONE').members.map(({ memberId }) => memberId);
}

test('a classic member goes with its connection, and the others rebalance', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const { ids, generation } = await world.stableGroup(2);
  const lines = ids.map((id) => {
    const line = new Line();
    world.groups.heardOver(GROUP, id, line);
    return line;
  });
  lines[1].close();
  assert.deepEqual(members(world), [ids[0]]);
  assert.equal(world.heartbeat(ids[0], generation), 'REBALANCE_IN_PROGRESS');
  assert.equal(world.heartbeat(ids[1], generation), 'UNKNOWN_MEMBER_ID');
});

test('one that came back over another connection stays', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const { ids } = await world.stableGroup(1);
  const [old, current] = [new Line(), new Line()];
  world.groups.heardOver(GROUP, ids[0], old);
  world.groups.heardOver(GROUP, ids[0], current);
  old.close();
  assert.deepEqual(members(world), ids);
  current.close();
  assert.deepEqual(members(world), []);
});

test('a connection that speaks for another member now no longer stands for the one before', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const { ids } = await world.stableGroup(2);
  const line = new Line();
  world.groups.heardOver(GROUP, ids[0], line);
  world.groups.heardOver(GROUP, ids[1], line);
  line.close();
  assert.deepEqual(members(world), [ids[0]]);
});

test('one whose connection closed before it was answered goes as well', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const { ids } = await world.stableGroup(1);
  const line = new Line();
  line.close();
  world.groups.heardOver(GROUP, ids[0], line);
  assert.deepEqual(members(world), []);
});

test('static members, and all where the setting is off, have their session timeout', async () => {
  for (const [overrides, groupInstanceId] of [
    [AT_ONCE, 'one'],
    [{}, null],
  ] as const) {
    const world = await GroupWorld.start(overrides);
    const joining = world.join({ version: 3, groupInstanceId });
    await world.clock.advanceAndIdle(0);
    const { memberId } = await joining;
    const line = new Line();
    world.groups.heardOver(GROUP, memberId, line);
    line.close();
    assert.deepEqual(members(world), [memberId]);
    await world.clock.advanceAndIdle(70_000);
    assert.deepEqual(members(world), []);
  }
});

test('a member of a consumer group goes with the connection of its heartbeats', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const other = new ConsumerClient(world);
  await other.beat();
  const line = new Line();
  const memberId = 'AAAAAAAAAAAAAAAAAAAAAA';
  const context = {
    ...{ connectionId: 1, apiVersion: 1, clientId: 'c', clientHost: '/127.0.0.1', listener: 'PLAINTEXT' },
    ...{ localHost: '127.0.0.1', localPort: 9092, closed: line.closed },
  } satisfies RequestContext;
  const request = {
    ...{ groupId: GROUP, memberId, memberEpoch: 0, instanceId: null, rackId: null, rebalanceTimeoutMs: 30_000 },
    ...{ subscribedTopicNames: ['logs'], subscribedTopicRegex: null, serverAssignor: null, topicPartitions: [] },
  };
  const services = { groups: world.groups } as unknown as Services;
  const answer = await consumerGroupHeartbeatHandler.handle(request, context, services);
  assert.equal(answer?.errorCode, 'NONE');
  const memberIds = () => world.groups.describeConsumerGroup(GROUP).members.map((member) => member.memberId);
  assert.deepEqual(memberIds().sort(), [memberId, other.memberId].sort());
  line.close();
  await idle();
  assert.deepEqual(memberIds(), [other.memberId]);
});

test('nobody is taken out when the broker closes its connections', async () => {
  const world = await GroupWorld.start(AT_ONCE);
  const { ids } = await world.stableGroup(1);
  const line = new Line();
  world.groups.heardOver(GROUP, ids[0], line);
  await world.groups.close();
  line.close();
  await world.restart();
  assert.deepEqual(members(world), ids);
});
