/** The judge of group members, on a story that is as it should be and on the same one with a fault in it. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeOwnership, type MemberEvent, type OwnershipRule } from './ownership.js';

/** Partition 0 goes from a to b, from b, which is fenced, to c; partition 1 stays with a. */
const good: readonly MemberEvent[] = [
  { atMs: 1, member: 'a', tells: 'assigned', partitions: [0, 1] },
  { atMs: 2, member: 'a', tells: 'read', partition: 0, from: 0, to: 10 },
  { atMs: 3, member: 'a', tells: 'read', partition: 1, from: 0, to: 5 },
  { atMs: 4, member: 'a', tells: 'committed', partition: 0, offset: 10 },
  { atMs: 5, member: 'a', tells: 'read', partition: 0, from: 10, to: 20 },
  { atMs: 6, member: 'a', tells: 'revoked', partitions: [0] },
  { atMs: 7, member: 'b', tells: 'assigned', partitions: [0] },
  { atMs: 8, member: 'b', tells: 'read', partition: 0, from: 10, to: 30 },
  { atMs: 9, member: 'c', tells: 'assigned', partitions: [0] },
  { atMs: 10, member: 'b', tells: 'lost', partitions: [0] },
  { atMs: 11, member: 'c', tells: 'read', partition: 0, from: 20, to: 40 },
  { atMs: 12, member: 'a', tells: 'gone' },
];
const ends = [40, 5];

function rules(events: readonly MemberEvent[], until = ends): OwnershipRule[] {
  return judgeOwnership(events, until).anomalies.map(({ rule }) => rule);
}

/** The story with what happened at `atMs` replaced. */
function instead(atMs: number, ...events: readonly MemberEvent[]): MemberEvent[] {
  return good.flatMap((event) => (event.atMs === atMs ? events : [event]));
}

test('a group that keeps its rules is found good, in whatever order it is heard', () => {
  assert.deepEqual(judgeOwnership([...good].reverse(), ends), { anomalies: [], records: 65, holdings: 4 });
});

test('each fault is found', () => {
  const late: MemberEvent = { atMs: 7.5, member: 'a', tells: 'revoked', partitions: [0] };
  assert.deepEqual(rules(instead(6, late)), ['two-holders']);
  assert.deepEqual(rules(instead(6)), ['two-holders'], 'who leaves has held on until then');
  assert.deepEqual(rules(instead(10, { atMs: 10, member: 'b', tells: 'gone' })), ['two-holders']);
  assert.deepEqual(rules(instead(10)), ['two-holders'], 'until the end');
  assert.deepEqual(rules(instead(10, { atMs: 10, member: 'b', tells: 'killed' })), []);
  assert.deepEqual(rules(instead(9), [30, 5]), ['stray-read']);
  assert.deepEqual(rules(instead(5, { atMs: 5, member: 'a', tells: 'read', partition: 0, from: 11, to: 20 })), [
    'skipped',
  ]);
  assert.deepEqual(rules(instead(5, { atMs: 5, member: 'a', tells: 'read', partition: 0, from: 5, to: 20 })), [
    'out-of-order',
  ]);
  assert.deepEqual(rules(instead(8, { atMs: 8, member: 'b', tells: 'read', partition: 0, from: 9, to: 30 })), [
    'went-back',
  ]);
  assert.deepEqual(rules(instead(8, { atMs: 8, member: 'b', tells: 'read', partition: 0, from: 21, to: 30 })), [
    'skipped',
  ]);
  assert.deepEqual(rules(good, [41, 5]), ['unread']);
});
