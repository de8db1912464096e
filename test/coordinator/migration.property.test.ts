/** Whatever members of both protocols do in one group, and disks and restarts: nobody shares a partition, no commit is lost, nobody is stuck. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idle } from '../base/fake-clock.js';
import { fc } from '../property.js';
import { ClassicClient } from './classic-client.js';
import { ConsumerClient } from './consumer-client.js';
import { GROUP, GroupWorld } from './group-world.js';

type Client = ClassicClient | ConsumerClient;

/** Members 0 and 1 speak the classic protocol, 2 and 3 the new one; 1 and 3 are static, under one and the same name where they share it. */
const CLIENTS = 4;

type Action =
  | { readonly kind: 'step' | 'crash' | 'leave' | 'stop' | 'start'; readonly who: number }
  | { readonly kind: 'commit'; readonly who: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'fail'; readonly how: 'lost' | 'kept' }
  | { readonly kind: 'everyone' | 'restart' | 'grow' };

const who = fc.nat({ max: CLIENTS - 1 });
const of = <K extends Action['kind']>(weight: number, kind: K, rest: Record<string, fc.Arbitrary<unknown>> = {}) => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), ...rest }) as fc.Arbitrary<Action>,
});
const action: fc.Arbitrary<Action> = fc.oneof(
  of(40, 'step', { who }),
  of(10, 'pass', { ms: fc.constantFrom(0, 1_000, 5_000, 16_000, 46_000) }),
  of(8, 'commit', { who }),
  of(4, 'crash', { who }),
  of(4, 'leave', { who }),
  of(5, 'stop', { who }),
  of(6, 'start', { who }),
  of(3, 'fail', { how: fc.constantFrom('lost', 'kept') }),
  of(1, 'grow'),
  of(2, 'restart'),
  of(15, 'everyone'),
);

class Stage {
  readonly clients: readonly Client[];
  readonly stopped = new Set<Client>();
  private committed = 0;
  /** What was acknowledged last, and what was asked for since and may have been kept or not. */
  private acknowledged = -1;
  private readonly doubtful = new Set<number>();

  constructor(
    readonly world: GroupWorld,
    cooperative: boolean,
    nameShared: boolean,
  ) {
    const rebalanceTimeoutMs = 15_000;
    this.clients = [
      new ClassicClient(world, { name: 'a', cooperative, rebalanceTimeoutMs }),
      new ClassicClient(world, { name: 'b', cooperative, rebalanceTimeoutMs, instanceId: 'i' }),
      new ConsumerClient(world, { rebalanceTimeoutMs }),
      new ConsumerClient(world, { rebalanceTimeoutMs, instanceId: nameShared ? 'i' : 'j' }),
    ];
    // Two that hold one name at the same time put each other out for ever, as they should.
    if (nameShared) this.stopped.add(this.clients[3]);
  }

  get running(): Client[] {
    return this.clients.filter((client) => !this.stopped.has(client));
  }

  async perform(action: Action): Promise<void> {
    const { world } = this;
    const client = 'who' in action ? this.clients[action.who] : null;
    const isRunning = client !== null && !this.stopped.has(client);
    switch (action.kind) {
      case 'step':
        if (isRunning) await step(client);
        return;
      case 'crash':
        if (isRunning) client.crash();
        return;
      case 'leave':
        if (isRunning) void client.leave();
        await idle();
        return;
      case 'stop':
        if (client) this.stop(client);
        return;
      case 'start': {
        if (!client) return;
        for (const other of this.clients) {
          const { instanceId } = other.options;
          if (other !== client && instanceId && instanceId === client.options.instanceId) this.stop(other);
        }
        this.stopped.delete(client);
        return;
      }
      case 'commit':
        if (isRunning) void this.commit(client);
        await idle();
        return;
      case 'pass':
        await world.clock.advanceAndIdle(action.ms);
        return;
      case 'fail':
        world.log().failures.push({ kind: action.how, error: 'NOT_ENOUGH_REPLICAS' });
        return;
      case 'grow': {
        const count = world.topics.get('logs')?.partitions.length ?? 0;
        if (count < 8) world.topics.grow('logs', count + 1);
        return;
      }
      case 'everyone':
        for (const each of this.running) await step(each);
        await world.clock.advanceAndIdle(3_000);
        return;
      case 'restart':
        await idle();
        await world.restart();
    }
  }

