/** Every codec both ways: other people's batches, other people's decoders, lies, bombs and garbage. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as zlib from 'node:zlib';
import { KafkaError } from '../../src/base/kafka-error.js';
import * as layout from '../../src/record/batch-layout.js';
import {
  codecNumber,
  compress,
  decompress,
  UNFOLDED_BYTES_ALWAYS,
  UNFOLDED_BYTES_MAX,
  unfoldedBytesMax,
} from '../../src/record/compression.js';
import { unfoldLz4 } from '../../src/record/lz4.js';
import { decodeRecords, encodeBatch } from '../../src/record/record.js';
import { codecOf } from '../../src/record/record-batch.js';
import { unfoldSnappy } from '../../src/record/snappy.js';
import { unfoldZstd } from '../../src/record/zstd.js';
import { fc } from '../property.js';
import { goldenBatches, goldenRecords } from './golden-batches.js';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const MIB = 1024 * 1024;
const require = createRequire(import.meta.url);

interface ForeignCodecs {
  readonly snappy: { compressSync(bytes: Uint8Array): Buffer; uncompressSync(bytes: Uint8Array): Buffer };
  readonly lz4: {
    compressFrameSync(bytes: Uint8Array, options?: { contentChecksum?: boolean; blockChecksums?: boolean }): Buffer;
    decompressFrameSync(bytes: Uint8Array): Buffer;
  };
}

/** Native codecs of other people; null, and the test skipped, where no binary is made for this machine. */
function foreignCodecs(t: TestContext): ForeignCodecs | null {
  try {
    return { snappy: require('snappy'), lz4: require('lz4-napi') };
  } catch (error) {
    t.skip(`snappy and lz4-napi cannot be loaded: ${(error as Error).message}`);
    return null;
  }
}

/** From noise to nothing but repetition, around the sizes where lengths need more bytes and blocks end. */
const payload = fc
  .record({
    size: fc.oneof(fc.nat(300), fc.integer({ min: 65_500, max: 65_600 }), fc.nat(200_000)),
    period: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 60_000, max: 70_000 })),
    noiseEvery: fc.integer({ min: 1, max: 5_000 }),
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  })
  .map(({ size, period, noiseEvery, seed }) => {
    const bytes = Buffer.alloc(size);
    let state = seed;
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      bytes[i] = i < period || i % noiseEvery === 0 ? state >>> 24 : bytes[i - period];
    }
    return bytes;
  });

function errorOf(unfold: () => unknown): string {
  try {
    unfold();
    return 'NONE';
  } catch (error) {
    assert.ok(error instanceof KafkaError, `not a KafkaError: ${(error as Error).stack}`);
    return error.error;
  }
}

/** The batch with other bytes for records. */
function withBody(batch: Buffer, body: Uint8Array): Buffer {
  const changed = Buffer.concat([batch.subarray(0, layout.RECORDS), body]);
  changed.writeInt32BE(changed.length - layout.LENGTH_OVERHEAD_BYTES, layout.BATCH_LENGTH);
  return changed;
}

describe('batches of real clients', () => {
  for (const { from, codec, hex } of goldenBatches()) {
    const batch = Buffer.from(hex, 'hex');

    it(`${from}, ${codec}: every record is there`, () => {
      assert.equal(codecOf(batch, 0), codecNumber(codec));
      assert.deepEqual(
        decodeRecords(batch).map(({ key, value }) => ({ key: key?.toString(), value: value?.toString() })),
        goldenRecords(),
      );
    });

    it(`${from}, ${codec}: cut anywhere, it is an error and nothing worse`, () => {
      for (let end = layout.RECORDS; end < batch.length; end += 7) {
        const cut = withBody(batch, batch.subarray(layout.RECORDS, end));
        assert.equal(
          errorOf(() => decodeRecords(cut)),
          'CORRUPT_MESSAGE',
          `cut at ${end}`,
        );
      }
    });

    it(`${from}, ${codec}: damaged anywhere, it is an error at worst`, () => {
      const place = fc.integer({ min: layout.RECORDS, max: batch.length - 1 });
      fc.assert(
        fc.property(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 }), (changes) => {
          const damaged = Buffer.from(batch);
          for (const [at, byte] of changes) damaged[at] = byte;
          assert.ok(['NONE', 'CORRUPT_MESSAGE', 'INVALID_RECORD'].includes(errorOf(() => decodeRecords(damaged))));
        }),
      );
    });
  }

  it('show both ways to send snappy', () => {
    const starts = goldenBatches()
      .filter(({ codec }) => codec === 'snappy')
      .map(({ from, hex }) => [from, hex.slice(layout.RECORDS * 2).startsWith('82534e4150505900')]);
    assert.deepEqual(Object.fromEntries(starts), { librdkafka: false, java: true, 'franz-go': false, kafkajs: false });
  });
});

