/** Crowd: everybody who joined and has not left is a member, once; leaving twice, and while all are called, is harmless. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Crowd, type Seat } from '../../src/base/crowd.js';
import { fc } from '../property.js';

test('a crowd has the members that joined and have not left', () => {
  const moves = fc.array(fc.record({ joins: fc.boolean(), which: fc.nat() }), { maxLength: 200 });
  fc.assert(
    fc.property(moves, (steps) => {
      const crowd = new Crowd<number>();
      const there = new Map<number, Seat<number>>();
      const gone: Seat<number>[] = [];
      let next = 0;
      for (const { joins, which } of steps) {
        if (joins || there.size === 0) {
          there.set(next, crowd.join(next));
          next++;
        } else {
          const [member, seat] = [...there][which % there.size];
          crowd.leave(seat);
          there.delete(member);
          gone.push(seat);
        }
        for (const seat of gone) crowd.leave(seat);
        assert.equal(crowd.size, there.size);
        assert.deepEqual(crowd.members().sort(), [...there.keys()].sort());
      }
    }),
  );
});

test('who is called may leave, take others along, and come again', () => {
  const crowd = new Crowd<() => void>();
  const called: string[] = [];
  const second = crowd.join(() => called.push('second'));
  const first = crowd.join(() => {
    called.push('first');
    crowd.leave(first);
    crowd.leave(second);
    crowd.join(() => called.push('again'));
  });
  for (const call of crowd.members()) call();
  assert.deepEqual(called, ['second', 'first']);
  assert.equal(crowd.size, 1);
});