  private stop(client: Client): void {
    client.crash();
    this.stopped.add(client);
  }

  private async commit(client: Client): Promise<void> {
    const offset = ++this.committed;
    this.doubtful.add(offset);
    const error =
      client instanceof ClassicClient
        ? await client.commit(0, offset)
        : await this.world.commit(offset, { memberId: client.memberId, generationIdOrMemberEpoch: client.epoch });
    if (error !== 'NONE') return;
    for (const older of this.doubtful) if (older <= offset) this.doubtful.delete(older);
    this.acknowledged = offset;
  }

  /** Of members only: one that was silent for so long that it is out has yet to learn that it owns nothing. */
  check(): void {
    const owners = new Map<string, string>();
    for (const client of this.running) {
      if (!this.isMember(client)) continue;
      for (const partition of ownedBy(client)) {
        assert.equal(owners.get(partition), undefined, `${partition} has two owners`);
        owners.set(partition, client.memberId);
      }
    }
  }

  private isMember(client: Client): boolean {
    const { groups } = this.world;
    const group = groups.describeConsumerGroup(GROUP);
    if (group.errorCode === 'NONE') return group.members.some(({ memberId }) => memberId === client.memberId);
    if (client instanceof ConsumerClient) return false;
    // Who was given something in a generation that is over has yet to hear of the next.
    return (
      groups.describe(GROUP, 'NONE').members.some(({ memberId }) => memberId === client.memberId) &&
      client.phase === 'stable' &&
      this.world.state() === 'Stable' &&
      this.world.heartbeat(client.memberId, client.generation, client.options.instanceId ?? null) === 'NONE'
    );
  }

  /** Everyone goes on, nothing fails any more. */
  async settle(): Promise<void> {
    this.world.log().failures.length = 0;
    for (let round = 0; round < 40; round++) await this.perform({ kind: 'everyone' });
  }

  async checkSettled(): Promise<void> {
    const found = await this.world.committed();
    const allowed = [this.acknowledged, ...this.doubtful];
    assert.ok(allowed.includes(found), `${found} was committed, not one of ${allowed}`);
    if (this.running.length === 0) return;
    const types = new Set(this.running.map((client) => (client instanceof ConsumerClient ? 'consumer' : 'classic')));
    const { groupType, groupState } = this.world.groups.list([], []).groups[0];
    assert.deepEqual([groupType, groupState], [types.has('consumer') ? 'consumer' : 'classic', 'Stable']);
    const owned = this.running.flatMap((client) => [...ownedBy(client)]).sort();
    assert.deepEqual(
      owned,
      this.world.topics
        .get('logs')
        ?.partitions.map(({ index }) => `${index}`)
        .sort(),
    );
  }
}

async function step(client: Client): Promise<void> {
  if (client instanceof ConsumerClient) await client.beat();
  // Its joins wait for those of others.
  else void client.step();
  await idle();
}

/** Partitions of the one topic. */
function ownedBy(client: Client): string[] {
  return [...client.owned].map((partition) => partition.split(':')[1]);
}

/** A generation ends before its leader has dealt anything out, and the next one is dealt out by the broker. */
const untold: Action[] = [
  { kind: 'stop', who: 2 },
  { kind: 'everyone' },
  { kind: 'step', who: 1 },
  { kind: 'everyone' },
  { kind: 'step', who: 1 },
  { kind: 'leave', who: 0 },
  { kind: 'start', who: 2 },
  { kind: 'everyone' },
];

for (const { cooperative, nameShared } of [
  { cooperative: false, nameShared: false },
  { cooperative: true, nameShared: true },
]) {
  const kind = `${cooperative ? 'cooperative' : 'eager'}${nameShared ? ', a name changes hands' : ''}`;
  test(`random lives of members of both protocols (${kind})`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 100, size: 'max' }), async (actions) => {
        const stage = new Stage(await GroupWorld.start(), cooperative, nameShared);
        for (const each of actions) {
          await stage.perform(each);
          stage.check();
        }
        await stage.settle();
        await stage.checkSettled();
        await stage.world.restart();
        await stage.perform({ kind: 'everyone' });
        await stage.perform({ kind: 'everyone' });
        stage.check();
        await stage.checkSettled();
      }),
      { numRuns: 100, examples: [[untold]] },
    );
  });
}
