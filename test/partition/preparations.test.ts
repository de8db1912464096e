/** What waits for the side-job pool: order, turns, back-pressure and ends, with the pool's work done at our word. Test process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { MiB } from '../../src/base/units.js';
import type { LogConfig } from '../../src/config/log-config.js';
import { PartitionEntry } from '../../src/partition/partition-entry.js';
import type { AppendResult } from '../../src/partition/partitions.js';
import { Preparations } from '../../src/partition/preparations.js';
import { type PreparationJob, runPreparation } from '../../src/record/batch-preparation.js';
import { type Compression, codecNumber } from '../../src/record/compression.js';
import { decodeRecords, encodeBatch } from '../../src/record/record.js';
import { codecOf } from '../../src/record/record-batch.js';
import { FakeClock } from '../base/fake-clock.js';
import { testConfig } from '../log/testbed.js';

const THREADS = 2;
const wantsGzip = {
  ...testConfig,
  compression: 'gzip',
  compressionLevel: 1,
  messageBytesMax: 8 * MiB,
  segmentBytesMax: 64 * MiB,
} as const;

function partition(index: number, config: LogConfig = wantsGzip): PartitionEntry {
  const name = { topic: 'packed', topicId: 'packed', index, directory: `packed-${index}` };
  const offsets = { recoveryPoint: 0, logStartOffset: 0, firstDirtyOffset: 0 };
  const known = { leaderEpoch: 0, ...offsets, damagedRanges: 0, clean: true };
  return new PartitionEntry(0, index, { kind: 'open', ...name, config, ...known }, 'nowhere', null);
}

const batchOf = (value: string | Buffer, compression: Compression = 'none') =>
  encodeBatch({ records: [{ value: Buffer.from(value) }], compression });

function stage() {
  const jobs: { readonly lengths: readonly number[]; run(): void; fail(): void }[] = [];
  const appended: { readonly index: number; readonly batch: Buffer }[] = [];
  const results: AppendResult[] = [];
  const preparations = new Preparations({
    clock: new FakeClock(),
    logger: silentLogger,
    threads: THREADS,
    prepare: (job: PreparationJob) =>
      new Promise((resolve, reject) => {
        const lengths = job.shares.flatMap((share) => share.lengths);
        jobs.push({ lengths, run: () => resolve(runPreparation(job)), fail: () => reject(new Error('no memory')) });
      }),
    append(entry, batch) {
      appended.push({ index: entry.index, batch: Buffer.from(batch) });
    },
  });
  const take = (entry: PartitionEntry, batch: Buffer) =>
    preparations.takes(entry, batch, (result) => results.push(result));
  /** What has been decided is done: promises follow each other, nothing waits for time. */
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** Has the pool do all that it is given, until nothing more comes. */
  const runAll = async () => {
    for (await settle(); jobs.length > 0; await settle()) for (const job of jobs.splice(0)) job.run();
  };
  return { preparations, take, jobs, appended, results, settle, runAll };
}

const textOf = (batch: Buffer) => decodeRecords(batch)[0].value?.toString();

