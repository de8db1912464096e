/** Offsets that transactions have written, in logs of Apache Kafka: they count once committed, never when aborted, and only over what is older. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { encodeGroupRecord } from '../../src/coordinator/group/group-record.js';
import { partitionOf } from '../../src/coordinator/partition-of.js';
import { idle } from '../base/fake-clock.js';
import { fc } from '../property.js';
import { GROUP, GroupWorld, OFFSETS_PARTITIONS, topicToCommit } from './group-world.js';

const MINUTE_MS = 60_000;
/** Two that live in one partition, so that one marker ends what both have written. */
const GROUPS = ['Aa', 'BB'];
const PRODUCERS = 3;
const PARTITIONS = 2;

/** What a group has, told as Apache Kafka's coordinator tells it: by where in the log each offset stands. */
class Model {
  private readonly committed = new Map<string, { offset: number; at: number }>();
  private readonly pending = new Map<number, Map<string, { offset: number; at: number }>>();
  private length = 0;

  plain(place: string, offset: number | null): void {
    const at = this.length++;
    if (offset !== null) {
      this.committed.set(place, { offset, at });
      return;
    }
    this.committed.delete(place);
    for (const places of this.pending.values()) places.delete(place);
  }

  write(producerId: number, place: string, offset: number): void {
    const places = this.pending.get(producerId) ?? new Map();
    this.pending.set(producerId, places);
    places.set(place, { offset, at: this.length++ });
  }

  end(producerId: number, commits: boolean): void {
    this.length++;
    const places = this.pending.get(producerId) ?? [];
    this.pending.delete(producerId);
    if (!commits) return;
    for (const [place, written] of places) {
      if ((this.committed.get(place)?.at ?? -1) < written.at) this.committed.set(place, written);
    }
  }

  offset(place: string): number {
    return this.committed.get(place)?.offset ?? -1;
  }

  /** Whether an end that is still to come could change the offset. */
  isUndecided(place: string): boolean {
    const at = this.committed.get(place)?.at ?? -1;
    return [...this.pending.values()].some((places) => (places.get(place)?.at ?? -1) > at);
  }
}

function offsetRecord(group: string, partition: number, offset: number | null, commitTimestampMs: number) {
  const value = { offset, leaderEpoch: -1, metadata: '', commitTimestampMs, expireTimestampMs: -1, topicId: ZERO_UUID };
  return encodeGroupRecord({
    ...{ type: 'offset', group, topic: 'logs', partition },
    value: offset === null ? null : { ...value, offset },
  });
}

type Step =
  | { readonly kind: 'plain' | 'delete'; readonly group: string; readonly partition: number }
  | { readonly kind: 'write'; readonly producer: number; readonly group: string; readonly partition: number }
  | { readonly kind: 'commit' | 'abort'; readonly producer: number };

const group = fc.constantFrom(...GROUPS);
const partition = fc.nat({ max: PARTITIONS - 1 });
const producer = fc.nat({ max: PRODUCERS - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('plain' as const), group, partition }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), group, partition }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), producer, group, partition }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'abort' as const), producer }) },
);

/** Writes the step into the log, behind the coordinator's back. */
function store(world: GroupWorld, model: Model, step: Step, offset: number): void {
  const { records } = world.log(partitionOf(GROUPS[0], OFFSETS_PARTITIONS));
  const nowMs = world.clock.nowMs();
  if (!('group' in step)) {
    const end = step.kind === 'commit' ? 'committed' : 'aborted';
    records.push({ key: null, value: null, producerId: step.producer, end });
    model.end(step.producer, step.kind === 'commit');
    return;
  }
  const place = `${step.group} ${step.partition}`;
  if ('producer' in step) {
    const { key, value } = offsetRecord(step.group, step.partition, offset, nowMs);
    records.push({ key, value, producerId: step.producer });
    model.write(step.producer, place, offset);
    return;
  }
  const written = step.kind === 'plain' ? offset : null;
  records.push(offsetRecord(step.group, step.partition, written, nowMs));
  model.plain(place, written);
}

async function fetched(world: GroupWorld, groupId: string, index: number, requireStable: boolean) {
  const asked = [{ name: 'logs', topicId: ZERO_UUID, partitionIndexes: [index] }];
  const { topics } = await world.groups.fetchOffsets(groupId, asked, { requireStable });
  const { committedOffset, errorCode } = topics[0].partitions[0];
  return errorCode === 'NONE' ? committedOffset : errorCode;
}

async function check(world: GroupWorld, model: Model): Promise<void> {
  for (const groupId of GROUPS) {
    for (let index = 0; index < PARTITIONS; index++) {
      const place = `${groupId} ${index}`;
      const offset = model.offset(place);
      assert.equal(await fetched(world, groupId, index, false), offset, place);
      const stable = model.isUndecided(place) ? 'UNSTABLE_OFFSET_COMMIT' : offset;
      assert.equal(await fetched(world, groupId, index, true), stable, place);
    }
  }
}

