/** Batches on their way through the side-job pool: compressed anew with nothing else changed, and bombs. Test process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as zlib from 'node:zlib';
import * as layout from '../../src/record/batch-layout.js';
import { needsPreparation, type PreparationRules, prepareBatch } from '../../src/record/batch-preparation.js';
import { codecNumber, compress } from '../../src/record/compression.js';
import { decodeRecords, encodeBatch } from '../../src/record/record.js';
import { codecOf, computeCrc, crcOf } from '../../src/record/record-batch.js';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
const NOW_MS = 1_700_000_000_000;
const MIB = 1024 * 1024;
const rules: PreparationRules = {
  validation: 'header',
  compression: 'producer',
  compressionLevel: 1,
  messageBytesMax: MIB,
  segmentBytesMax: 16 * MIB,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  compacted: false,
};
const records = Array.from({ length: 40 }, (_, at) => ({
  key: at % 3 === 0 ? null : Buffer.from(`key ${at}`),
  value: at % 7 === 0 ? null : Buffer.from(`value ${at} `.repeat(20)),
  timestampMs: NOW_MS + at,
  headers: [{ key: 'trace', value: Buffer.from([at, 0xff]) }],
}));

/** A batch with these bytes for its records, whatever they are. */
function withRecords(codec: (typeof codecs)[number], body: Uint8Array): Buffer {
  const { length } = records;
  const batch = Buffer.concat([encodeBatch({ records }).subarray(0, layout.RECORDS), body]);
  batch.writeInt32BE(batch.length - layout.LENGTH_OVERHEAD_BYTES, layout.BATCH_LENGTH);
  batch.writeInt16BE(codecNumber(codec), layout.ATTRIBUTES);
  batch.writeInt32BE(length, layout.RECORDS_COUNT);
  batch.writeUInt32BE(computeCrc(batch, 0, batch.length), layout.CRC);
  return batch;
}

describe('a batch that is compressed anew', () => {
  for (const from of codecs) {
    for (const to of codecs) {
      it(`from ${from} to ${to} is the same but for codec, size and CRC`, () => {
        const of = { producerId: 7, producerEpoch: 3, baseSequence: 1000 };
        const sent = encodeBatch({ records, compression: from, ...of });
        const wanted = { ...rules, compression: to };
        assert.equal(needsPreparation(sent, wanted), from !== to);
        const { error, batch } = prepareBatch(Buffer.from(sent), wanted, NOW_MS);
        assert.equal(error, 'NONE');
        const made = Buffer.from(batch ?? []);
        assert.equal(codecOf(made, 0), codecNumber(to));
        assert.equal(crcOf(made, 0), computeCrc(made, 0, made.length));
        assert.deepEqual(decodeRecords(made), decodeRecords(sent));
        assert.deepEqual(
          made.subarray(layout.LAST_OFFSET_DELTA, layout.RECORDS),
          sent.subarray(layout.LAST_OFFSET_DELTA, layout.RECORDS),
        );
        if (from === to) assert.deepEqual(made, sent);
      });
    }
  }

  it('becomes smaller at a higher level of gzip and of zstd', () => {
    const text = Buffer.from(Array.from({ length: 9_000 }, (_, at) => `${at * at} lines of a log `).join(''));
    const size = (codec: 'gzip' | 'zstd', level: number) => compress(codec, text, level).length;
    assert.ok(size('gzip', 9) < size('gzip', 1));
    assert.ok(size('zstd', 19) < size('zstd', -5));
  });

  it('must fit into the topic as it will be stored', () => {
    const batch = encodeBatch({ records: [{ value: Buffer.alloc(2 * MIB) }], compression: 'gzip' });
    assert.equal(prepareBatch(batch, { ...rules, compression: 'none' }, NOW_MS).error, 'MESSAGE_TOO_LARGE');
  });

  it('is refused for good where its records are no records', () => {
    for (const codec of codecs.slice(1)) {
      const noise = Buffer.alloc(5_000, 'no record at all');
      const wanted = { ...rules, compression: 'none' } as const;
      assert.equal(prepareBatch(withRecords(codec, noise), wanted, NOW_MS).error, 'INVALID_RECORD', codec);
      const folded = compress(codec, noise);
      const { error, recordErrors } = prepareBatch(withRecords(codec, folded), wanted, NOW_MS);
      assert.equal(error, 'INVALID_RECORD', codec);
      assert.equal(recordErrors?.[0].index, 0);
    }
  });
});

describe('a bomb', () => {
  const every = { ...rules, validation: 'records' } as const;
  const zeros = Buffer.alloc(100 * MIB);
  const gzip = zlib.gzipSync(zeros);
  const bombs: [string, (typeof codecs)[number], () => Uint8Array][] = [
    ['of gzip', 'gzip', () => gzip],
    ['of gzip in gzip', 'gzip', () => zlib.gzipSync(gzip)],
    ['of gzip, cut', 'gzip', () => gzip.subarray(0, gzip.length - 9)],
    ['of gzip, two members', 'gzip', () => Buffer.concat([gzip, gzip])],
    ['of snappy', 'snappy', () => lying(compress('snappy', Buffer.alloc(9 * MIB)), 2 ** 31 - 1)],
    ['of lz4', 'lz4', () => compress('lz4', zeros)],
    ['of lz4, cut', 'lz4', () => compress('lz4', zeros).subarray(0, 200_000)],
    ['of zstd', 'zstd', () => compress('zstd', zeros)],
    ['of zstd, cut', 'zstd', () => compress('zstd', zeros).subarray(0, 5_000)],
    ['of zstd in zstd', 'zstd', () => compress('zstd', compress('zstd', zeros))],
  ];
  for (const [name, codec, body] of bombs) {
    it(`${name} is refused for good, and soon`, (t) => {
      const batch = withRecords(codec, body());
      const begunMs = performance.now();
      const { error, message } = prepareBatch(batch, every, NOW_MS);
      const tookMs = performance.now() - begunMs;
      t.diagnostic(`${batch.length} bytes: ${Math.round(tookMs)} ms: ${message}`);
      assert.equal(error, 'INVALID_RECORD');
      // Alone it takes a fraction of this: other tests run beside.
      assert.ok(tookMs < 1_000, `${tookMs} ms`);
    });
  }
});

/** Says that it unfolds to another length than it does. */
function lying(block: Uint8Array, length: number): Buffer {
  const at = block.findIndex((byte) => byte < 128) + 1;
  const varint: number[] = [];
  let rest = length;
  for (; rest > 127; rest = Math.floor(rest / 128)) varint.push((rest % 128) | 0x80);
  return Buffer.concat([Buffer.from([...varint, rest]), block.subarray(at)]);
}
