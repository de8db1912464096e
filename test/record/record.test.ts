/** Records and batches: round trips, header fields, stamping, and bytes that do not add up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KafkaError } from '../../src/base/kafka-error.js';
import { readInt64, writeInt64 } from '../../src/record/int.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../../src/record/record.js';
import * as batch from '../../src/record/record-batch.js';
import { VarintReader, varintLength, writeVarint } from '../../src/record/varint.js';
import { fc } from '../property.js';

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const maybeBytes = fc.option(bytes, { nil: null });
const record = fc.record({
  timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary' }), value: maybeBytes }, { noNullPrototype: true }), {
    maxLength: 3,
  }),
});

describe('integers', () => {
  it('of 64 bits survive as numbers where numbers can hold them, and saturate where not', () => {
    const at = Buffer.alloc(8);
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        writeInt64(at, 0, value);
        assert.equal(at.readBigInt64BE(), BigInt(value));
        assert.equal(readInt64(at, 0), value);
      }),
    );
    writeInt64(at, 0, 2 ** 63);
    assert.equal(at.readBigInt64BE(), 2n ** 63n - 1n);
    writeInt64(at, 0, -(2 ** 64));
    assert.equal(at.readBigInt64BE(), -(2n ** 63n));
  });

  it('as varints survive', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (value) => {
        const at = Buffer.alloc(10);
        const end = writeVarint(at, 0, value);
        assert.equal(end, varintLength(value));
        assert.equal(new VarintReader(at.subarray(0, end)).next(), value);
      }),
    );
  });
});

describe('a batch', () => {
  it('gives back the records it was made of', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 8 }),
        fc.constantFrom('none' as const, 'gzip' as const),
        fc.nat(),
        (records, compression, baseOffset) => {
          const encoded = encodeBatch({ records, compression, baseOffset });
          assert.equal(batch.sizeOf(encoded, 0), encoded.length);
          assert.equal(batch.crcOf(encoded, 0), batch.computeCrc(encoded, 0, encoded.length));
          assert.equal(batch.lastOffsetOf(encoded, 0), baseOffset + records.length - 1);
          assert.equal(batch.maxTimestampOf(encoded, 0), Math.max(...records.map((entry) => entry.timestampMs)));
          assert.deepEqual(
            decodeRecords(encoded),
            records.map((entry, i) => ({ ...entry, offset: baseOffset + i })),
          );
        },
      ),
    );
  });

  it('is stamped without a new CRC, except for its time', () => {
    const encoded = encodeBatch({ records: [{ value: Buffer.from('x'), timestampMs: 5 }], producerId: 2 ** 40 });
    batch.stampPlace(encoded, 0, 2 ** 40 + 3, 77);
    assert.equal(batch.baseOffsetOf(encoded, 0), 2 ** 40 + 3);
    assert.equal(batch.leaderEpochOf(encoded, 0), 77);
    assert.equal(batch.producerIdOf(encoded, 0), 2 ** 40);
    assert.equal(batch.computeCrc(encoded, 0, encoded.length), batch.crcOf(encoded, 0));
    batch.stampLogAppendTime(encoded, 0, encoded.length, 1234);
    assert.equal(batch.computeCrc(encoded, 0, encoded.length), batch.crcOf(encoded, 0));
    assert.equal(decodeRecords(encoded)[0].timestampMs, 1234);
  });

  it('that is cut ends the walk over batches; one that lies about its length is an error', () => {
    const one = encodeBatch({ records: [{ value: Buffer.from('x') }] });
    const two = Buffer.concat([one, one]);
    for (let length = 0; length <= two.length; length++) {
      const whole = length < one.length ? 0 : length < two.length ? 1 : 2;
      assert.equal([...iterateBatches(two.subarray(0, length))].length, whole);
    }
    const liar = Buffer.from(two);
    liar.writeInt32BE(-5, 8);
    assert.throws(() => [...iterateBatches(liar)], KafkaError);
  });

  it('of damaged records throws, never anything but CORRUPT_MESSAGE', () => {
    const encoded = encodeBatch({
      records: [{ key: Buffer.from('key'), value: Buffer.from('value'), headers: [{ key: 'h', value: null }] }],
    });
    fc.assert(
      fc.property(fc.integer({ min: 61, max: encoded.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(encoded);
        damaged[at] ^= flip;
        try {
          decodeRecords(damaged);
        } catch (error) {
          assert.ok(error instanceof KafkaError && error.error === 'CORRUPT_MESSAGE', String(error));
        }
      }),
    );
  });
});