describe('batches on their way through the side-job pool', () => {
  it('pass by where nothing is wanted of them and nobody waits', () => {
    const { take } = stage();
    assert.equal(take(partition(0), batchOf('a', 'gzip')), false);
    assert.equal(take(partition(0, { ...wantsGzip, compression: 'producer' }), batchOf('a')), false);
  });

  it('stay in order, also those of which nothing is wanted', async () => {
    const { take, appended, runAll } = stage();
    const [one, other] = [partition(1), partition(2)];
    const all = Array.from({ length: 50 }, (_, at) => String(at));
    for (const at of all) {
      // In gzip already, every third: it may not overtake.
      assert.ok(take(one, batchOf(at, Number(at) % 3 === 1 ? 'gzip' : 'none')));
      assert.equal(take(other, batchOf(at)), true);
    }
    await runAll();
    for (const index of [1, 2]) {
      const own = appended.filter((append) => append.index === index).map(({ batch }) => batch);
      assert.deepEqual(own.map(textOf), all);
      assert.ok(own.every((batch) => codecOf(batch, 0) === codecNumber('gzip')));
    }
    assert.equal(take(one, batchOf('a', 'gzip')), false, 'nobody waits any more');
  });

  it('are copied: the bytes they came in are used again', async () => {
    const { take, appended, runAll } = stage();
    const batch = batchOf('mine');
    take(partition(0), batch);
    batch.fill(0);
    await runAll();
    assert.equal(textOf(appended[0].batch), 'mine');
  });

  it('go a MiB at a time, on so many threads, and partitions take turns', async () => {
    const { take, jobs, appended, settle, runAll } = stage();
    const half = Buffer.alloc(MiB / 2 - 1024);
    for (let index = 0; index < 4; index++) {
      const entry = partition(index);
      for (let batch = 0; batch < 5; batch++) take(entry, batchOf(half));
    }
    // Larger than a MiB: a job by itself.
    take(partition(4), batchOf(Buffer.alloc(3 * MiB)));
    await settle();
    assert.equal(jobs.length, THREADS);
    assert.ok(jobs.every(({ lengths }) => lengths.length === 2));
    for (const job of jobs.splice(0)) job.run();
    await settle();
    assert.deepEqual(
      appended.map(({ index }) => index),
      [0, 0, 1, 1],
    );
    await runAll();
    assert.equal(appended.length, 21);
    assert.equal(decodeRecords(appended.find(({ index }) => index === 4)?.batch ?? half)[0].value?.length, 3 * MiB);
  });

  it('of many partitions go together, shared out among the threads', async () => {
    const { take, jobs, appended, settle, runAll } = stage();
    const entries = Array.from({ length: 16 }, (_, index) => partition(index));
    for (const entry of entries) take(entry, batchOf('first'));
    await settle();
    assert.deepEqual(
      jobs.map(({ lengths }) => lengths.length),
      [8, 8],
    );
    // Partitions with something under way wait for it; the others would have their turn.
    take(entries[0], batchOf('again'));
    await settle();
    assert.equal(jobs.length, THREADS);
    await runAll();
    const inOrder = appended.map(({ index, batch }) => [index, textOf(batch)]);
    assert.deepEqual(
      inOrder.slice(0, 16),
      entries.map(({ index }) => [index, 'first']),
    );
    assert.deepEqual(inOrder.slice(16), [[0, 'again']]);
  });

  it('are passed on where they have grown', async () => {
    const { take, appended, runAll } = stage();
    const wantsPlain = partition(0, { ...wantsGzip, compression: 'none' });
    const large = 'x'.repeat(100_000);
    take(wantsPlain, batchOf(large, 'gzip'));
    take(wantsPlain, batchOf('small', 'gzip'));
    await runAll();
    assert.deepEqual(
      appended.map(({ batch }) => textOf(batch)),
      [large, 'small'],
    );
  });

  it('are answered one by one where they are refused', async () => {
    const { take, appended, results, runAll } = stage();
    const entry = partition(0);
    const damaged = batchOf('bad');
    damaged[damaged.length - 2] ^= 1;
    for (const batch of [batchOf('a'), damaged, batchOf('b')]) take(entry, batch);
    await runAll();
    assert.deepEqual(
      appended.map(({ batch }) => textOf(batch)),
      ['a', 'b'],
    );
    assert.deepEqual(
      results.map(({ error }) => error),
      ['CORRUPT_MESSAGE'],
    );
  });

  it('hold sockets up from 32 MiB on, and are refused from 64 MiB on', async () => {
    const { preparations, take, appended, results, runAll } = stage();
    const entry = partition(0);
    const batch = batchOf(Buffer.alloc(4 * MiB - 1024));
    for (let count = 0; count < 8; count++) {
      assert.equal(preparations.congested, false);
      take(entry, batch);
    }
    take(entry, batch);
    assert.equal(preparations.congested, true);
    let relieved = 0;
    preparations.onRelieved(() => relieved++);
    for (let count = 9; count < 16; count++) take(entry, batch);
    assert.deepEqual(results, []);
    take(entry, batch);
    assert.deepEqual(
      results.map(({ error }) => error),
      ['NOT_ENOUGH_REPLICAS'],
    );
    await runAll();
    assert.equal(preparations.congested, false);
    assert.equal(relieved, 1);
    assert.equal(appended.length, 16);
  });

  it('are taken however large they are, where nothing else waits', async () => {
    const { take, appended, results, runAll } = stage();
    const large = { ...wantsGzip, messageBytesMax: 100 * MiB, segmentBytesMax: 100 * MiB };
    take(partition(0, large), batchOf(Buffer.alloc(65 * MiB)));
    await runAll();
    assert.equal(results.length, 0);
    assert.equal(appended.length, 1);
  });

  it('are refused, and what follows is not, where the pool fails', async () => {
    const { take, jobs, appended, results, settle, runAll } = stage();
    const entry = partition(0);
    take(entry, batchOf('lost'));
    await settle();
    for (const job of jobs.splice(0)) job.fail();
    take(entry, batchOf('next'));
    await runAll();
    assert.deepEqual(
      results.map(({ error }) => error),
      ['UNKNOWN_SERVER_ERROR'],
    );
    assert.deepEqual(
      appended.map(({ batch }) => textOf(batch)),
      ['next'],
    );
  });

  it('of a topic that was deleted meanwhile go nowhere', async () => {
    const { take, appended, results, settle, runAll } = stage();
    const entry = partition(0);
    take(entry, batchOf('a'));
    await settle();
    entry.state = 'removed';
    await runAll();
    assert.deepEqual(
      results.map(({ error }) => error),
      ['UNKNOWN_TOPIC_OR_PARTITION'],
    );
    assert.deepEqual(appended, []);
  });

  it('that were begun are finished when it ends, all others refused', async () => {
    const { preparations, take, appended, results, settle, runAll } = stage();
    const entry = partition(0);
    take(entry, batchOf('begun'));
    await settle();
    take(entry, batchOf('waiting'));
    take(entry, batchOf('waiting, too, in gzip', 'gzip'));
    const closed = preparations.close();
    take(entry, batchOf('late'));
    await runAll();
    await closed;
    assert.deepEqual(
      appended.map(({ batch }) => textOf(batch)),
      ['begun'],
    );
    assert.deepEqual(
      results.map(({ error }) => error),
      ['late', 'waiting', 'waiting, too'].map(() => 'NOT_LEADER_OR_FOLLOWER'),
    );
  });
});
