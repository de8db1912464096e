/** Partitions that are deleted, made anew, moved up or lost, as the main thread lives through it; on shards' real threads. */
import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Clock, systemClock } from '../../src/base/clock.js';
import { KafkaError } from '../../src/base/kafka-error.js';
import { available, fadviseDontNeed, isCached } from '../../src/base/libc.js';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import type { ClaimedDirectory } from '../../src/log/data-directory.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { type LogProgress, PartitionClient } from '../../src/partition/partition-client.js';
import { PartitionInternalLog } from '../../src/partition/partition-internal-log.js';
import { type AppendResult, PATIENCE_MS, type PartitionHandle } from '../../src/partition/partitions.js';
import { SegmentFiles } from '../../src/partition/segment-files.js';
import type { SideJobs } from '../../src/partition/side-jobs.js';
import { encodeBatch } from '../../src/record/record.js';
import { FakeClock } from '../base/fake-clock.js';
import { temporaryFolder } from '../temp-folder.js';
import { markClaimed, oneDirectory } from './one-directory.js';

const IDS = ['AAAAAAAAAAAAAAAAAAAAAQ', 'AAAAAAAAAAAAAAAAAAAAAg'] as const;
const REAL_SHARD = new URL('../../workers/shard-worker.js', import.meta.url);
const config = loadConfig({ overrides: {} }).config.logConfig(new Map());

interface Options {
  readonly entry?: URL;
  readonly earlier?: Partial<ClaimedDirectory>;
  readonly checkpoint?: SideJobs['checkpoint'];
  readonly readAhead?: SideJobs['readAhead'];
  readonly clock?: Clock;
}

function start(t: TestContext, options: Options = {}) {
  const { entry = REAL_SHARD, earlier, checkpoint = async () => true, clock = systemClock } = options;
  const { readAhead = async () => {} } = options;
  const folder = temporaryFolder('partition-life');
  markClaimed(folder);
  const segmentFiles = new SegmentFiles();
  const client = new PartitionClient({
    shardEntry: entry,
    shards: 1,
    ringBytes: 64 * 1024,
    directories: oneDirectory(folder, earlier),
    openFilesMax: 100,
    retentionCheckMs: 1e9,
    compaction: null,
    scrubIntervalMs: 0,
    budgetBytes: 0,
    clock,
    logger: silentLogger,
    metrics: new Metrics(),
    segmentFiles,
    sideJobs: {
      readAhead,
      flush: async () => ({ failure: null }),
      delete: async () => {},
      hurryDeletions: () => {},
      checkpoint,
      probe: async () => true,
      compact: async () => null,
      prepare: async () => [],
      check: async () => null,
      close: async () => {},
    },
    onFatal: (reason) => assert.fail(reason),
  });
  t.after(async () => {
    await client.terminate();
    segmentFiles.close();
  });
  const open = async (topicId: string = IDS[0], index = 0): Promise<PartitionHandle> => {
    const handle = client.open({ topic: 't', topicId, index, config, directoryId: null });
    await client.opened(handle);
    return handle;
  };
  const append = (handle: PartitionHandle, bytes: Buffer): Promise<AppendResult> =>
    new Promise((resolve) => client.append(handle, bytes, true, resolve));
  return { client, folder, segmentFiles, open, append };
}

const internalLog = (partitions: PartitionClient, handle: PartitionHandle, segmentFiles: SegmentFiles) =>
  new PartitionInternalLog({
    ...{ partitions, handle, segmentFiles, clock: systemClock, logger: silentLogger },
    onDamage: 'stepOver',
  });

const batch = (count = 1): Buffer =>
  encodeBatch({ records: Array.from({ length: count }, () => ({ value: Buffer.from('x'), timestampMs: 1 })) });

test('a topic that is made anew begins at offset 0, wherever an earlier run left the old one', async (t) => {
  const { client, open } = start(t, {
    earlier: { recoveryPoints: new Map([['t 0', 50]]), logStartOffsets: new Map([['t 0', 30]]) },
  });
  const old = client.open({ topic: 't', topicId: IDS[0], index: 0, config, directoryId: null });
  await assert.rejects(client.opened(old), /t-0 held records up to offset 50 and now holds none/);
  assert.equal(old.state, 'offline', 'and no empty log stands where they were');
  await client.remove(old);
  const made = await open(IDS[1]);
  assert.equal(client.watermarks(made).logStartOffset, 0);
  assert.equal(client.watermarks(made).logEndOffset, 0);
});

