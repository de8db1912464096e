/** Every reason to refuse a batch, with the code that Kafka's clients expect. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ErrorName } from '../../src/base/error-code.js';
import * as layout from '../../src/record/batch-layout.js';
import { needsPreparation, type PreparationRules, prepareBatch } from '../../src/record/batch-preparation.js';
import { validateBatch } from '../../src/record/batch-validator.js';
import { codecNumber } from '../../src/record/compression.js';
import { encodeBatch } from '../../src/record/record.js';
import { computeCrc, crcOf, maxTimestampOf } from '../../src/record/record-batch.js';
import type { Verdict } from '../../src/record/record-checks.js';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const NOW_MS = 1_700_000_000_000;
const rules: PreparationRules = {
  validation: 'header',
  compression: 'producer',
  compressionLevel: 0,
  messageBytesMax: 1000,
  segmentBytesMax: 2000,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  compacted: false,
};
const good = (): Buffer =>
  encodeBatch({
    records: [
      { key: Buffer.from('k'), value: Buffer.from('v'), timestampMs: NOW_MS },
      { key: Buffer.from('k'), value: null, timestampMs: NOW_MS },
    ],
    producerId: 4,
    producerEpoch: 0,
    baseSequence: 0,
  });

/** As a batch is judged on its way into a log: what is compressed in the side-job pool, if it must be looked into. */
function judge(batch: Buffer, changed: Partial<PreparationRules> = {}, fromClient = true): ErrorName {
  if (fromClient && needsPreparation(batch, { ...rules, ...changed })) {
    const { error, message } = prepareBatch(batch, { ...rules, ...changed }, NOW_MS);
    assert.equal(error === 'NONE', message === null, 'an error comes with a sentence');
    return error;
  }
  const verdict: Verdict = { message: null, recordErrors: null };
  const padded = Buffer.concat([Buffer.alloc(7, 0xee), batch]);
  const error = validateBatch(padded, 7, batch.length, { ...rules, ...changed }, NOW_MS, fromClient, verdict);
  assert.equal(error === 'NONE', verdict.message === null, 'an error comes with a sentence');
  return error;
}

/** A good batch with some header bytes changed and the CRC made right again. */
function withBytes(change: (batch: Buffer) => void): Buffer {
  const batch = good();
  change(batch);
  batch.writeUInt32BE(computeCrc(batch, 0, batch.length), layout.CRC);
  return batch;
}

