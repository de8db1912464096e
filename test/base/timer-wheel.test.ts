/** The timer wheel against the obvious model: a table that is searched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadline, TimerWheel } from '../../src/base/timer-wheel.js';
import { fc } from '../property.js';
import { FakeClock } from './fake-clock.js';

const COUNT = 8;
const OWNER = {};
const DAY_MS = 86_400_000;

/** Within every level of the wheel, around where one ends, and further than Node's own timers reach. */
const spanMs = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 70 }) },
  { weight: 3, arbitrary: fc.nat({ max: 3_000 }) },
  { weight: 2, arbitrary: fc.nat({ max: 100_000 }) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.nat({ max: 8 }), fc.integer({ min: -1, max: 1 })).map(([n, by]) => 32 ** n + by),
  },
  { weight: 1, arbitrary: fc.nat({ max: 100 * DAY_MS }) },
);

/** A clock on which the timers that are asked for are counted. */
function countingClock(startMs = 0) {
  const clock = new FakeClock();
  clock.advance(startMs);
  const asked = { timers: 0 };
  const after = clock.after.bind(clock);
  clock.after = (delayMs, action) => {
    asked.timers++;
    return after(delayMs, action);
  };
  return { clock, asked };
}

test('whatever is set, put off, brought forward and cleared, each fires when it is due, and once', () => {
  const index = fc.nat({ max: COUNT - 1 });
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), index, ms: spanMs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), index }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: spanMs }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), ms: spanMs }) },
  );
  // Some set themselves again when they fire, so that the wheel is changed while it turns.
  const again = fc.array(fc.option(fc.integer({ min: 1, max: 2_000 })), { minLength: COUNT, maxLength: COUNT });
  const actions = fc.array(action, { maxLength: 100, size: 'max' });
  fc.assert(
    fc.property(actions, again, fc.nat({ max: 100 * DAY_MS }), (steps, againMs, startMs) => {
      const { clock, asked } = countingClock(startMs);
      const wheel = new TimerWheel(clock);
      const fired: string[] = [];
      const due = new Map<number, number>();
      const comeAgain = againMs.map((ms) => (ms === null ? 0 : 1));
      const all = Array.from({ length: COUNT }, (_, i) => {
        const deadline: Deadline = new Deadline(() => {
          fired.push(`${i} at ${clock.monotonicMs()}`);
          if (comeAgain[i]-- > 0) wheel.set(deadline, againMs[i] as number);
        }, OWNER);
        return deadline;
      });
      const left = [...comeAgain];
      /** What the model fires up to `endMs`, where nothing could go off before `fromMs`. */
      const expect = (fromMs: number, endMs: number): string[] => {
        const expected: string[] = [];
        for (let [i, atMs] of [...due]) {
          due.delete(i);
          for (;;) {
            if (atMs > endMs) {
              due.set(i, atMs);
              break;
            }
            const firedMs = Math.max(fromMs, atMs);
            expected.push(`${i} at ${firedMs}`);
            if (left[i]-- <= 0) break;
            atMs = firedMs + (againMs[i] as number);
          }
        }
        return expected;
      };
      for (const step of steps) {
        const nowMs = clock.monotonicMs();
        switch (step.kind) {
          case 'set':
            wheel.set(all[step.index], step.ms);
            due.set(step.index, nowMs + step.ms);
            break;
          case 'clear':
            wheel.clear(all[step.index]);
            due.delete(step.index);
            break;
          case 'stall':
            clock.stall(step.ms);
            break;
          case 'advance': {
            const expected = expect(nowMs, nowMs + step.ms);
            clock.advance(step.ms);
            assert.deepEqual(fired.splice(0).sort(), expected.sort());
            assert.ok(clock.pending <= 1);
            if (due.size > 0) assert.equal(clock.pending, 1);
          }
        }
      }
      for (const deadline of all) wheel.clear(deadline);
      clock.advance(40_000 * DAY_MS);
      assert.deepEqual(fired, []);
      assert.equal(clock.pending, 0);
      // Each deadline is come by at most once a level, whenever it is set or found to have been put off.
      assert.ok(asked.timers < 12 * (2 * COUNT + 3 * steps.length), `${asked.timers} timers`);
    }),
  );
});

