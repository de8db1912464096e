/** Batches with records taken out: what is left is what was there, under the same offsets, whatever the codec. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BatchFilter, emptied } from '../../src/record/batch-filter.js';
import { compressionName } from '../../src/record/compression.js';
import { decodeRecords, encodeBatch, type LogRecord } from '../../src/record/record.js';
import * as header from '../../src/record/record-batch.js';
import { fc } from '../property.js';

const blob = fc.option(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { freq: 4 },
);
const record = fc.record({
  key: blob,
  value: blob,
  timestampMs: fc.oneof(
    fc.integer({ min: -1, max: 2 ** 45 }),
    fc.integer({ min: 1_700_000_000_000, max: 1_700_000_001_000 }),
  ),
  headers: fc.array(fc.record({ key: fc.string({ maxLength: 8 }), value: blob }), { maxLength: 2 }),
  kept: fc.boolean(),
  gap: fc.nat(3),
});
const batch = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 20 }),
  compression: fc.constantFrom('none', 'gzip', 'snappy', 'lz4', 'zstd'),
  producerId: fc.constantFrom(-1, 5),
  horizonMs: fc.option(fc.integer({ min: 1, max: 2 ** 51 })),
});

const plain = ({ offset, timestampMs, key, value, headers }: LogRecord): unknown => ({
  offset,
  timestampMs,
  key: key?.toString('hex') ?? null,
  value: value?.toString('hex') ?? null,
  headers: headers.map(({ key: name, value: content }) => [String(name), content?.toString('hex') ?? null]),
});

/** Everything that must not change. */
const identity = (bytes: Buffer): unknown => [
  header.baseOffsetOf(bytes, 0),
  header.lastOffsetOf(bytes, 0),
  header.leaderEpochOf(bytes, 0),
  header.producerIdOf(bytes, 0),
  header.producerEpochOf(bytes, 0),
  header.baseSequenceOf(bytes, 0),
];

const assertSound = (bytes: Buffer): void => {
  assert.equal(header.sizeOf(bytes, 0), bytes.length);
  assert.equal(header.computeCrc(bytes, 0, bytes.length), header.crcOf(bytes, 0));
};

describe('a filtered batch', () => {
  it('holds what was kept and nothing else', () => {
    fc.assert(
      fc.property(batch, ({ records, compression, producerId, horizonMs }) => {
        let offset = 1000;
        const placed = records.map((one) => ({ ...one, offset: (offset += 1 + one.gap) }));
        const original = encodeBatch({
          records: placed,
          baseOffset: 1000,
          compression,
          leaderEpoch: 7,
          ...(producerId < 0 ? {} : { producerId, producerEpoch: 2, baseSequence: 90 }),
        });
        const keptOffsets = new Set(placed.filter((one) => one.kept).map((one) => one.offset));
        const filter = new BatchFilter();
        const asked: number[] = [];
        filter.look(original, {
          keeps: (_, at) => {
            asked.push(at);
            return keptOffsets.has(at);
          },
        });
        assert.deepEqual(
          asked,
          placed.map((one) => one.offset),
        );
        assert.equal(filter.kept, keptOffsets.size);
        const tombstone = placed.some((one) => one.kept && one.key !== null && one.value === null);
        assert.equal(filter.keepsTombstone, tombstone);
        if (filter.kept === 0) return;
        const rewritten = filter.rewritten(horizonMs ?? -1);
        assertSound(rewritten);
        assert.deepEqual(identity(rewritten), identity(original));
        assert.equal(compressionName(header.codecOf(rewritten, 0)), compression);
        assert.equal(header.hasDeleteHorizon(rewritten, 0), horizonMs !== null);
        if (horizonMs !== null) assert.equal(header.baseTimestampOf(rewritten, 0), horizonMs);
        const expected = decodeRecords(original).filter((one) => keptOffsets.has(one.offset));
        assert.deepEqual(decodeRecords(rewritten).map(plain), expected.map(plain));
        const largest = Math.max(...expected.map((one) => one.timestampMs));
        assert.equal(header.maxTimestampOf(rewritten, 0), largest);
        // A second time, as the next compaction finds it: what has a horizon keeps it.
        filter.look(rewritten, { keeps: () => true });
        assert.deepEqual(decodeRecords(filter.rewritten(-1)).map(plain), expected.map(plain));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps timestamps in nanoseconds to the last digit', () => {
    const original = encodeBatch({ records: [{ key: Buffer.from('k'), value: null, timestampMs: 0 }] });
    const exact = 1_700_000_000_123_456_789n;
    original.writeBigInt64BE(exact, 27);
    original.writeBigInt64BE(exact, 35);
    const filter = new BatchFilter();
    filter.look(original, { keeps: () => true });
    const rewritten = filter.rewritten(1_800_000_000_000);
    assert.equal(rewritten.readBigInt64BE(35), exact);
    // length, attributes, then the zigzag-coded difference to the horizon
    let delta = 0n;
    let shift = 0n;
    let at = 61;
    while (rewritten[at] >= 128) at++;
    for (at += 2; ; at++) {
      delta |= BigInt(rewritten[at] & 0x7f) << shift;
      shift += 7n;
      if (rewritten[at] < 128) break;
    }
    assert.equal(((delta >> 1n) ^ -(delta & 1n)) + 1_800_000_000_000n, exact);
  });

  it('without any record is a header that says the same of offsets and sequences', () => {
    const original = encodeBatch({
      records: [1, 2, 3].map((timestampMs) => ({ key: Buffer.from('k'), value: null, timestampMs })),
      baseOffset: 20,
      compression: 'gzip',
      producerId: 4,
      producerEpoch: 1,
      baseSequence: 8,
    });
    const empty = emptied(original);
    assertSound(empty);
    assert.deepEqual(identity(empty), identity(original));
    assert.deepEqual([header.recordsCountOf(empty, 0), header.codecOf(empty, 0), empty.length], [0, 0, 61]);
    assert.equal(header.maxTimestampOf(empty, 0), 3);
    assert.deepEqual(decodeRecords(empty), []);
  });

  it('that is broken inside is refused', () => {
    const original = encodeBatch({ records: [{ key: Buffer.from('k'), value: Buffer.from('v'), timestampMs: 1 }] });
    const filter = new BatchFilter();
    for (const [at, value] of [
      [61, 0x7f],
      [61, 2],
      [57 + 3, 2],
      [67, 0x40],
    ]) {
      const broken = Buffer.from(original);
      broken[at] = value;
      assert.throws(() => filter.look(broken, { keeps: () => true }), { error: 'CORRUPT_MESSAGE' }, `byte ${at}`);
    }
  });
});
