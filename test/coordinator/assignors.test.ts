/** Server-side assignors: everything to somebody who reads it, evenly, and with as few moves as that takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Assignment,
  assignmentOf,
  has,
  NO_PARTITIONS,
  same,
  sizeOf,
} from '../../src/coordinator/group/assignment.js';
import { type AssigneeMember, assignors } from '../../src/coordinator/group/assignor.js';
import { fc } from '../property.js';

const topicIds = ['a', 'b', 'c', 'd'];
const counts = fc
  .tuple(...topicIds.map(() => fc.nat({ max: 12 })))
  .map((all) => new Map(topicIds.map((id, i) => [id, all[i]])));
const member = fc.record({
  topicIds: fc.subarray(topicIds).map((ids) => new Set(ids)),
  instanceId: fc.option(fc.constant('i')),
});

function named(members: readonly { topicIds: Set<string>; instanceId: string | null }[]): AssigneeMember[] {
  return members.map((each, i) => ({
    id: `m${i}`,
    topicIds: each.topicIds,
    instanceId: each.instanceId === null ? null : `i${i}`,
    target: NO_PARTITIONS,
  }));
}

for (const [name, assignor] of Object.entries(assignors)) {
  test(`${name}: every partition that is read has one owner, who reads it, whatever the order of the members`, () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 7 }), counts, (drawn, partitionCounts) => {
        const members = named(drawn);
        const given = assignor(members, partitionCounts);
        for (const [topicId, count] of partitionCounts) {
          const readers = members.filter((each) => each.topicIds.has(topicId));
          for (let partition = 0; partition < count; partition++) {
            const owners = members.filter(({ id }) => has(given.get(id) ?? NO_PARTITIONS, topicId, partition));
            assert.equal(owners.length, readers.length > 0 ? 1 : 0);
            for (const owner of owners) assert.ok(readers.includes(owner));
          }
        }
        for (const [, assignment] of given) {
          for (const [, partitions] of assignment) assert.ok(partitions.size > 0);
        }
        const reversed = assignor([...members].reverse(), partitionCounts);
        for (const { id } of members) assert.ok(same(given.get(id) as Assignment, reversed.get(id) as Assignment));
      }),
    );
  });
}

test('uniform: members that read the same differ by one at most, and nothing moves that need not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), counts, (before, after, all) => {
      const readers = (count: number, targets: ReadonlyMap<string, Assignment>): AssigneeMember[] =>
        Array.from({ length: count }, (_, i) => {
          const id = `m${i}`;
          return { id, instanceId: null, topicIds: new Set(topicIds), target: targets.get(id) ?? NO_PARTITIONS };
        });
      const first = assignors.uniform(readers(before, new Map()), all);
      const second = assignors.uniform(readers(after, first), all);
      const sizes = [...second.values()].map(sizeOf);
      assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
      let kept = 0;
      let could = 0;
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const most = Math.ceil(total / after);
      for (const [id, had] of first) {
        const has = second.get(id);
        if (!has) continue;
        could += Math.min(sizeOf(had), most);
        for (const [topicId, partitions] of had) for (const p of partitions) if (has.get(topicId)?.has(p)) kept += 1;
      }
      // How many members may have one more than the others is given, so some of what would fit has to go.
      assert.ok(kept >= could - Math.max(0, Math.min(before, after) - (total % after || after)));
    }),
  );
});

test('uniform: who alone reads a topic does not get what others could have', () => {
  const members: AssigneeMember[] = [
    { id: 'a', instanceId: null, topicIds: new Set(['one', 'two']), target: NO_PARTITIONS },
    { id: 'b', instanceId: null, topicIds: new Set(['two']), target: NO_PARTITIONS },
  ];
  const given = assignors.uniform(
    members,
    new Map([
      ['one', 3],
      ['two', 3],
    ]),
  );
  assert.deepEqual([...given.values()].map(sizeOf), [3, 3]);
});

test('range: the same members have the same partitions of topics of one size, static ones by their instance', () => {
  const members: AssigneeMember[] = ['x', 'y', 'z'].map((id, i) => ({
    id,
    instanceId: i === 2 ? 'zero' : null,
    topicIds: new Set(['one', 'two']),
    target: NO_PARTITIONS,
  }));
  const given = assignors.range(
    members,
    new Map([
      ['one', 4],
      ['two', 4],
    ]),
  );
  const both = (partitions: number[]) => assignmentOf(['one', 'two'].map((topicId) => ({ topicId, partitions })));
  assert.ok(same(given.get('z') as Assignment, both([0, 1])));
  assert.ok(same(given.get('x') as Assignment, both([2])));
  assert.ok(same(given.get('y') as Assignment, both([3])));
});