test('when a name is free again, no checkpoint speaks of the partition that had it', async (t) => {
  let saved: readonly object[] = [];
  const { client, open, append } = start(t, {
    checkpoint: async (_folder, progress) => {
      saved = progress;
      return true;
    },
  });
  const handle = await open();
  await append(handle, batch(5));
  await client.deleteRecords(handle, 3);
  const [{ scrub, ...stands }] = saved as LogProgress[];
  const offsets = { flushedEndOffset: 5, firstDirtyOffset: 0, logStartOffset: 3 };
  assert.deepEqual(stands, { topic: 't', index: 0, ...offsets, damagedRanges: 0 });
  assert.equal(scrub.downTo, -1);
  await client.remove(handle);
  assert.deepEqual(saved, []);
});

test('what cannot be saved of a deletion is not said to be deleted', async (t) => {
  let saves = true;
  const { client, open, append } = start(t, { checkpoint: async () => saves });
  const handle = await open();
  await append(handle, batch(5));
  saves = false;
  await assert.rejects(client.deleteRecords(handle, 3), { error: 'KAFKA_STORAGE_ERROR' });
  saves = true;
  assert.equal(await client.deleteRecords(handle, 3), 3);
  saves = false;
  await assert.rejects(client.remove(handle), { error: 'KAFKA_STORAGE_ERROR' });
});

test('checkpoints are written one after the other, each with what is known when it begins', async (t) => {
  const begun: { progress: readonly object[]; end: (saved: boolean) => void }[] = [];
  const { client, open, append } = start(t, {
    checkpoint: (_folder, progress) => new Promise((resolve) => begun.push({ progress, end: resolve })),
  });
  const handles = await Promise.all([0, 1, 2].map((index) => open(IDS[0], index)));
  await Promise.all(handles.map((handle) => append(handle, batch(9))));
  const periodic = client.checkpoint();
  await client.endOfEpoch(handles[0], 0);
  assert.equal(begun.length, 1);
  const deleted = handles.map((handle) => client.deleteRecords(handle, 4));
  while (handles.some((handle) => client.watermarks(handle).logStartOffset < 4)) await client.endOfEpoch(handles[0], 0);
  await client.endOfEpoch(handles[0], 0);
  assert.equal(begun.length, 1, 'the second waits for the first');
  begun[0].end(true);
  await periodic;
  while (begun.length < 2) await client.endOfEpoch(handles[0], 0);
  begun[1].end(true);
  assert.deepEqual(await Promise.all(deleted), [4, 4, 4]);
  assert.equal(begun.length, 2, 'one serves all three');
  const starts = begun[1].progress.map((row) => (row as { logStartOffset: number }).logStartOffset);
  assert.deepEqual(starts, [4, 4, 4]);
});

test('a batch that no ring could take is refused as too large, also while others wait', async (t) => {
  const { client, open, append } = start(t);
  const handle = await open();
  const tooLarge = append(handle, Buffer.alloc(40_000));
  const waiting = Array.from({ length: 40 }, () => append(handle, Buffer.alloc(10_000)));
  assert.notEqual(client.takeFilled(), null);
  const tooLargeBehind = append(handle, Buffer.alloc(40_000));
  assert.equal((await tooLarge).error, 'MESSAGE_TOO_LARGE');
  assert.equal((await tooLargeBehind).error, 'MESSAGE_TOO_LARGE');
  await Promise.all(waiting);
  assert.equal((await append(handle, batch())).error, 'NONE');
});

