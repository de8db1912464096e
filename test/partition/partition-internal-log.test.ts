/** The broker's own logs are replayed to their end, whatever compaction has left of their batches and whatever has rotted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import type { DamagedRange } from '../../src/base/segment-check.js';
import type { InternalLogParts } from '../../src/partition/partition-internal-log.js';
import { PartitionInternalLog } from '../../src/partition/partition-internal-log.js';
import type { PartitionHandle, ReadResult } from '../../src/partition/partitions.js';
import { BatchFilter, emptied } from '../../src/record/batch-filter.js';
import { decodeRecords, encodeBatch } from '../../src/record/record.js';
import { baseOffsetOf, computeCrc, lastOffsetOf } from '../../src/record/record-batch.js';

function batchAt(baseOffset: number, kept: readonly number[]): Buffer {
  const records = [0, 1, 2].map((i) => ({ key: Buffer.from(`${baseOffset + i}`), value: null, timestampMs: 1 }));
  const batch = encodeBatch({ records });
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  if (kept.length === 3) return batch;
  if (kept.length === 0) return emptied(batch);
  const filter = new BatchFilter();
  filter.look(batch, { keeps: (_, offset) => kept.includes(offset) });
  return filter.rewritten(-1);
}

const SEGMENT = '/data/t-0/00000000000000000000.log';

const whole = (baseOffset: number): Buffer => batchAt(baseOffset, [0, 1, 2]);

interface Replayed {
  readonly visited: [string, number][];
  /** In the order of the log: what was visited with the producer whose transaction it belongs to, and how that ended. */
  readonly transactions: string[];
  /** Offsets whose segment was looked through. */
  readonly examined: number[];
  readonly errors: object[];
}

/**
 * Replays a log of `batches`, of which each read brings all from the one that holds the offset on. The shard knows of
 * nothing that is damaged; whoever has a look finds `damaged`. `isKnown`: reads that begin there are refused from the start.
 */
async function replayed(
  batches: readonly Buffer[],
  options: {
    readonly damaged?: readonly DamagedRange[];
    readonly isKnown?: boolean;
    readonly onDamage?: InternalLogParts['onDamage'];
    /** Where each batch ends, whatever its header says. */
    readonly ends?: readonly number[];
  } = {},
): Promise<Replayed> {
  const { damaged = [], isKnown = false, onDamage = 'stepOver' } = options;
  const { ends = batches.map((batch) => lastOffsetOf(batch, 0) + 1) } = options;
  const result: Replayed = { visited: [], transactions: [], examined: [], errors: [] };
  let found: Buffer = Buffer.alloc(0);
  const partitions = {
    watermarks: () => ({ logStartOffset: 0, highWatermark: ends.at(-1) }),
    read: (_: PartitionHandle, offset: number): ReadResult => {
      if (isKnown && damaged.some(({ startOffset, endOffset }) => offset >= startOffset && offset < endOffset)) {
        return { error: 'CORRUPT_MESSAGE', records: null };
      }
      found = Buffer.concat(batches.filter((_, i) => ends[i] > offset));
      return { error: 'NONE', records: { byteLength: 1, slices: [{ path: SEGMENT, position: 0, length: 1 }] } };
    },
    examine: async (_: PartitionHandle, offset: number) => {
      result.examined.push(offset);
      return damaged;
    },
  } as unknown as InternalLogParts['partitions'];
  const log = new PartitionInternalLog({
    partitions,
    handle: { state: 'online', topic: 't', index: 0 } as PartitionHandle,
    segmentFiles: { read: () => found },
    clock: { nowMs: () => 0 },
    logger: { ...silentLogger, error: (fields: object) => result.errors.push(fields) },
    onDamage,
  });
  await log.replay(
    ({ key }, offset, producerId) => {
      result.visited.push([`${key}`, offset]);
      result.transactions.push(`${key} of ${producerId}`);
    },
    (producerId, end) => result.transactions.push(`${producerId} ${end}`),
  );
  return result;
}

const rangeOf = (...offsets: [number, number]): DamagedRange => ({
  ...{ position: 0, endPosition: 1, startOffset: offsets[0], endOffset: offsets[1] },
});

test('batches that have lost their last records, or all of them, hold nobody up', async () => {
  const batches = [batchAt(0, [0]), batchAt(3, []), batchAt(6, [7]), batchAt(12, [])];
  const { visited, examined } = await replayed(batches);
  assert.deepEqual(visited, [
    ['0', 0],
    ['7', 7],
  ]);
  assert.deepEqual(examined, [0]);
});

test('what is damaged is stepped over with an error line, and everything else is visited', async () => {
  for (const isKnown of [false, true]) {
    const rotten = whole(3);
    rotten[rotten.length - 1] ^= 1;
    const { visited, examined, errors } = await replayed([whole(0), rotten, whole(6)], {
      ...{ damaged: [rangeOf(3, 6)], isKnown },
    });
    assert.deepEqual(
      visited.map(([, offset]) => offset),
      [0, 1, 2, 6, 7, 8],
    );
    assert.deepEqual([examined, errors.length], [[0], 1]);
  }
});

test('a batch whose header lies about its length, or about its offset, is not believed', async () => {
  const short = whole(3);
  short.writeInt32BE(7, 8);
  const displaced = whole(3);
  displaced.writeBigInt64BE(BigInt(1e12), 0);
  for (const rotten of [short, displaced]) {
    const { visited } = await replayed([whole(0), rotten, whole(6)], {
      ...{ damaged: [rangeOf(3, 6)], ends: [3, 6, 9] },
    });
    assert.deepEqual(
      visited.map(([, offset]) => offset),
      [0, 1, 2, 6, 7, 8],
    );
  }
});

