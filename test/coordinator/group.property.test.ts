/** Whatever consumers, disks and restarts do: nobody shares a partition, nothing acknowledged is lost, nobody is stuck. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../property.js';
import { GroupWorld } from './group-world.js';
import { PARTITIONS, SimConsumer, Witness } from './sim-consumer.js';

const CONSUMERS = 4;

type Action =
  | { readonly kind: 'step'; readonly consumer: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'commit'; readonly consumer: number; readonly partition: number }
  | { readonly kind: 'crash' | 'pause' | 'leave' | 'start'; readonly consumer: number }
  | { readonly kind: 'fail'; readonly how: 'lost' | 'kept' }
  | { readonly kind: 'restart' | 'everyone' };

const consumer = fc.nat({ max: CONSUMERS - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('step' as const), consumer }) },
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(0, 100, 3_000, 12_000) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      consumer,
      partition: fc.nat({ max: PARTITIONS - 1 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'pause' as const, 'leave' as const), consumer }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('start' as const), consumer }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), how: fc.constantFrom('lost', 'kept') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 20, arbitrary: fc.record({ kind: fc.constant('everyone' as const) }) },
);

async function perform(world: GroupWorld, witness: Witness, consumers: SimConsumer[], action: Action, offset: number) {
  switch (action.kind) {
    case 'step':
      consumers[action.consumer].step();
      return;
    case 'pass':
      await world.clock.advanceAndIdle(action.ms);
      return;
    case 'commit':
      void consumers[action.consumer].commit(action.partition, offset);
      return;
    case 'crash':
      consumers[action.consumer].crash();
      return;
    case 'pause':
      consumers[action.consumer].stop(false);
      return;
    case 'leave':
      consumers[action.consumer].stop(true);
      return;
    case 'start':
      consumers[action.consumer].stopped = false;
      return;
    case 'fail':
      world.log().failures.push({ kind: action.how, error: 'NOT_ENOUGH_REPLICAS' });
      return;
    case 'everyone':
      await live(world, consumers, 1);
      return;
    case 'restart':
      await world.clock.advanceAndIdle(0);
      await world.restart();
      await checkCommits(world, witness);
  }
}

async function checkCommits(world: GroupWorld, witness: Witness): Promise<void> {
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const found = await world.committed('logs', partition);
    const allowed = [witness.acknowledged.get(partition) ?? -1, ...(witness.doubtful.get(partition) ?? [])];
    assert.ok(allowed.includes(found), `partition ${partition} has ${found}, not one of ${allowed}`);
  }
}

/** Every consumer keeps doing its next step, a heartbeat interval apart. */
async function live(world: GroupWorld, consumers: readonly SimConsumer[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const each of consumers) each.step();
    await world.clock.advanceAndIdle(3_000);
  }
}

function checkConverged(consumers: readonly SimConsumer[]): void {
  const running = consumers.filter(({ stopped }) => !stopped);
  for (const { name, phase, generation } of running) {
    assert.equal(phase, 'stable', `${name} is ${phase}`);
    assert.equal(generation, running[0].generation);
  }
  const owned = running.flatMap((each) => each.owned).sort();
  if (running.length > 0) assert.deepEqual(owned, [...Array(PARTITIONS).keys()]);
}

for (const { statics, delayMs } of [
  { statics: 0, delayMs: 0 },
  { statics: 2, delayMs: 3_000 },
]) {
  test(`random lives of ${CONSUMERS} consumers, ${statics} of them static`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 150, size: 'max' }), async (actions) => {
        const world = await GroupWorld.start({ 'group.initial.rebalance.delay.ms': String(delayMs) });
        const witness = new Witness();
        const consumers = Array.from(
          { length: CONSUMERS },
          (_, i) => new SimConsumer(world, witness, `c${i}`, i < statics ? `instance-${i}` : null),
        );
        for (const [i, next] of actions.entries()) await perform(world, witness, consumers, next, i + 1);
        world.log().failures.length = 0;
        await live(world, consumers, 40);
        assert.deepEqual(witness.complaints, []);
        checkConverged(consumers);
        await checkCommits(world, witness);
        await world.restart();
        await live(world, consumers, 1);
        checkConverged(consumers);
        await checkCommits(world, witness);
      }),
      { numRuns: 150 },
    );
  });
}
