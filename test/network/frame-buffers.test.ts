/** Memory for requests that have not arrived whole: reused, bounded for all together, and never a reason to wait for ever. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameBuffers } from '../../src/network/frame-buffers.js';
import { fc } from '../property.js';
import { echo, frame, TestNode, turns } from './node.js';

const KiB = 1024;
const nobody = { onRoom() {} };

test('a buffer holds what was asked for, and is counted until it is given back', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 6 * KiB * KiB }), { maxLength: 30 }), (sizes) => {
      const buffers = new FrameBuffers(256 * KiB * KiB);
      const taken = sizes.map((size) => {
        const buffer = buffers.take(size);
        assert.ok(buffer.length >= size && buffer.length < Math.max(16 * KiB + 1, 2 * size));
        return buffer;
      });
      assert.equal(new Set(taken).size, taken.length);
      assert.equal(
        buffers.usedBytes,
        taken.reduce((sum, { length }) => sum + length, 0),
      );
      for (const buffer of taken) buffers.give(buffer);
      assert.equal(buffers.usedBytes, 0);
    }),
  );
});

test('what is given back is used again, and let go bit by bit when nobody wants it', () => {
  const buffers = new FrameBuffers(KiB * KiB);
  const first = buffers.take(20 * KiB);
  buffers.give(first);
  assert.equal(buffers.take(32 * KiB), first);
  buffers.give(first);
  buffers.trim();
  assert.notEqual(buffers.take(32 * KiB), first);
});

test('beyond the budget one may grow and the others wait, first come first served', () => {
  const buffers = new FrameBuffers(64 * KiB);
  const told: string[] = [];
  const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ onRoom: () => void told.push(name) }));
  const held = buffers.take(64 * KiB);
  assert.equal(buffers.mayGrow(a, 1), true);
  assert.equal(buffers.mayGrow(b, 1), false);
  assert.equal(buffers.mayGrow(c, 1), false);
  assert.equal(buffers.mayGrow(a, 100 * KiB), true);
  buffers.settled(a);
  assert.deepEqual(told, ['b']);
  assert.equal(buffers.mayGrow(b, 1), true);
  buffers.give(held);
  assert.deepEqual(told, ['b', 'c']);
  buffers.settled(nobody);
  buffers.settled(b);
  assert.deepEqual(told, ['b', 'c']);
});

test('requests that together are far beyond the budget all arrive', async () => {
  await TestNode.run(echo, { incompleteBytesMax: 256 * KiB }, async (node) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => node.client()));
    const body = Buffer.alloc(300 * KiB, 5);
    const bytes = frame(body);
    for (const client of clients) client.socket.write(bytes.subarray(0, 200 * KiB));
    await turns(50);
    for (const client of clients) client.socket.write(bytes.subarray(200 * KiB));
    for (const client of clients) assert.ok((await client.frame())?.equals(body));
  });
});

test('those who fill the budget and stall are given up, and the others go on', async () => {
  await TestNode.run(echo, { incompleteBytesMax: 256 * KiB }, async (node) => {
    const bytes = frame(Buffer.alloc(300 * KiB, 5));
    const stalled = await Promise.all(Array.from({ length: 5 }, () => node.client()));
    for (const client of stalled) client.socket.write(bytes.subarray(0, 200 * KiB));
    await turns(50);
    const good = await node.client();
    good.socket.write(bytes);
    let arrived = false;
    const arrival = good.frame().then(() => {
      arrived = true;
    });
    while (!arrived) {
      node.clock.advance(10_000);
      await turns();
    }
    await arrival;
  });
});