test('what comes behind a batch that found no room is refused, too, until that one has come again', async (t) => {
  const { open, append } = start(t);
  const handle = await open();
  const idempotent = (baseSequence: number) =>
    encodeBatch({ records: [{ value: Buffer.from('x') }], producerId: 7, producerEpoch: 0, baseSequence });
  // All in one turn of the event loop: what waits for room moves up between turns only.
  const flood: Promise<AppendResult>[] = [];
  for (let bytes = 0; bytes <= 65 * 1024 * 1024; bytes += 30_000) flood.push(append(handle, Buffer.alloc(30_000)));
  const large = { records: [{ value: Buffer.alloc(29_000) }], producerId: 7, producerEpoch: 0, baseSequence: 0 };
  const refused = append(handle, encodeBatch(large));
  assert.equal((await refused).error, 'NOT_ENOUGH_REPLICAS');
  await Promise.all(flood);
  assert.equal((await append(handle, idempotent(1))).error, 'NOT_ENOUGH_REPLICAS');
  assert.equal((await append(handle, idempotent(0))).error, 'NONE');
  assert.equal((await append(handle, idempotent(1))).error, 'NONE');
});

test('a partition whose shard dies while it is removed is removed by the next thread, and stays so', async (t) => {
  const { client, open, append } = start(t, { entry: new URL('./stand-in-shard.js', import.meta.url) });
  const handle = await open();
  const [, removed] = await Promise.all([append(handle, Buffer.from('throw')), client.remove(handle)]);
  assert.equal(removed, undefined);
  assert.equal(handle.state, 'removed');
  const next = await open(IDS[1]);
  assert.equal(handle.state, 'removed', 'what is said of its slot now is said of another partition');
  assert.equal((await append(next, batch())).error, 'NONE');
});

test('where records lay is forgotten with the log, even if it was heard in the same moment', async (t) => {
  const { client, open } = start(t, { entry: new URL('./forgetful-shard.js', import.meta.url) });
  const handle = await open();
  let changes = 0;
  const lost = new Promise<void>((resolve) => {
    client.onProgress(handle, () => {
      if (++changes === 2) resolve();
    });
  });
  const first = await client.read(handle, 0, 1000);
  assert.equal(first.records?.slices[0].position, 0);
  await lost;
  // Whatever was heard before the loss has been taken in by now.
  await client.survey();
  const second = await client.read(handle, 1, 1000);
  assert.notEqual(second.records?.slices[0].position, 0, 'read anew');
});

test('who goes through a log waits for its shard once, at the beginning', async (t) => {
  const { client, open, append } = start(t);
  const handle = await open();
  const batches = 50;
  for (let n = 0; n < batches; n++) await append(handle, batch());
  let waits = 0;
  for (let offset = 0; offset < batches; offset++) {
    const answer = client.read(handle, offset, batch().length);
    if (answer instanceof Promise) waits++;
    const { records } = await answer;
    assert.equal(records?.byteLength, batch().length);
    assert.equal(records.slices[0].position, offset * batch().length);
    // What was asked for ahead has come by then: rings keep the order.
    await client.survey();
  }
  assert.equal(waits, 1);
});

test('who reads from the disk is told of nothing before it is in memory, and what follows is read before it is looked for', async (t) => {
  const jobs: { readonly position: number; readonly length: number; readonly done: () => void }[] = [];
  const { client, folder, open, append } = start(t, {
    entry: new URL('./untouched-shard.js', import.meta.url),
    readAhead: (_path, _fd, position, length) =>
      new Promise((done) => {
        jobs.push({ position, length, done });
      }),
  });
  const size = 64 * 1024;
  const timesAsked = async (): Promise<number> => (await append(handle, batch())).baseOffset;
  mkdirSync(join(folder, 't-0'));
  const path = join(folder, 't-0', '00000000000000000000.log');
  writeFileSync(path, Buffer.alloc(64 * size, 1), { flush: true });
  const file = openSync(path, 'r');
  t.after(() => closeSync(file));
  if (available.fadvise) fadviseDontNeed(file, 0, 0);
  // The look itself begins to bring it back: not where the reader will be.
  if (!available.preadNoWait || isCached(file, 60 * size, 1))
    return t.skip('what is in memory cannot be forgotten here');
  const handle = await open();

  let answered = false;
  const first = Promise.resolve(client.read(handle, 0, size)).then(() => {
    answered = true;
  });
  assert.equal(await timesAsked(), 1);
  assert.deepEqual(
    jobs.map(({ position }) => position),
    [size, 0],
  );
  assert.ok(jobs[0].length >= 8 * size, 'as much as is located at once');
  assert.equal(answered, false);
  jobs[1].done();
  await first;
  const second = client.read(handle, 1, size);
  assert.ok(second instanceof Promise);
  assert.equal(await timesAsked(), 1);
  jobs[0].done();
  assert.equal((await second).records?.slices[0].position, size);
  for (let offset = 2; offset <= 8; offset++) assert.ok(!(client.read(handle, offset, size) instanceof Promise));
  assert.equal(await timesAsked(), 2, 'for all of them at once; of the next ones only once they are read');
  assert.equal(jobs[2].position, 9 * size);
  jobs[2].done();
});

