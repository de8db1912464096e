/** Random creations, deletions, changes, disk failures and restarts: the registry always equals a model that is a Map. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KafkaError } from '../../src/base/kafka-error.js';
import { collisionKey } from '../../src/metadata/topic-name.js';
import { fc } from '../property.js';
import { type Fixture, startRegistry } from './registry-fixture.js';

interface ModelTopic {
  partitions: number;
  configs: Record<string, string>;
}
type Model = Map<string, ModelTopic>;

const name = fc.constantFrom('a', 'b', 'a.b', 'a_b', 'c');
const failure = fc.option(fc.constantFrom('lost' as const, 'kept' as const), { nil: null, freq: 6 });
const retention = fc.option(fc.integer({ min: 1, max: 5 }).map(String), { nil: null });
const step = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), name, partitions: fc.integer({ min: 0, max: 4 }), failure }),
  fc.record({ kind: fc.constant('delete' as const), name, failure }),
  fc.record({ kind: fc.constant('grow' as const), name, total: fc.integer({ min: 1, max: 6 }), failure }),
  fc.record({ kind: fc.constant('alter' as const), name, retention, failure }),
  fc.record({ kind: fc.constant('restart' as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The model's own idea of a step: whether it is allowed, and what it does. */
function apply(model: Model, step: Exclude<Step, { kind: 'restart' }>): boolean {
  const topic = model.get(step.name);
  if (step.kind === 'create') {
    const taken = [...model.keys()].some((other) => collisionKey(other) === collisionKey(step.name));
    if (taken || step.partitions < 1) return false;
    model.set(step.name, { partitions: step.partitions, configs: {} });
    return true;
  }
  if (topic === undefined) return false;
  if (step.kind === 'delete') model.delete(step.name);
  else if (step.kind === 'grow') {
    if (step.total <= topic.partitions) return false;
    topic.partitions = step.total;
  } else if (step.retention === null) delete topic.configs['retention.ms'];
  else topic.configs['retention.ms'] = step.retention;
  return true;
}

function perform({ topics }: Fixture, step: Exclude<Step, { kind: 'restart' }>): Promise<unknown> {
  if (step.kind === 'create') return topics.create({ name: step.name, partitions: step.partitions });
  if (step.kind === 'delete') return topics.delete(step.name);
  if (step.kind === 'grow') return topics.addPartitions(step.name, step.total);
  return topics.alterTopicConfigs(step.name, new Map([['retention.ms', step.retention]]));
}

function check({ topics, partitions }: Fixture, model: Model): void {
  const found = Array.from(topics.all(), ({ name, partitions, configs }) => {
    return [name, { partitions: partitions.length, configs: Object.fromEntries(configs) }] as const;
  });
  assert.deepEqual(new Map(found), model);
  const folders = [...model].flatMap(([name, topic]) =>
    Array.from({ length: topic.partitions }, (_, index) => `${name}-${index}`),
  );
  for (const folder of folders) assert.ok(partitions.live.has(folder), `${folder} is open`);
  for (const topic of topics.all()) {
    assert.equal(topics.byId(topic.id), topic);
    topic.partitions.forEach((handle, index) => {
      assert.equal(handle.index, index);
      assert.equal(handle.topicId, topic.id);
      assert.equal(partitions.configOf(handle).retentionMs, topic.logConfig.retentionMs);
    });
  }
}

test('one step after the other', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const model: Model = new Map();
      let fixture = await startRegistry();
      for (const step of steps) {
        if (step.kind === 'restart') {
          fixture = await startRegistry(fixture.log);
        } else {
          const before = structuredClone(model);
          const allowed = apply(model, step);
          if (allowed && step.failure !== null) fixture.log.failNext(step.failure);
          const error = await perform(fixture, step).then(
            () => null,
            (thrown: unknown) => thrown,
          );
          if (!allowed || step.failure !== null) assert.ok(error instanceof KafkaError, String(error));
          else assert.equal(error, null);
          if (allowed && step.failure === 'lost') {
            model.clear();
            for (const [name, topic] of before) model.set(name, topic);
          }
          // Waits until the log has settled what a failed append left in doubt, and until what follows from it is done.
          await fixture.topics.create({ name: step.name, partitions: 1, validateOnly: true }).catch(() => {});
        }
        check(fixture, model);
      }
    }),
    { numRuns: 300 },
  );
});

test('steps that run side by side leave what some order of them would, and a restart finds the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const fixture = await startRegistry();
      // Changes of one name keep their order; names that do not collide do not touch one another: so the model's order will do.
      const model: Model = new Map();
      const expected: boolean[] = [];
      const performed: Promise<unknown>[] = [];
      for (const step of steps) {
        if (step.kind === 'restart') continue;
        expected.push(apply(model, step));
        performed.push(perform(fixture, step));
      }
      const results = await Promise.allSettled(performed);
      assert.deepEqual(
        results.map(({ status }) => status === 'fulfilled'),
        expected,
      );
      check(fixture, model);
      check(await startRegistry(fixture.log), model);
    }),
    { numRuns: 300 },
  );
});
