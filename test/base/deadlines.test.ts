/** Deadlines against the obvious model: a table that is searched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Deadline, Deadlines } from '../../src/base/deadlines.js';
import { fc } from '../property.js';
import { FakeClock } from './fake-clock.js';

const COUNT = 5;

test('whatever is set, put off, brought forward and cleared, each fires when it is due, and once', () => {
  const index = fc.nat({ max: COUNT - 1 });
  const action = fc.oneof(
    fc.record({ kind: fc.constant('set' as const), index, ms: fc.nat({ max: 50 }) }),
    fc.record({ kind: fc.constant('clear' as const), index }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat({ max: 30 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100, size: 'max' }), (actions) => {
      const clock = new FakeClock();
      const deadlines = new Deadlines(clock);
      const fired: string[] = [];
      const all: Deadline[] = Array.from({ length: COUNT }, (_, i) =>
        deadlines.create(() => fired.push(`${i} at ${clock.monotonicMs()}`)),
      );
      const due = new Map<number, number>();
      for (const step of actions) {
        if (step.kind === 'set') {
          deadlines.set(all[step.index], step.ms);
          due.set(step.index, clock.monotonicMs() + step.ms);
        } else if (step.kind === 'clear') {
          deadlines.clear(all[step.index]);
          due.delete(step.index);
        } else {
          const expected: string[] = [];
          for (const [i, atMs] of due) {
            if (atMs > clock.monotonicMs() + step.ms) continue;
            expected.push(`${i} at ${atMs}`);
            due.delete(i);
          }
          clock.advance(step.ms);
          assert.deepEqual(fired.splice(0).sort(), expected.sort());
          assert.ok(clock.pending <= 1);
        }
      }
    }),
  );
});

test('putting a deadline off asks for no timer', () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const deadline = deadlines.create(() => assert.fail('it was put off'));
  for (let i = 0; i < 1000; i++) {
    deadlines.set(deadline, 10_000);
    assert.equal(clock.pending, 1);
    clock.advance(9_999);
  }
  deadlines.close();
  assert.equal(clock.pending, 0);
  deadlines.set(deadline, 1);
  assert.equal(clock.pending, 0);
});

test('what is cleared before its time asks for no timer of its own, and is not kept until then', () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  let timers = 0;
  const after = clock.after.bind(clock);
  clock.after = (delayMs, action) => {
    timers++;
    return after(delayMs, action);
  };
  // A tail reader: parks for half a second, is let go a millisecond later, comes back.
  for (let i = 0; i < 10_000; i++) {
    const deadline = deadlines.create(() => assert.fail('it was cleared'));
    deadlines.set(deadline, 500);
    clock.advance(1);
    deadlines.clear(deadline);
    assert.ok((deadlines as unknown as { heap: unknown[] }).heap.length < 100);
  }
  assert.ok(timers <= 2 * (10_000 / 500), `${timers} timers`);
});
