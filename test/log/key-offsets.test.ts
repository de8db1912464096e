/** The map of keys against a Map, and its bound. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KeyOffsets } from '../../src/log/key-offsets.js';
import { fc } from '../property.js';

it('knows the newest offset of every key', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 200 }),
      fc.constantFrom(0, 5_000_000_000),
      fc.double({ min: 0.1, max: 1, noNaN: true }),
      (keys, base, loadFactor) => {
        const map = new KeyOffsets(base, 1 << 20, loadFactor, keys.length);
        const model = new Map<string, number>();
        keys.forEach((key, at) => {
          const framed = Buffer.concat([Buffer.from('..'), key]);
          map.put(framed, 2, key.length, base + at);
          model.set(framed.toString('hex'), base + at);
        });
        assert.equal(map.size, model.size);
        for (const [hex, offset] of model) {
          const framed = Buffer.from(hex, 'hex');
          assert.equal(map.get(framed, 2, framed.length - 2), offset);
        }
        assert.equal(map.get(Buffer.from('four'), 0, 4), -1);
      },
    ),
  );
});

it('takes no more keys than its bytes have room for, and ends every search', () => {
  const map = new KeyOffsets(0, 20 * 1000, 0.9, 1e9);
  let keys = 0;
  while (!map.isFull) map.put(Buffer.from(`key ${keys}`), 0, Buffer.byteLength(`key ${keys}`), keys++);
  assert.ok(keys > 850 && keys <= 900, String(keys));
  for (let key = 0; key < keys; key++) {
    assert.equal(map.get(Buffer.from(`key ${key}`), 0, Buffer.byteLength(`key ${key}`)), key);
  }
  assert.equal(map.get(Buffer.from('other'), 0, 5), -1);
  const smallest = new KeyOffsets(0, 1, 1, 1e9);
  while (!smallest.isFull) smallest.put(Buffer.from([smallest.size]), 0, 1, smallest.size);
  assert.equal(smallest.get(Buffer.from('x'), 0, 1), -1);
});

it('says where offsets are too far apart to be told', () => {
  const map = new KeyOffsets(10, 1000, 0.9, 100);
  assert.equal(map.reaches(10 + 2 ** 32 - 2), true);
  assert.equal(map.reaches(10 + 2 ** 32 - 1), false);
  map.put(Buffer.from('k'), 0, 1, 10 + 2 ** 32 - 2);
  assert.equal(map.get(Buffer.from('k'), 0, 1), 10 + 2 ** 32 - 2);
});