describe('every codec', () => {
  for (const codec of codecs) {
    const number = codecNumber(codec);

    it(`${codec} gives back what it was given`, () => {
      fc.assert(
        fc.property(payload, (bytes) => {
          assert.deepEqual(Buffer.from(decompress(number, compress(codec, bytes))), bytes);
        }),
      );
    });

    it(`${codec} makes log lines smaller`, () => {
      const text = Buffer.from(
        goldenRecords()
          .map(({ value }) => value)
          .join('\n'),
      );
      assert.ok(compress(codec, text).length < text.length / 5);
    });

    it(`${codec} cut at every byte is an error`, () => {
      const value = Buffer.from(goldenRecords()[0].value.slice(0, 1_000));
      const batch = encodeBatch({ records: [{ value }, { value }], compression: codec });
      for (let end = layout.RECORDS; end < batch.length; end++) {
        const cut = withBody(batch, batch.subarray(layout.RECORDS, end));
        assert.equal(
          errorOf(() => decodeRecords(cut)),
          'CORRUPT_MESSAGE',
          `cut at ${end}`,
        );
      }
    });

    it(`${codec} takes garbage for what it is`, () => {
      const start = compress(codec, Buffer.from('the start of a frame, to get behind the first checks'));
      fc.assert(
        fc.property(fc.nat(start.length), fc.uint8Array({ maxLength: 300 }), (kept, garbage) => {
          const bytes = Buffer.concat([start.subarray(0, kept), garbage]);
          assert.ok(['NONE', 'CORRUPT_MESSAGE', 'INVALID_RECORD'].includes(errorOf(() => decompress(number, bytes))));
        }),
        { numRuns: 1_000 },
      );
    });
  }

  it('that does not exist is said to', () => {
    for (const number of [5, 6, 7]) {
      assert.equal(
        errorOf(() => decompress(number, Buffer.alloc(9))),
        'UNSUPPORTED_COMPRESSION_TYPE',
      );
    }
  });
});

describe("other people's codecs", () => {
  it('read our snappy and lz4, and we theirs', (t) => {
    const foreign = foreignCodecs(t);
    if (!foreign) return;
    fc.assert(
      fc.property(payload, fc.boolean(), fc.boolean(), (bytes, contentChecksum, blockChecksums) => {
        assert.deepEqual(foreign.snappy.uncompressSync(Buffer.from(compress('snappy', bytes))), bytes);
        assert.deepEqual(Buffer.from(unfoldSnappy(foreign.snappy.compressSync(bytes), MIB)), bytes);
        assert.deepEqual(foreign.lz4.decompressFrameSync(Buffer.from(compress('lz4', bytes))), bytes);
        const frame = foreign.lz4.compressFrameSync(bytes, { contentChecksum, blockChecksums });
        assert.deepEqual(Buffer.from(unfoldLz4(frame, MIB)), bytes);
      }),
    );
  });
});

