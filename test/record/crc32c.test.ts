/** CRC-32C: known values, and the two implementations against each other. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c, crc32cByTables } from '../../src/record/crc32c.js';
import { fc } from '../property.js';

describe('CRC-32C', () => {
  it('gives the values of RFC 3720, B.4', () => {
    const rising = Uint8Array.from({ length: 32 }, (_, i) => i);
    for (const crc of [crc32c, crc32cByTables]) {
      assert.equal(crc(Buffer.from('123456789')), 0xe3069283);
      assert.equal(crc(new Uint8Array(32)), 0x8a9136aa);
      assert.equal(crc(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
      assert.equal(crc(rising), 0x46dd794e);
      assert.equal(crc(new Uint8Array(0)), 0);
    }
  });

  it('is the same natively and by tables, whole, in part and in two pieces, on shared memory too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(), fc.nat(), (bytes, a, b) => {
        const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
        shared.set(bytes);
        const cuts = [a % (bytes.length + 1), b % (bytes.length + 1)].sort((x, y) => x - y);
        const [start, end] = cuts;
        const whole = crc32cByTables(bytes, start, end);
        assert.equal(crc32c(shared, start, end), whole);
        const middle = start + ((end - start) >> 1);
        assert.equal(crc32c(bytes, middle, end, crc32c(bytes, start, middle)), whole);
      }),
    );
  });
});