test('on a clock with fractions nothing fires early, nor later than the next tick and what a timer takes', () => {
  const fraction = fc.nat({ max: 400 }).map((n) => n / 7);
  fc.assert(
    fc.property(fc.array(fc.tuple(fraction, fraction), { maxLength: 50 }), (steps) => {
      const clock = new FakeClock();
      const wheel = new TimerWheel(clock);
      let waiting = 0;
      for (const [delayMs, passMs] of steps) {
        const dueMs = clock.monotonicMs() + delayMs;
        waiting++;
        const onTime = () => {
          waiting--;
          const lateMs = clock.monotonicMs() - dueMs;
          assert.ok(lateMs >= 0 && lateMs < 2, `${lateMs} ms late`);
        };
        wheel.set(new Deadline(onTime, OWNER), delayMs);
        clock.advance(passMs);
      }
      clock.advance(60);
      assert.equal(waiting, 0);
    }),
  );
});

test('what fires in one tick may clear, set and close what is left of it', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const fired: string[] = [];
  const victim = new Deadline(() => fired.push('victim'), OWNER);
  const late = new Deadline(() => fired.push('late'), OWNER);
  const first = new Deadline(() => {
    fired.push('first');
    wheel.clear(victim);
    wheel.set(late, 0);
    wheel.set(last, 10);
  }, OWNER);
  const last = new Deadline(() => {
    fired.push('last');
    wheel.close();
  }, OWNER);
  const never = new Deadline(() => fired.push('never'), OWNER);
  for (const deadline of [first, victim, last]) wheel.set(deadline, 100);
  wheel.set(never, 111);
  clock.advance(100);
  assert.deepEqual(fired, ['first', 'late']);
  clock.advance(1_000);
  assert.deepEqual(fired, ['first', 'late', 'last']);
  wheel.set(late, 1);
  clock.advance(DAY_MS);
  assert.equal(fired.length, 3);
  assert.equal(clock.pending, 0);
});

test('a deadline further away than a safe number of milliseconds is as good as none', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  wheel.set(new Deadline(() => assert.fail('it fired'), OWNER), 2 ** 63);
  assert.equal(clock.pending, 1);
  clock.advance(365 * DAY_MS);
});

test('putting a deadline off asks for no timer', () => {
  const { clock, asked } = countingClock();
  const wheel = new TimerWheel(clock);
  const deadline = new Deadline(() => assert.fail('it was put off'), OWNER);
  for (let i = 0; i < 1_000; i++) {
    wheel.set(deadline, 45_000);
    assert.equal(clock.pending, 1);
    clock.advance(3_000);
  }
  // 3,000 s are 92 slots of the level that the session lies on; it is looked at a few times in each.
  assert.ok(asked.timers < 4 * 92, `${asked.timers} timers for 1,000 heartbeats`);
  wheel.close();
  assert.equal(clock.pending, 0);
  wheel.set(deadline, 1);
  assert.equal(clock.pending, 0);
});

test('an empty wheel wakes nobody: one timer that was asked for already comes in vain, and then none', () => {
  const { clock, asked } = countingClock();
  const wheel = new TimerWheel(clock);
  assert.equal(clock.pending, 0);
  const deadline = new Deadline(() => assert.fail('it was cleared'), OWNER);
  wheel.set(deadline, 500);
  wheel.clear(deadline);
  clock.advance(500);
  assert.equal(clock.pending, 0);
  assert.equal(asked.timers, 1);
});

test('what is cleared before its time asks for no timer of its own, and is not kept until then', () => {
  const { clock, asked } = countingClock();
  const wheel = new TimerWheel(clock);
  // A tail reader: parks for half a second, is let go a millisecond later, comes back.
  for (let i = 0; i < 10_000; i++) {
    const deadline = new Deadline(() => assert.fail('it was cleared'), OWNER);
    wheel.set(deadline, 500);
    clock.advance(1);
    wheel.clear(deadline);
    assert.ok((wheel as unknown as { occupied: number[] }).occupied.every((bits) => bits === 0));
  }
  assert.ok(asked.timers <= 4 * (10_000 / 500), `${asked.timers} timers`);
});
