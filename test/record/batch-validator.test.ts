/** Every reason to refuse a batch, with the code that Kafka's clients expect. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ErrorName } from '../../src/base/error-code.js';
import * as layout from '../../src/record/batch-layout.js';
import { type BatchRules, type Verdict, validateBatch } from '../../src/record/batch-validator.js';
import { codecNumber } from '../../src/record/compression.js';
import { encodeBatch } from '../../src/record/record.js';
import { computeCrc } from '../../src/record/record-batch.js';

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
const NOW_MS = 1_700_000_000_000;
const rules: BatchRules = {
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

function judge(batch: Buffer, changed: Partial<BatchRules> = {}, fromClient = true): ErrorName {
  const verdict: Verdict = { message: null };
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

  const refused: [string, ErrorName, () => Buffer, Partial<BatchRules>?][] = [
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
    ...codecs.flatMap((compression): [string, ErrorName, () => Buffer, Partial<BatchRules>][] => [
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

function dated(timestampMs: number): Buffer {
  return encodeBatch({ records: [{ value: Buffer.from('v'), timestampMs }] });
}

function flipped(batch: Buffer, at: number): Buffer {
  batch[at] ^= 1;
  return batch;
}
