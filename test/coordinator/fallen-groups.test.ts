/** Groups that a log start has overtaken are told once, and counted until they have caught up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import { ClassicGroup } from '../../src/coordinator/group/classic-group.js';
import { FallenGroups } from '../../src/coordinator/group/fallen-groups.js';
import type { Topic } from '../../src/metadata/topic.js';
import type { PartitionHandle, Watermarks } from '../../src/partition/partitions.js';
import { FakeClock } from '../base/fake-clock.js';

test('a group is told of once, counted until it has caught up, and told of again when it falls again', () => {
  const clock = new FakeClock();
  const starts = [0, 0];
  const handles = starts.map((_, index) => ({ topic: 'logs', index, state: 'online' }) as unknown as PartitionHandle);
  const topic = { name: 'logs', partitions: handles } as unknown as Topic;
  const group = new ClassicGroup('shippers');
  const commit = (partition: number, offset: number) => {
    group.offsets.set('logs', partition, { offset, leaderEpoch: -1, metadata: '', commitMs: 0 } as never);
  };
  commit(0, 10);
  commit(1, 20);
  group.offsets.set('gone', 0, { offset: 1 } as never);
  const lines: object[] = [];
  const quiet = () => undefined;
  const fallen = new FallenGroups({
    wheel: new TimerWheel(clock),
    logger: { debug: quiet, info: quiet, error: quiet, warn: (fields) => lines.push(fields) },
    topics: { get: (name) => (name === 'logs' ? topic : undefined), all: () => [topic] },
    partitions: { watermarks: ({ index }) => ({ logStartOffset: starts[index] }) as Watermarks },
    groups: () => [group],
  });
  const missed = (): number | undefined => {
    let sum: number | undefined;
    void fallen.collect((name, labels, value) => {
      assert.equal(name, 'millrace_group_missed_records');
      assert.deepEqual(labels, { group: 'shippers', topic: 'logs' });
      sum = value;
    });
    return sum;
  };
  fallen.begin();
  clock.advance(60_000);
  assert.deepEqual(lines, []);
  assert.equal(missed(), undefined);

  starts[0] = 15;
  clock.advance(60_000);
  const place = { group: 'shippers', topic: 'logs', partition: 0 };
  assert.deepEqual(lines.splice(0), [{ ...place, committedOffset: 10, logStartOffset: 15, records: 5 }]);
  assert.equal(missed(), 5);

  starts[1] = 21;
  clock.advance(60_000);
  assert.equal(lines.splice(0).length, 1, 'only what is new');
  assert.equal(missed(), 6);

  commit(0, 15);
  commit(1, 30);
  assert.equal(missed(), undefined);
  starts[1] = 25;
  clock.advance(60_000);
  starts[0] = 16;
  clock.advance(60_000);
  assert.deepEqual(lines, [{ ...place, committedOffset: 15, logStartOffset: 16, records: 1 }]);
  fallen.close();
  assert.equal(clock.pending, 0);
});