describe('the batch validator', () => {
  it('takes a good batch', () => {
    assert.equal(judge(good()), 'NONE');
    assert.equal(judge(good(), { compacted: true }), 'NONE');
  });

  it('takes a good batch of every codec, and does not look inside unless the topic is compacted', () => {
    for (const compression of codecs) {
      const record = { key: Buffer.from('k'), value: Buffer.from('v'.repeat(500)), timestampMs: NOW_MS };
      const batch = encodeBatch({ records: [record, record], compression });
      assert.equal(judge(batch), 'NONE');
      assert.equal(judge(batch, { compacted: true }), 'NONE');
      const broken = withBytes((changed) => changed.writeInt16BE(codecNumber(compression), layout.ATTRIBUTES));
      assert.equal(judge(broken), 'NONE');
    }
  });

  const refused: [string, ErrorName, () => Buffer, Partial<PreparationRules>?][] = [
    ['nothing', 'CORRUPT_MESSAGE', () => Buffer.alloc(0)],
    ['half a header', 'CORRUPT_MESSAGE', () => good().subarray(0, 40)],
    ['an old magic', 'INVALID_RECORD', () => withBytes((batch) => batch.writeInt8(1, layout.MAGIC))],
    ['a cut batch', 'CORRUPT_MESSAGE', () => good().subarray(0, good().length - 1)],
    ['two batches', 'INVALID_RECORD', () => Buffer.concat([good(), good()])],
    ['a negative length', 'CORRUPT_MESSAGE', () => withBytes((batch) => batch.writeInt32BE(-1, layout.BATCH_LENGTH))],
    ['a large batch', 'MESSAGE_TOO_LARGE', good, { messageBytesMax: 70 }],
    ['a batch beyond the segment size', 'RECORD_LIST_TOO_LARGE', good, { segmentBytesMax: 70 }],
    ['a flipped bit', 'CORRUPT_MESSAGE', () => flipped(good(), 70)],
    ['a base offset', 'INVALID_RECORD', () => withBytes((batch) => batch.writeInt32BE(5, 4))],
    ['a wrong count', 'INVALID_RECORD', () => withBytes((batch) => batch.writeInt32BE(3, layout.RECORDS_COUNT))],
    [
      'more records than its bytes could hold',
      'INVALID_RECORD',
      () =>
        withBytes((batch) => {
          batch.writeInt32BE(2 ** 31 - 1, layout.RECORDS_COUNT);
          batch.writeInt32BE(2 ** 31 - 2, layout.LAST_OFFSET_DELTA);
        }),
    ],
    ['no records', 'INVALID_RECORD', () => encodeBatch({ records: [] })],
    ['a control batch', 'INVALID_RECORD', () => encodeBatch({ records: [{ value: null }], control: true })],
    ['no sequence', 'INVALID_RECORD', () => withBytes((batch) => batch.writeInt32BE(-1, layout.BASE_SEQUENCE))],
    ['no epoch', 'INVALID_RECORD', () => withBytes((batch) => batch.writeInt16BE(-1, layout.PRODUCER_EPOCH))],
    ['a transaction', 'INVALID_TXN_STATE', () => encodeBatch({ records: [{ value: null }], transactional: true })],
    ['LogAppendTime', 'INVALID_TIMESTAMP', () => withBytes((batch) => batch.writeInt16BE(8, layout.ATTRIBUTES))],
    ['codec 5', 'UNSUPPORTED_COMPRESSION_TYPE', () => withBytes((batch) => batch.writeInt16BE(5, layout.ATTRIBUTES))],
    ['an old timestamp', 'INVALID_TIMESTAMP', () => dated(NOW_MS - 11), { timestampBeforeMaxMs: 10 }],
    ['a future timestamp', 'INVALID_TIMESTAMP', () => dated(NOW_MS + 11), { timestampAfterMaxMs: 10 }],
    ['no key', 'INVALID_RECORD', () => encodeBatch({ records: [{ value: Buffer.from('v') }] }), { compacted: true }],
    ...codecs.flatMap((compression): [string, ErrorName, () => Buffer, Partial<PreparationRules>][] => [
      [
        `no key under ${compression}`,
        'INVALID_RECORD',
        () => encodeBatch({ records: [{ value: Buffer.from('v') }], compression }),
        { compacted: true },
      ],
      [
        `records that are no ${compression}`,
        'INVALID_RECORD',
        () => withBytes((batch) => batch.writeInt16BE(codecNumber(compression), layout.ATTRIBUTES)),
        { compacted: true },
      ],
    ]),
  ];
  for (const [name, error, batch, changed] of refused) {
    it(`refuses ${name} with ${error}`, () => assert.equal(judge(batch(), changed), error));
  }

  const every = { validation: 'records' } as const;
  for (const compression of ['none', ...codecs] as const) {
    it(`names the records that are to blame, ${compression}`, () => {
      const record = (timestampMs: number) => ({ value: Buffer.from('v'), timestampMs });
      const batch = encodeBatch({ records: [record(NOW_MS), record(NOW_MS - 99), record(NOW_MS + 99)], compression });
      const strict = { ...rules, ...every, timestampBeforeMaxMs: 10, timestampAfterMaxMs: 10 };
      const judged =
        compression === 'none'
          ? { ...validated(batch, strict), batch: null }
          : prepareBatch(Buffer.from(batch), strict, NOW_MS);
      assert.equal(judged.error, 'INVALID_TIMESTAMP');
      assert.deepEqual(
        judged.recordErrors?.map(({ index }) => index),
        [1, 2],
      );
      assert.match(judged.message ?? '', /^2 of 3 records are refused, the first: Record 1 of the batch has timestamp/);
      assert.equal(judge(batch, { ...strict, validation: 'off' }), 'NONE');
    });
  }

  it('checks in each mode what that promises: what the log rests on, and keys where it is compacted, always', () => {
    const old = () => dated(NOW_MS - 11);
    const keyless = () => encodeBatch({ records: [{ value: Buffer.from('v'), timestampMs: NOW_MS }] });
    const lying = () =>
      withBytes((batch) => {
        batch[layout.RECORDS] = 0x7f;
      });
    const cases: [string, () => Buffer, Partial<PreparationRules>, boolean[]][] = [
      // Whether it is refused with: off, header, records.
      ['a good batch', good, {}, [false, false, false]],
      ['a flipped bit', () => flipped(good(), 70), {}, [true, true, true]],
      [
        'a wrong count',
        () => withBytes((batch) => batch.writeInt32BE(3, layout.RECORDS_COUNT)),
        {},
        [true, true, true],
      ],
      ['an old timestamp', old, { timestampBeforeMaxMs: 10 }, [false, true, true]],
      ['a record that is none', lying, {}, [false, false, true]],
      ['no key', keyless, {}, [false, false, false]],
      ['no key where it is compacted', keyless, { compacted: true }, [true, true, true]],
      ['a record that is none where it is compacted', lying, { compacted: true }, [true, true, true]],
      ...codecs.map((compression): [string, () => Buffer, Partial<PreparationRules>, boolean[]] => [
        `no key under ${compression} where it is compacted`,
        () => encodeBatch({ records: [{ value: Buffer.from('v'), timestampMs: NOW_MS }], compression }),
        { compacted: true },
        [true, true, true],
      ]),
    ];
    for (const [what, batch, changed, refusals] of cases) {
      const modes = ['off', 'header', 'records'] as const;
      const found = modes.map((validation) => judge(batch(), { ...changed, validation }) !== 'NONE');
      assert.deepEqual(found, refusals, what);
    }
  });

  it('looks at every byte of every record where it is told to, and only there', () => {
    const last = good().length - 1;
    for (let at = layout.RECORDS; at <= last; at++) {
      const cut = withBytes((batch) => {
        batch[at] = 0x7f;
      });
      // Attributes and timestamps come first in a record; they and the bytes of keys and values may be any.
      const free = [1, 2, 5, 7, 10, 11, 14].includes(at - layout.RECORDS);
      if (!free && judge(cut, every) === 'NONE') assert.fail(`a record with byte ${at} changed is taken`);
      assert.equal(judge(cut), 'NONE');
    }
  });

  it('sets a largest timestamp right that the header is wrong about', () => {
    const lying = withBytes((batch) => batch.writeBigInt64BE(5n, layout.MAX_TIMESTAMP));
    assert.equal(validated(lying, { ...rules, ...every }).error, 'NONE');
    assert.equal(maxTimestampOf(lying, 0), NOW_MS);
    assert.equal(crcOf(lying, 0), computeCrc(lying, 0, lying.length));
  });

  it('does not hold the broker itself to the rules for clients', () => {
    assert.equal(
      judge(encodeBatch({ records: [{ value: null }], control: true, transactional: true }), {}, false),
      'NONE',
    );
    assert.equal(judge(encodeBatch({ records: [{ value: null }], baseOffset: 9 }), {}, false), 'NONE');
  });

  it('lets records without a timestamp pass the window', () => {
    assert.equal(judge(dated(-1), { timestampBeforeMaxMs: 10, timestampAfterMaxMs: 10 }), 'NONE');
    assert.equal(judge(dated(NOW_MS - 11), { timestampBeforeMaxMs: 10, timestampType: 'LogAppendTime' }), 'NONE');
  });
});

function validated(batch: Buffer, of: PreparationRules): Verdict & { error: ErrorName } {
  const verdict: Verdict = { message: null, recordErrors: null };
  const error = validateBatch(batch, 0, batch.length, of, NOW_MS, true, verdict);
  return { error, ...verdict };
}

function dated(timestampMs: number): Buffer {
  return encodeBatch({ records: [{ value: Buffer.from('v'), timestampMs }] });
}

function flipped(batch: Buffer, at: number): Buffer {
  batch[at] ^= 1;
  return batch;
}
