/** The ring: against a model in one thread, and between two threads across the wrap of its 32-bit counters. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { allocateRing, payloadBytesMax } from '../../src/ring/ring-layout.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { fc } from '../property.js';

const NEAR_WRAP = 2 ** 32 - 4096;

test('a ring is a FIFO queue of bytes under any order of claims, commits, polls and releases', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('claim' as const), length: fc.integer({ min: 0, max: 700 }) }),
    fc.record({
      kind: fc.constantFrom('commit' as const, 'poll' as const, 'release' as const),
      length: fc.constant(0),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.constantFrom(0, NEAR_WRAP), (steps, startAt) => {
      const memory = allocateRing(4096, startAt);
      const producer = new RingProducer(memory);
      const consumer = new RingConsumer(memory);
      const claimed: { length: number; fill: number }[] = [];
      let committed = 0;
      let polled = 0;
      for (const [fill, { kind, length }] of steps.entries()) {
        if (kind === 'claim') {
          const at = producer.claim(3, length);
          if (at < 0) continue;
          producer.data.fill(fill & 0xff, at, at + length);
          claimed.push({ length, fill: fill & 0xff });
        } else if (kind === 'commit') {
          producer.commit();
          committed = claimed.length;
        } else if (kind === 'release') {
          consumer.release();
        } else {
          const got = consumer.poll();
          assert.equal(got, polled < committed);
          if (!got) continue;
          const expected = claimed[polled++];
          assert.equal(consumer.length, expected.length);
          assert.equal(consumer.type, 3);
          const bytes = consumer.data.subarray(consumer.position, consumer.position + consumer.length);
          assert.ok(bytes.every((byte) => byte === expected.fill));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a full ring refuses, and takes again after a release; the largest payload always fits an empty ring', () => {
  const memory = allocateRing(4096, NEAR_WRAP);
  const producer = new RingProducer(memory);
  const consumer = new RingConsumer(memory);
  const largest = payloadBytesMax(4096);
  for (let round = 0; round < 5; round++) {
    assert.ok(producer.claim(1, largest) >= 0);
    assert.ok(producer.claim(1, 8) >= 0);
    assert.equal(producer.claim(1, largest), -1);
    producer.commit();
    while (consumer.poll()) assert.equal(consumer.type, 1);
    assert.equal(producer.claim(1, largest), -1, 'polled is not released');
    consumer.release();
  }
  assert.throws(() => producer.claim(1, largest + 1), /half of its ring/);
});

test('whenReady tells of a commit once, and interrupt ends it', async () => {
  const memory = allocateRing(4096);
  const producer = new RingProducer(memory);
  const consumer = new RingConsumer(memory);
  const woken = new Promise<void>((resolve) => assert.equal(consumer.whenReady(resolve), true));
  producer.claim(1, 8);
  producer.commit();
  await woken;
  assert.ok(consumer.poll());
  const interrupted = new Promise<void>((resolve) => assert.equal(consumer.whenReady(resolve), true));
  consumer.interrupt();
  await interrupted;
  assert.equal(consumer.poll(), false);
  producer.claim(1, 8);
  producer.commit();
  assert.equal(
    consumer.whenReady(() => undefined),
    false,
    'what is there already is not waited for',
  );
});

for (const startAt of [0, 2 ** 32 - 64 * 1024]) {
  test(`two threads pass 200,000 entries in order, counters starting at ${startAt}`, async () => {
    const there = allocateRing(64 * 1024, startAt);
    const back = allocateRing(4096, startAt);
    const worker = new Worker(new URL('./consumer-thread.js', import.meta.url), { workerData: { there, back } });
    const failed = new Promise<never>((_, reject) => worker.once('error', reject));
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const producer = new RingProducer(there);
    const consumer = new RingConsumer(back);
    const count = 200_000;
    let sent = 0;
    let received = 0;
    const done = new Promise<void>((resolve) => {
      const turn = (): void => {
        for (;;) {
          while (sent < count) {
            const length = 8 + ((sent * 7919) % 900);
            const at = producer.claim(1 + (sent % 7), length);
            if (at < 0) break;
            producer.data.writeUInt32LE(sent, at);
            producer.data.writeUInt32LE(sent === count - 1 ? 1 : 0, at + 4);
            producer.data.fill(sent & 0xff, at + 8, at + length);
            sent++;
          }
          producer.commit();
          while (consumer.poll()) {
            assert.equal(consumer.data.readUInt32LE(consumer.position), received++);
            assert.equal(consumer.data.readUInt32LE(consumer.position + 4), 0);
          }
          consumer.release();
          if (received === count) {
            resolve();
            return;
          }
          // All was answered while the ring still looked full: nothing would wake this thread.
          if (received === sent) continue;
          if (consumer.whenReady(turn)) return;
        }
      };
      turn();
    });
    await Promise.race([done, failed]);
    await exited;
    assert.equal(received, count);
  });
}
