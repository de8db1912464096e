/** What comes behind a refused batch waits for it: whatever is refused when, a producer's batches are taken in their order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeBatch } from '../../src/record/record.js';
import { RefusedBatches } from '../../src/record/refused-batches.js';
import { fc } from '../property.js';

const batch = (baseSequence: number, producerEpoch = 0, producerId = 7): Buffer =>
  encodeBatch({ records: [{ value: Buffer.from('x') }], producerId, producerEpoch, baseSequence });

test('behind a refused batch all wait, in front of it nobody does', () => {
  const refused = new RefusedBatches();
  refused.note(batch(-1, -1, -1), 0);
  assert.ok(refused.isEmpty, 'who has no sequences has no order');
  refused.note(batch(5), 0);
  refused.note(batch(6), 0);
  assert.equal(refused.mustWait(batch(6), 0), true);
  assert.equal(refused.mustWait(batch(4), 0), false, 'it was stored before');
  assert.equal(refused.mustWait(batch(9, 0, 8), 0), false, 'somebody else');
  assert.equal(refused.mustWait(batch(5), 0), false);
  assert.equal(refused.mustWait(batch(6), 0), false);
  assert.ok(refused.isEmpty);
});

test('the first of several is the one, also where sequences begin again', () => {
  const refused = new RefusedBatches();
  refused.note(batch(3), 0);
  refused.note(batch(2 ** 31 - 2), 0);
  assert.equal(refused.mustWait(batch(3), 0), true);
  for (const sequence of [2 ** 31 - 2, 2 ** 31 - 1, 0, 1, 2]) assert.equal(refused.mustWait(batch(sequence), 0), false);
  assert.equal(refused.isEmpty, false);
  assert.equal(refused.mustWait(batch(3), 0), false);
  assert.ok(refused.isEmpty);
});

test('a producer that begins a new epoch has given up what was refused', () => {
  const refused = new RefusedBatches();
  refused.note(batch(5), 0);
  assert.equal(refused.mustWait(batch(0, 1), 0), false);
  assert.ok(refused.isEmpty);
});

test('producers that never come again are forgotten at last', () => {
  const refused = new RefusedBatches();
  for (let id = 0; id <= 10_000; id++) refused.note(batch(1, 0, id), 0);
  assert.equal(refused.mustWait(batch(2, 0, 0), 0), false);
  assert.equal(refused.mustWait(batch(2, 0, 1), 0), true);
});

test('with up to five in flight, sent again in any order, and room or none by chance, batches are taken in order', () => {
  const step = fc.record({ which: fc.nat(4), fits: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 80 }), (steps) => {
      const refused = new RefusedBatches();
      const taken: number[] = [];
      // The first five come in order, as all that is sent for the first time; again they come in any.
      const open: number[] = [];
      let next = 0;
      const come = (sequence: number, fits: boolean): void => {
        if (refused.mustWait(batch(sequence), 0)) return;
        if (!fits) {
          refused.note(batch(sequence), 0);
          return;
        }
        taken.push(sequence);
        open.splice(open.indexOf(sequence), 1);
      };
      for (const { which, fits } of steps) {
        if (open.length < 5) {
          open.push(next);
          come(next++, fits);
        } else {
          come(open[which], fits);
        }
      }
      assert.deepEqual(
        taken,
        taken.map((_, index) => index),
      );
      for (let turn = 0; turn < 5; turn++) for (const sequence of open.slice().reverse()) come(sequence, true);
      assert.equal(taken.length, next, 'nobody waits for ever');
      assert.ok(refused.isEmpty);
    }),
  );
});
