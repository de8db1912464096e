/** Whose oldest segment goes: against what the rules say, log by log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseVictim, type EvictableLog } from '../../src/partition/eviction.js';
import { fc } from '../property.js';

const log = fc
  .record({
    topic: fc.constantFrom('a', 'b', 'c'),
    priority: fc.integer({ min: -1, max: 1 }),
    floorBytes: fc.constantFrom(0, 0, 100, 1000),
    segments: fc.integer({ min: 1, max: 3 }),
    oldestMs: fc.integer({ min: -1, max: 20 }),
    oldestBytes: fc.nat(100),
    rest: fc.nat(500),
  })
  .map(({ rest, ...one }): EvictableLog => {
    return { ...one, bytes: one.oldestBytes + (one.segments > 1 ? rest : 0) };
  });

test('what goes is allowed to go, and nothing that is allowed to should have gone before it', () => {
  fc.assert(
    fc.property(fc.array(log, { maxLength: 12 }), (logs) => {
      const kept = (topic: string) => logs.reduce((sum, one) => sum + (one.topic === topic ? one.bytes : 0), 0);
      const allowed = logs.filter((one) => one.oldestBytes > 0 && kept(one.topic) - one.oldestBytes >= one.floorBytes);
      const victim = chooseVictim(logs);
      assert.equal(victim === null, allowed.length === 0);
      if (victim === null) return;
      assert.ok(allowed.includes(victim));
      for (const other of allowed) {
        assert.ok(victim.priority <= other.priority);
        if (victim.priority < other.priority) continue;
        assert.ok(victim.segments > 1 || other.segments === 1);
        if (victim.segments > 1 !== other.segments > 1) continue;
        assert.ok(victim.oldestMs <= other.oldestMs);
      }
    }),
  );
});

test('a floor is kept however short the disk is', () => {
  let one: EvictableLog = {
    topic: 'a',
    priority: 0,
    floorBytes: 350,
    segments: 10,
    bytes: 1000,
    oldestMs: 0,
    oldestBytes: 100,
  };
  for (let victim = chooseVictim([one]); victim !== null; victim = chooseVictim([one])) {
    one = { ...victim, segments: victim.segments - 1, bytes: victim.bytes - victim.oldestBytes };
  }
  assert.equal(one.bytes, 400);
});
