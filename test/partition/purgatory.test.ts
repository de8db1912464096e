/** Purgatory: who waits is woken by progress, by time, by a closed connection, once, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
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
  );
  const move = (of: PartitionHandle): void => {
    for (const listener of [...(listeners.get(of) ?? [])]) listener();
  };
  const listening = (): number => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
  return { clock, purgatory, handle, move, listening };
}

test('progress on any of the partitions wakes', async () => {
  const { purgatory, handle, move, listening } = setting();
  const [a, b] = [handle(), handle()];
  const parked = purgatory.park([a, b], 500, new AbortController().signal);
  assert.equal(purgatory.size, 1);
  move(b);
  await parked;
  assert.equal(purgatory.size, 0);
  assert.equal(listening(), 0);
});

test('time wakes, a closed connection wakes, closing wakes everybody', async () => {
  const { clock, purgatory, handle, listening } = setting();
  const timed = purgatory.park([handle()], 500, new AbortController().signal);
  clock.advance(499);
  assert.equal(purgatory.size, 1);
  clock.advance(1);
  await timed;
  const connection = new AbortController();
  const left = purgatory.park([handle()], 1e6, connection.signal);
  connection.abort();
  await left;
  const others = [1, 2, 3].map(() => purgatory.park([handle()], 1e6, new AbortController().signal));
  purgatory.close();
  await Promise.all(others);
  assert.equal(purgatory.size, 0);
  assert.equal(listening(), 0);
});

test('a thousand that wait stand behind one timer', () => {
  const { clock, purgatory, handle } = setting();
  for (let i = 0; i < 1000; i++) void purgatory.park([handle()], 500 + i, new AbortController().signal);
  assert.ok(clock.pending <= 1);
  purgatory.close();
});