test('two damaged ranges of a segment are found by one look, and damage at the end is the end', async () => {
  const batches = [0, 3, 6, 9].map(whole);
  for (const rotten of [batches[1], batches[3]]) rotten[rotten.length - 1] ^= 1;
  const { visited, examined, errors } = await replayed(batches, { damaged: [rangeOf(3, 6), rangeOf(9, 12)] });
  assert.deepEqual(
    visited.map(([, offset]) => offset),
    [0, 1, 2, 6, 7, 8],
  );
  assert.deepEqual([examined, errors.length], [[0], 2]);
});

test('where nothing may be forgotten, damage ends the replay with a sentence', async () => {
  const rotten = whole(3);
  rotten[rotten.length - 1] ^= 1;
  const options = { damaged: [rangeOf(3, 6)], onDamage: 'refuse' as const };
  await assert.rejects(replayed([whole(0), rotten, whole(6)], options), {
    error: 'CORRUPT_MESSAGE',
    message: /t-0 is damaged: its offsets 3 to 5/,
  });
});

test('what cannot be read although nothing is damaged is an error, not an endless loop', async () => {
  const rotten = whole(3);
  rotten[rotten.length - 1] ^= 1;
  await assert.rejects(replayed([whole(0), rotten, whole(6)]), { error: 'CORRUPT_MESSAGE' });
});

test('a batch that cannot be understood though its checksum is right is stepped over, too', async () => {
  const odd = encodeBatch({ records: [{ value: Buffer.from('x'), timestampMs: 1 }] });
  // A codec that there is not.
  odd[22] |= 7;
  odd.writeUInt32BE(computeCrc(odd, 0, odd.length), 17);
  odd.writeBigInt64BE(3n, 0);
  assert.equal(baseOffsetOf(odd, 0), 3);
  const { visited, errors } = await replayed([whole(0), odd, whole(4)]);
  assert.deepEqual([visited.length, errors.length], [6, 1]);
  await assert.rejects(replayed([whole(0), odd, whole(4)], { onDamage: 'refuse' }), { name: 'KafkaError' });
});

/** A control batch as Apache Kafka writes it; `type` null: compaction has left nothing in it. */
function markerAt(baseOffset: number, producerId: number, type: number | null): Buffer {
  const key = Buffer.from([0, 0, 0, type ?? 0]);
  const value = Buffer.from([0, 0, 0, 0, 0, 5]);
  const records = [{ key, value, timestampMs: 1 }];
  const batch = encodeBatch({ records, baseOffset, producerId, producerEpoch: 1, control: true, transactional: true });
  return type === null ? emptied(batch) : batch;
}

test('records come with the transaction that they are a part of, and its end is told in its place', async () => {
  const record = (key: string) => ({ key: Buffer.from(key), value: null, timestampMs: 1 });
  const batches = [
    encodeBatch({ records: [record('a')], baseOffset: 0 }),
    encodeBatch({ records: [record('b'), record('c')], baseOffset: 1, producerId: 7, transactional: true }),
    // An idempotent producer that is in no transaction.
    encodeBatch({ records: [record('d')], baseOffset: 3, producerId: 8, baseSequence: 0 }),
    encodeBatch({ records: [record('e')], baseOffset: 4, producerId: 9, transactional: true, compression: 'gzip' }),
    markerAt(5, 7, 1),
    markerAt(6, 9, 0),
    markerAt(7, 9, null),
    // Types of KRaft's own log, and of a future release.
    markerAt(8, 9, 2),
    markerAt(9, 9, 99),
    encodeBatch({ records: [record('f')], baseOffset: 10 }),
  ];
  const { transactions, visited, errors } = await replayed(batches);
  assert.deepEqual(transactions, [
    ...['a of null', 'b of 7', 'c of 7', 'd of null', 'e of 9', '7 committed', '9 aborted', 'f of null'],
  ]);
  assert.deepEqual(
    visited.map(([, offset]) => offset),
    [0, 1, 2, 3, 4, 10],
  );
  assert.deepEqual(errors, []);
});

test('an append to a log that is still being opened waits for it, and keeps its place', async () => {
  const handle = { state: 'opening', topic: 't', index: 0 };
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const appended: string[] = [];
  const partitions = {
    opened: () => opened,
    append: (to: PartitionHandle, batch: Buffer, _: boolean, done: (result: object) => void) => {
      const [{ key }] = decodeRecords(batch);
      appended.push(`${key}`);
      const error = to.state === 'online' ? 'NONE' : 'NOT_LEADER_OR_FOLLOWER';
      done({ error, message: null, baseOffset: appended.length - 1 });
    },
  } as unknown as InternalLogParts['partitions'];
  const log = new PartitionInternalLog({
    ...{ partitions, handle: handle as unknown as PartitionHandle, segmentFiles: { read: () => Buffer.alloc(0) } },
    ...{ clock: { nowMs: () => 0 }, logger: silentLogger, onDamage: 'refuse' },
  });
  const offsets = ['a', 'b'].map((key) => log.append([{ key: Buffer.from(key), value: null }]));
  await Promise.resolve();
  assert.deepEqual(appended, []);
  handle.state = 'online';
  open();
  assert.deepEqual(await Promise.all(offsets), [0, 1]);
  assert.deepEqual(appended, ['a', 'b']);
});
