/** Owners that share a wheel: closing one takes away its own deadlines and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines } from '../../src/base/deadlines.js';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import { FakeClock, idle } from './fake-clock.js';

test('two owners live behind one timer, and end one by one', () => {
  const clock = new FakeClock();
  const wheel = new TimerWheel(clock);
  const [ours, theirs] = [new Deadlines(wheel), new Deadlines(wheel)];
  const fired: string[] = [];
  for (const [name, owner] of [['ours', ours] as const, ['theirs', theirs] as const]) {
    for (const ms of [10, 20])
      owner.set(
        owner.create(() => fired.push(`${name} ${ms}`)),
        ms,
      );
  }
  assert.equal(clock.pending, 1);
  clock.advance(10);
  assert.deepEqual(fired, ['ours 10', 'theirs 10']);
  ours.close();
  ours.set(
    ours.create(() => fired.push('too late')),
    5,
  );
  clock.advance(100);
  assert.deepEqual(fired, ['ours 10', 'theirs 10', 'theirs 20']);
  theirs.set(
    theirs.create(() => fired.push('theirs, never')),
    5,
  );
  theirs.close();
  assert.equal(clock.pending, 0);
});

test('a pause ends when its time has passed, or with its owner', async () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(new TimerWheel(clock));
  const over: number[] = [];
  for (const ms of [100, 2_000]) void deadlines.pause(ms).then(() => over.push(ms));
  await clock.advanceAndIdle(99);
  assert.deepEqual(over, []);
  await clock.advanceAndIdle(1);
  assert.deepEqual(over, [100]);
  deadlines.close();
  await idle();
  assert.deepEqual(over, [100, 2_000]);
  await deadlines.pause(1_000);
});