describe('what unfolds too far', () => {
  it('has a limit that grows with what was sent, between two ends', () => {
    assert.equal(unfoldedBytesMax(1), UNFOLDED_BYTES_ALWAYS);
    assert.equal(unfoldedBytesMax(100 * 1024), 100 * MIB);
    assert.equal(unfoldedBytesMax(100 * MIB), UNFOLDED_BYTES_MAX);
  });

  it('is refused with the numbers: gzip', () => {
    const bomb = zlib.gzipSync(Buffer.alloc(90 * MIB));
    assert.throws(() => decompress(layout.CODEC_GZIP, bomb), {
      error: 'INVALID_RECORD',
      message: /^\d+ bytes of gzip data unfold to more than the \d+ bytes that are allowed for so few\.$/,
    });
  });

  it('is refused before memory is taken: snappy', () => {
    const bytes = compress('snappy', Buffer.alloc(200_000));
    assert.equal(
      errorOf(() => unfoldSnappy(bytes, 199_999)),
      'INVALID_RECORD',
    );
    assert.equal(unfoldSnappy(bytes, 200_000).length, 200_000);
    // A length of 2 GiB in front of nothing.
    const liar = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x07, 0x00]);
    assert.equal(
      errorOf(() => decompress(layout.CODEC_SNAPPY, liar)),
      'CORRUPT_MESSAGE',
    );
    const blocks = Buffer.concat([xerialHeader(), xerialBlock(bytes), xerialBlock(bytes)]);
    assert.equal(
      errorOf(() => unfoldSnappy(blocks, 399_999)),
      'INVALID_RECORD',
    );
    assert.equal(unfoldSnappy(blocks, 400_000).length, 400_000);
    assert.equal(
      errorOf(() => unfoldSnappy(Buffer.concat([xerialHeader(), xerialBlock(liar)]), MIB)),
      'CORRUPT_MESSAGE',
    );
  });

  it('is refused at the limit: lz4', () => {
    const bytes = compress('lz4', Buffer.alloc(300_000));
    assert.equal(
      errorOf(() => unfoldLz4(bytes, 299_999)),
      'INVALID_RECORD',
    );
    assert.equal(unfoldLz4(bytes, 300_000).length, 300_000);
    const claim = Buffer.concat([Buffer.from('04224d186840', 'hex'), Buffer.alloc(8), Buffer.alloc(1 + 4)]);
    assert.equal(unfoldLz4(claim, 9).length, 0);
    claim.writeUInt32LE(8, 6);
    assert.equal(
      errorOf(() => unfoldLz4(claim, 9)),
      'CORRUPT_MESSAGE',
    );
    claim.writeUInt32LE(10, 6);
    assert.equal(
      errorOf(() => unfoldLz4(claim, 9)),
      'INVALID_RECORD',
    );
  });

  it('is refused without being unfolded: zstd, a byte repeated', () => {
    const frame = repeatedFrame(3_000);
    assert.ok(frame.length < 13_000);
    assert.equal(
      errorOf(() => decompress(layout.CODEC_ZSTD, frame)),
      'INVALID_RECORD',
    );
    assert.equal(unfoldZstd(repeatedFrame(3), MIB).length, 3 * 128 * 1024);
  });

  it('is refused by the size that it declares, and at the limit where it declares none: zstd', () => {
    const declared = compress('zstd', Buffer.alloc(70 * MIB));
    assert.equal(
      errorOf(() => decompress(layout.CODEC_ZSTD, declared)),
      'INVALID_RECORD',
    );
    const java = goldenBatches().find(({ from, codec }) => from === 'java' && codec === 'zstd');
    const body = Buffer.from(java?.hex ?? '', 'hex').subarray(layout.RECORDS);
    const size = unfoldZstd(body, MIB).length;
    assert.equal(
      errorOf(() => unfoldZstd(body, size - 1)),
      'INVALID_RECORD',
    );
    assert.equal(unfoldZstd(body, size).length, size);
    // Large enough that the memory for it is not kept; the next one must not notice.
    assert.equal(unfoldZstd(compress('zstd', Buffer.alloc(40 * MIB)), 40 * MIB).length, 40 * MIB);
    assert.equal(unfoldZstd(body, MIB).length, size);
  });

  it('several frames count together, and those to be passed over count nothing: zstd', () => {
    const one = compress('zstd', Buffer.from('one,'));
    const skipped = Buffer.concat([Buffer.from('5e2a4d1803000000', 'hex'), Buffer.from('xyz')]);
    const both = Buffer.concat([one, skipped, compress('zstd', Buffer.from('two'))]);
    assert.equal(Buffer.from(unfoldZstd(both, 7)).toString(), 'one,two');
    assert.equal(
      errorOf(() => unfoldZstd(both, 6)),
      'INVALID_RECORD',
    );
    const many = Buffer.concat(Array(1_025).fill(one));
    assert.equal(unfoldZstd(many.subarray(one.length), MIB).length, 4 * 1_024);
    assert.equal(
      errorOf(() => unfoldZstd(many, MIB)),
      'CORRUPT_MESSAGE',
    );
  });
});

describe('zstd on a machine without the package', () => {
  it('says which one is missing', (t) => {
    if ('zstdDecompressSync' in zlib) return t.skip(`Node.js ${process.versions.node} needs no package for zstd`);
    const compression = pathToFileURL(require.resolve('../../src/record/compression.js')).href;
    const program = `
      import Module from 'node:module';
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...rest) => {
        if (name.includes('zstd-wasm')) throw new Error('Cannot find module');
        return resolve.call(Module, name, ...rest);
      };
      const { canDecompress, compress } = await import('${compression}');
      console.log(canDecompress(3), canDecompress(4));
      try { compress('zstd', Buffer.from('x')); } catch (error) { console.log(error.error, error.message); }`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    assert.match(
      printed,
      /^true false\nUNSUPPORTED_COMPRESSION_TYPE For zstd, Node\.js \S+ needs the package @bokuweb\/zstd-wasm, which/,
    );
  });
});

function xerialHeader(): Buffer {
  return Buffer.from('82534e41505059000000000100000001', 'hex');
}

function xerialBlock(block: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(block.length);
  return Buffer.concat([length, block]);
}

/** A frame of blocks that say each in four bytes: 128 KiB of the letter x. */
function repeatedFrame(blocks: number): Buffer {
  const size = 128 * 1024;
  const frame = [Buffer.from('28b52ffd0058', 'hex')];
  for (let left = blocks; left > 0; left--) {
    const block = Buffer.alloc(4, 'x');
    block.writeUIntLE((size << 3) | (1 << 1) | (left === 1 ? 1 : 0), 0, 3);
    frame.push(block);
  }
  return Buffer.concat(frame);
}
