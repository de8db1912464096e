/** The load client's frame cutter finds the same frames however the bytes are cut up. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameCutter } from '../../bench/load/frame-cutter.js';
import { fc } from '../property.js';

function framed(body: Uint8Array): Buffer {
  const frame = Buffer.alloc(4 + body.length);
  frame.writeInt32BE(body.length);
  frame.set(body, 4);
  return frame;
}

test('frames come out whole and in order, wherever the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map(framed));
        const seen: Buffer[] = [];
        const cutter = new FrameCutter((buffer, start, end) => {
          seen.push(Buffer.from(buffer.subarray(start + 4, end)));
        });
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const length = Math.min(cuts[turn % cuts.length], stream.length - at);
          cutter.push(stream.subarray(at, at + length), length);
          at += length;
        }
        assert.deepEqual(seen, bodies.map(Buffer.from));
      },
    ),
  );
});

test('a frame larger than its first buffer is kept whole', () => {
  const body = Buffer.alloc(300_000, 7);
  let seen = 0;
  const cutter = new FrameCutter((_, start, end) => {
    seen = end - start;
  });
  const stream = framed(body);
  for (let at = 0; at < stream.length; at += 1000) {
    const piece = stream.subarray(at, at + 1000);
    cutter.push(piece, piece.length);
  }
  assert.equal(seen, 300_004);
});
