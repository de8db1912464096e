/** Whatever consumers of KIP-848, topics, disks and restarts do: nobody shares a partition, epochs rise, everything is assigned in the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../base/fake-clock.js';
import { fc } from '../property.js';
import { ConsumerClient } from './consumer-client.js';
import { GROUP, GroupWorld } from './group-world.js';

const SUBSCRIPTIONS = [
  { topics: ['logs'] },
  { topics: ['logs', 'other'], assignor: 'uniform' },
  { regex: 'app-.*', topics: ['logs'], assignor: 'range' },
  { regex: '(app-1|other)', assignor: 'range' },
];
const STATICS = 2;

type Action =
  | {
      readonly kind: 'beat' | 'beatLater' | 'crash' | 'leave' | 'stop' | 'start' | 'slow' | 'quick';
      readonly who: number;
    }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'fail'; readonly how: 'lost' | 'kept' }
  | { readonly kind: 'topic'; readonly name: string; readonly partitions: number }
  | { readonly kind: 'everyone' | 'restart' };

const who = fc.nat({ max: SUBSCRIPTIONS.length - 1 });
const of = <K extends Action['kind']>(weight: number, kind: K, rest: Record<string, fc.Arbitrary<unknown>> = {}) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), ...rest }) as fc.Arbitrary<Action>,
});
const action: fc.Arbitrary<Action> = fc.oneof(
  of(30, 'beat', { who }),
  of(10, 'beatLater', { who }),
  of(10, 'pass', { ms: fc.constantFrom(0, 1_000, 5_000, 20_000, 46_000) }),
  of(4, 'crash', { who }),
  of(4, 'leave', { who }),
  of(3, 'stop', { who }),
  of(5, 'start', { who }),
  of(4, 'slow', { who }),
  of(4, 'quick', { who }),
  of(3, 'fail', { how: fc.constantFrom('lost', 'kept') }),
  of(4, 'topic', { name: fc.constantFrom('app-1', 'app-2', 'other'), partitions: fc.nat({ max: 5 }) }),
  of(2, 'restart'),
  of(15, 'everyone'),
);

class Stage {
  readonly clients: ConsumerClient[];
  readonly stopped = new Set<ConsumerClient>();
  private epoch = 0;

  constructor(readonly world: GroupWorld) {
    this.clients = SUBSCRIPTIONS.map(
      (options, i) =>
        new ConsumerClient(world, { ...options, rebalanceTimeoutMs: 15_000, instanceId: i < STATICS ? `i${i}` : null }),
    );
  }

  get running(): ConsumerClient[] {
    return this.clients.filter((client) => !this.stopped.has(client));
  }

  /** Of members only: one that was silent for so long that it is out has yet to learn that it owns nothing. */
  check(): void {
    const members = new Map(this.described().members.map((member) => [member.memberId, member]));
    const owners = new Map<string, string>();
    for (const client of this.running) {
      if (!members.has(client.memberId)) continue;
      for (const partition of client.owned) {
        // What it has yet to give back is still its own.
        assert.equal(owners.get(partition), undefined, `${partition} has two owners`);
        owners.set(partition, client.memberId);
      }
    }
    const { groupEpoch, assignmentEpoch } = this.described();
    if (groupEpoch === 0) this.epoch = 0;
    assert.ok(groupEpoch >= this.epoch, `group epoch ${groupEpoch} after ${this.epoch}`);
    assert.ok(assignmentEpoch <= groupEpoch);
    this.epoch = groupEpoch;
  }

  described() {
    return this.world.groups.describeConsumerGroup(GROUP);
  }

  async perform(action: Action): Promise<void> {
    const client = 'who' in action ? this.clients[action.who] : null;
    const isRunning = client !== null && !this.stopped.has(client);
    switch (action.kind) {
      case 'beat':
        if (isRunning) await client.beat();
        return;
      case 'beatLater':
        // Its answer comes while others go on; it waits for it before the next, as clients do.
        if (isRunning) await Promise.all([client.beat(), this.running.find((other) => other !== client)?.beat()]);
        return;
      case 'crash':
        if (isRunning) client.crash();
        return;
      case 'leave':
        if (isRunning) await client.leave(client.options.instanceId !== null);
        return;
      case 'stop':
        client?.crash();
        if (client) this.stopped.add(client);
        return;
      case 'start':
        if (client) this.stopped.delete(client);
        return;
      case 'slow':
        if (client) client.slow = true;
        return;
      case 'quick':
        if (client) client.slow = false;
        return;
      case 'pass':
        await this.world.clock.advanceAndIdle(action.ms);
        return;
      case 'fail':
        this.world.log().failures.push({ kind: action.how, error: 'NOT_ENOUGH_REPLICAS' });
        return;
      case 'topic': {
        const { name, partitions } = action;
        const topic = this.world.topics.get(name);
        if (partitions === 0) this.world.topics.delete(name);
        else if (!topic) this.world.topics.add(name, partitions);
        else if (topic.partitions.length < partitions) this.world.topics.grow(name, partitions);
        return;
      }
      case 'everyone':
        for (const each of this.running) await each.beat();
        await this.world.clock.advanceAndIdle(5_000);
        return;
      case 'restart':
        await idle();
        await this.world.restart();
    }
  }

  /** Everyone heartbeats, nothing fails any more. */
  async settle(): Promise<void> {
    this.world.log().failures.length = 0;
    for (const client of this.clients) client.slow = false;
    for (let round = 0; round < 25; round++) await this.perform({ kind: 'everyone' });
  }

  checkSettled(): void {
    const group = this.described();
    if (this.running.length === 0) {
      assert.ok(group.members.length === 0);
      return;
    }
    assert.equal(group.groupState, 'Stable');
    assert.equal(group.groupEpoch, group.assignmentEpoch);
    assert.equal(group.members.length, this.running.length);
    const expected = new Set<string>();
    for (const { options } of this.running) {
      for (const { id, name, partitions } of this.world.topics.all()) {
        const isRead = options.topics?.includes(name) || (options.regex && RegExp(`^(${options.regex})$`).test(name));
        if (isRead) for (const { index } of partitions) expected.add(`${id}:${index}`);
      }
    }
    const owned = this.running.flatMap((client) => [...client.owned]).sort();
    assert.deepEqual(owned, [...expected].sort());
    for (const { epoch } of this.running) assert.equal(epoch, group.groupEpoch);
  }
}

test('random lives of consumers, topics and brokers', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 120, size: 'max' }), async (actions) => {
      const stage = new Stage(await GroupWorld.start());
      for (const each of actions) {
        await stage.perform(each);
        await idle();
        stage.check();
      }
      await stage.settle();
      stage.checkSettled();
      const before = stage.described();
      await stage.world.restart();
      assert.deepEqual(stage.described(), before);
      await stage.perform({ kind: 'everyone' });
      stage.checkSettled();
      const unknown = stage.clients.flatMap(({ errors }) => errors).filter((error) => !EXPECTED_ERRORS.has(error));
      assert.deepEqual(unknown, []);
    }),
    { numRuns: 100 },
  );
});

const EXPECTED_ERRORS = new Set([
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
  'UNRELEASED_INSTANCE_ID',
  'GROUP_ID_NOT_FOUND',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
]);
