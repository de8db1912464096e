/** Purgatory: who waits is woken by progress, by time, by a closed connection, once, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { Purgatory } from '../../src/partition/purgatory.js';
import { FakeClock } from '../base/fake-clock.js';

function setting() {
  const clock = new FakeClock();
  const listeners = new Map<PartitionHandle, Set<() => void>>();
  const handle = (): PartitionHandle => {
    const made = {} as PartitionHandle;
    listeners.set(made, new Set());
    return made;
  };
  const purgatory = new Purgatory(
    {
      onProgress: (of, listener) => {
        listeners.get(of)?.add(listener);
        return () => listeners.get(of)?.delete(listener);
      },
    },
    clock,
    new TimerWheel(clock),
  );
  const move = (of: PartitionHandle): void => {
    for (const listener of [...(listeners.get(of) ?? [])]) listener();
  };
  const listening = (): number => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
  const park = (handles: PartitionHandle[], waitMs: number, closed = new AbortController().signal): Promise<void> =>
    new Promise((resolve) => purgatory.park(handles, waitMs, closed, resolve));
  return { clock, purgatory, park, handle, move, listening };
}

test('progress on any of the partitions wakes', async () => {
  const { purgatory, park, handle, move, listening } = setting();
  const [a, b] = [handle(), handle()];
  const parked = park([a, b], 500);
  assert.equal(purgatory.size, 1);
  move(b);
  await parked;
  assert.equal(purgatory.size, 0);
  assert.equal(listening(), 0);
});

test('time wakes, a closed connection wakes, closing wakes everybody', async () => {
  const { clock, purgatory, park, handle, listening } = setting();
  const timed = park([handle()], 500);
  clock.advance(499);
  assert.equal(purgatory.size, 1);
  clock.advance(1);
  await timed;
  const connection = new AbortController();
  const left = park([handle()], 1e6, connection.signal);
  connection.abort();
  await left;
  const others = [1, 2, 3].map(() => park([handle()], 1e6));
  purgatory.close();
  await Promise.all(others);
  assert.equal(purgatory.size, 0);
  assert.equal(listening(), 0);
});

test('a thousand that wait stand behind one timer', () => {
  const { clock, purgatory, park, handle } = setting();
  for (let i = 0; i < 1000; i++) void park([handle()], 500 + i);
  assert.ok(clock.pending <= 1);
  purgatory.close();
});

test('waits end on a beat, never late, and never more than a quarter early', () => {
  const { clock, purgatory } = setting();
  for (const waitMs of [1, 3, 10, 99, 500, 5000]) {
    for (let i = 0; i < 50; i++) {
      clock.advance(7);
      const nowMs = clock.monotonicMs();
      const left = purgatory.deadlineMs(waitMs) - nowMs;
      assert.ok(left <= waitMs && left >= (waitMs * 3) / 4 - 1, `${left} of ${waitMs}`);
    }
  }
  const ends = new Set<number>();
  for (let i = 0; i < 400; i++) {
    clock.advance(1);
    ends.add(purgatory.deadlineMs(500));
  }
  assert.ok(ends.size <= 8);
});