test('what a shard takes long to find is asked for once, told when found, and there for who comes again', async (t) => {
  const clock = new FakeClock();
  const { client, open, append } = start(t, { entry: new URL('./late-shard.js', import.meta.url), clock });
  const handle = await open();
  const asked = client.readSoon(handle, 0, 1000);
  assert.ok(asked instanceof Promise);
  assert.equal(client.readSoon(handle, 0, 1000), asked, 'who wants the same shares it');
  clock.advance(PATIENCE_MS);
  assert.equal(client.readSoon(handle, 0, 1000), null, 'nobody waits for it any more');
  assert.equal(client.read(handle, 0, 1000), asked, 'but who has nothing else to do');
  let soughtAtOnce = 1;
  while (client.readSoon(handle, soughtAtOnce, 1000) !== null) soughtAtOnce++;
  assert.ok(soughtAtOnce > 1, 'others may still ask for something else');
  assert.ok(soughtAtOnce <= 100, `but not without bound: ${soughtAtOnce}`);
  assert.ok(client.readSoon(handle, 1, 1000) instanceof Promise, 'which is young yet');
  let told = 0;
  client.onProgress(handle, () => told++);
  const { baseOffset } = await append(handle, Buffer.from('go on'));
  const { records } = await asked;
  assert.equal(baseOffset, soughtAtOnce, 'the shard was asked for each of them once');
  assert.equal(told, 1, 'those that were not late have no need of it');
  assert.deepEqual(client.readSoon(handle, 0, 1000), { error: 'NONE', records });
  assert.ok(client.readSoon(handle, 1, 1000) instanceof Promise, 'what was not late is not remembered');
});

test('what a closed log holds is not said to be nothing', async (t) => {
  const { client, segmentFiles, open, append } = start(t, {
    entry: new URL('./stand-in-shard.js', import.meta.url),
  });
  const handle = await open();
  const log = internalLog(client, handle, segmentFiles);
  await log.replay(() => {});
  assert.equal((await append(handle, Buffer.from('throw'))).error, 'NOT_LEADER_OR_FOLLOWER');
  assert.notEqual(handle.state, 'online');
  await assert.rejects(
    log.replay(() => {}),
    KafkaError,
  );
});

test('a partition whose shard dies while it is opened is open once the next thread has opened it', async (t) => {
  const { client, append } = start(t, { entry: new URL('./stand-in-shard.js', import.meta.url) });
  const handle = client.open({ topic: 't', topicId: IDS[0], index: 0, config, directoryId: null });
  const lost = append(handle, Buffer.from('throw'));
  await client.opened(handle);
  assert.equal((await lost).error, 'NOT_LEADER_OR_FOLLOWER');
  assert.equal(handle.state, 'online');
  assert.equal((await append(handle, batch())).error, 'NONE');
});

test('a log that could not be opened at first is read as soon as it is open', async (t) => {
  const { client, folder, segmentFiles } = start(t);
  // Where the folder of the partition should be there is a file.
  writeFileSync(join(folder, 't-0'), '');
  const handle = client.open({ topic: 't', topicId: IDS[0], index: 0, config, directoryId: null });
  const online = new Promise<void>((resolve) => {
    client.onProgress(handle, () => {
      if (handle.state === 'online') resolve();
    });
  });
  await assert.rejects(client.opened(handle), { error: 'KAFKA_STORAGE_ERROR' });
  rmSync(join(folder, 't-0'));
  await online;
  await internalLog(client, handle, segmentFiles).replay(() => {});
});