test('a group has what Apache Kafka says that it has, whatever transactions have written and how they ended', async () => {
  const commit = fc.record({ group, partition, fails: fc.constantFrom(null, null, 'lost' as const, 'kept' as const) });
  const lives = fc.array(fc.tuple(fc.array(step, { maxLength: 25 }), fc.array(commit, { maxLength: 4 })), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(lives, async (lives) => {
      const world = await GroupWorld.start();
      await world.commit(1, { groupId: 'somebody' });
      const model = new Model();
      let offset = 0;
      for (const [steps, commits] of lives) {
        for (const each of steps) store(world, model, each, ++offset);
        await world.restart();
        await check(world, model);
        for (const { group: groupId, partition: index, fails } of commits) {
          const log = world.log(partitionOf(groupId, OFFSETS_PARTITIONS));
          if (fails) log.failures.push({ kind: fails, error: 'NOT_ENOUGH_REPLICAS' });
          const error = await world.commit(++offset, { groupId, topics: [topicToCommit('logs', index, offset)] });
          assert.equal(error, fails ? 'COORDINATOR_NOT_AVAILABLE' : 'NONE');
          await idle();
          if (fails !== 'lost') model.plain(`${groupId} ${index}`, offset);
          await check(world, model);
        }
      }
    }),
    { numRuns: 200 },
  );
});

/** A log in which a transaction has written `offset` of logs-0 over `before`, and is open. */
async function withOpen(before: number | null, offset: number): Promise<GroupWorld> {
  const world = await GroupWorld.start();
  if (before !== null) await world.commit(before);
  const nowMs = world.clock.nowMs();
  world.log().records.push({ ...offsetRecord(GROUP, 0, offset, nowMs), producerId: 1 });
  if (before === null) await world.commit(1, { groupId: 'somebody' });
  await world.restart();
  return world;
}

test('an open transaction is waited for as long as one may last in Apache Kafka, and no longer', async () => {
  const world = await withOpen(3, 9);
  assert.equal(await fetched(world, GROUP, 0, true), 'UNSTABLE_OFFSET_COMMIT');
  assert.equal(await fetched(world, GROUP, 0, false), 3);
  const all = await world.groups.fetchOffsets(GROUP, null, { requireStable: true });
  assert.equal(all.topics[0].partitions[0].errorCode, 'UNSTABLE_OFFSET_COMMIT');
  await world.clock.advanceAndIdle(15 * MINUTE_MS - 1);
  assert.equal(await fetched(world, GROUP, 0, true), 'UNSTABLE_OFFSET_COMMIT');
  await world.clock.advanceAndIdle(1);
  assert.equal(await fetched(world, GROUP, 0, true), 3);
  await world.restart();
  assert.equal(await fetched(world, GROUP, 0, true), 3);
});

test('whoever sets, deletes or takes away the offset decides it, and so it stays', async () => {
  const deletion = { groupId: GROUP, topics: [{ name: 'logs', partitions: [{ partitionIndex: 0 }] }] };
  const ways: [(world: GroupWorld) => Promise<unknown>, number][] = [
    [(world) => world.commit(5), 5],
    [(world) => world.groups.deleteOffsets(deletion), -1],
    [(world) => world.groups.deleteGroup(GROUP), -1],
    [async (world) => world.topics.delete('logs'), -1],
  ];
  for (const [decide, offset] of ways) {
    for (const before of [3, null]) {
      const world = await withOpen(before, 9);
      await decide(world);
      await idle();
      assert.equal(await fetched(world, GROUP, 0, true), offset);
      // Its marker comes too late.
      world.log().records.push({ key: null, value: null, producerId: 1, end: 'committed' });
      await world.restart();
      assert.equal(await fetched(world, GROUP, 0, true), offset);
    }
  }
});

test('offsets do not expire while a transaction may still commit another, and a group that has nothing else goes after that', async () => {
  const retention = { 'offsets.retention.minutes': '5', 'offsets.retention.check.interval.ms': String(MINUTE_MS) };
  const world = await GroupWorld.start(retention);
  await world.commit(3);
  world.log().records.push({ ...offsetRecord(GROUP, 0, 9, world.clock.nowMs()), producerId: 1 });
  world.log().records.push({ ...offsetRecord(GROUP, 1, 9, world.clock.nowMs()), producerId: 1 });
  await world.restart();
  await world.clock.advanceAndIdle(14 * MINUTE_MS);
  assert.equal(await world.committed(), 3);
  assert.deepEqual(
    world.groups.list([], []).groups.map(({ groupId }) => groupId),
    [GROUP],
  );
  await world.clock.advanceAndIdle(2 * MINUTE_MS);
  assert.deepEqual(world.groups.list([], []).groups, []);
  await world.restart();
  assert.deepEqual(world.groups.list([], []).groups, []);
});
