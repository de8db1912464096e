/** Segments are read again when their time has come, whatever happens to their logs meanwhile; on shards' real threads. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Logger, silentLogger } from '../../src/base/logger.js';
import type { CheckPace, SegmentCheck } from '../../src/base/segment-check.js';
import { loadConfig } from '../../src/config/load.js';
import type { ClaimedDirectory } from '../../src/log/data-directory.js';
import { nodeFileSystem } from '../../src/log/file-system.js';
import { checkSegment } from '../../src/log/segment-check.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { PartitionClient } from '../../src/partition/partition-client.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { SegmentFiles } from '../../src/partition/segment-files.js';
import { encodeBatch } from '../../src/record/record.js';
import { FakeClock, idle } from '../base/fake-clock.js';
import { temporaryFolder } from '../temp-folder.js';
import { markClaimed, oneDirectory } from './one-directory.js';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const WEEK_MS = 7 * 24 * 3600 * 1000;
const LOOK_MS = 60_000;
const REAL_SHARD = new URL('../../workers/shard-worker.js', import.meta.url);
const { config: settings } = loadConfig({ overrides: {} });

interface Options {
  readonly folder?: string;
  readonly clock?: FakeClock;
  readonly earlier?: Partial<ClaimedDirectory>;
  /** By default a batch fills a segment. */
  readonly segmentBytesMax?: number;
  /** Called in front of each check. */
  readonly before?: (check: SegmentCheck, client: PartitionClient) => void | Promise<void>;
}

function start(t: TestContext, options: Options = {}) {
  const { folder = temporaryFolder('scrubber'), clock = new FakeClock(), segmentBytesMax = 1024 } = options;
  const config = { ...settings.logConfig(new Map()), segmentBytesMax, preparedBytesMax: 0 };
  markClaimed(folder);
  const metrics = new Metrics();
  const segmentFiles = new SegmentFiles();
  const checked: string[] = [];
  const paces: CheckPace[] = [];
  const errors: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (fields: object, message: string) => {
      // To whom a week passes in a moment, threads that are real seem to stand still.
      if (!message.startsWith('frozen shard')) errors.push(`${message} ${JSON.stringify(fields)}`);
    },
  };
  const directories = oneDirectory(folder, { names: new Set(readdirSync(folder)), ...options.earlier });
  const client: PartitionClient = new PartitionClient({
    shardEntry: REAL_SHARD,
    shards: 1,
    ringBytes: 64 * 1024,
    directories,
    openFilesMax: 100,
    retentionCheckMs: 1e9,
    compaction: null,
    scrubIntervalMs: WEEK_MS,
    budgetBytes: 0,
    clock,
    logger,
    metrics,
    segmentFiles,
    sideJobs: {
      readAhead: async () => {},
      flush: async () => ({ failure: null }),
      delete: async () => {},
      hurryDeletions: () => {},
      checkpoint: async () => true,
      probe: async () => true,
      compact: async () => null,
      prepare: async () => [],
      // What a thread of the pool does, here and now.
      check: async (check, pace) => {
        await options.before?.(check, client);
        checked.push(check.path.slice(folder.length + 1));
        paces.push(pace);
        return checkSegment(nodeFileSystem, clock, check, pace, { pause: () => {}, stopped: false });
      },
      close: async () => {},
    },
    onFatal: (reason) => assert.fail(reason),
  });
  t.after(async () => {
    await client.terminate();
    segmentFiles.close();
  });
  client.watchDisks();
  const open = async (index: number): Promise<PartitionHandle> => {
    const handle = client.open({ topic: 't', topicId: TOPIC_ID, index, config, directoryId: null });
    await client.opened(handle);
    return handle;
  };
  const append = (handle: PartitionHandle): Promise<unknown> => {
    const records = Array.from({ length: 10 }, () => ({ value: Buffer.alloc(70, 'x'), timestampMs: 1 }));
    return new Promise((resolve) => client.append(handle, encodeBatch({ records }), true, resolve));
  };
  const standing = () => [...client.progress(directories.first)].map(({ scrub }) => scrub);
  /** Lets the time of the next look come, and everything due be done. */
  const look = async (): Promise<void> => {
    // The timer of the next look is set when the last one is over.
    await idle();
    clock.advance(LOOK_MS);
    await untilThrough();
  };
  const untilThrough = async (): Promise<void> => {
    const isDue = ({ throughMs, downTo }: { throughMs: number; downTo: number }) =>
      downTo >= 0 || clock.nowMs() - throughMs >= WEEK_MS;
    while (standing().some(isDue)) await idle();
  };
  const metric = async (name: string): Promise<number | undefined> => {
    const family = (await metrics.read()).find((read) => read.name === name);
    return family?.kind === 'histogram' ? undefined : family?.samples[0]?.value;
  };
  return { folder, client, clock, open, append, look, checked, paces, errors, metric, standing, directories };
}

const logAt = (index: number, base: number): string => `t-${index}/${String(base).padStart(20, '0')}.log`;

/** A bit of the last byte of a file. */
function rot(path: string): Buffer {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 16;
  writeFileSync(path, bytes);
  return bytes;
}

test('each week every segment is checked, the newest of a log first, which is the active one', async (t) => {
  const { open, append, clock, look, checked, paces, metric } = start(t);
  const handles = [await open(0), await open(1)];
  for (const handle of handles) for (let i = 0; i < 3; i++) await append(handle);
  await look();
  assert.deepEqual(checked, [], 'what is new has lain nowhere for a week');
  clock.advance(WEEK_MS);
  const begunMs = clock.nowMs();
  await look();
  assert.deepEqual(
    checked,
    [0, 1].flatMap((index) => [20, 10, 0].map((base) => logAt(index, base))),
  );
  for (const pace of paces) assert.ok(pace.coreShareMax <= 0.05 && pace.sparesCache);
  await look();
  assert.equal(checked.length, 6, 'and not again before another week is over');
  assert.ok((await metric('millrace_scrubbed_bytes_total')) ?? 0 > 3000);
  const throughSeconds = (await metric('millrace_scrubbed_timestamp_seconds')) ?? 0;
  assert.ok(throughSeconds * 1000 >= begunMs && throughSeconds * 1000 <= clock.nowMs());
  clock.advance(WEEK_MS);
  await look();
  assert.equal(checked.length, 12);
});

test('damage that nobody has read yet is found: told once, counted, refused to readers, the rest served', async (t) => {
  const { folder, client, open, append, clock, look, errors, metric } = start(t);
  const handle = await open(0);
  for (let i = 0; i < 4; i++) await append(handle);
  rot(join(folder, logAt(0, 10)));
  const before = await client.read(handle, 10, 1);
  assert.equal(before.error, 'NONE', 'its header is sound, so a reader gets it');
  clock.advance(WEEK_MS);
  await look();
  assert.equal((await client.read(handle, 10, 1)).error, 'CORRUPT_MESSAGE');
  for (const offset of [0, 20, 30]) assert.equal((await client.read(handle, offset, 1)).error, 'NONE');
  assert.equal(errors.length, 1);
  assert.match(errors[0], /damaged.*"startOffset":10,"endOffset":20/);
  assert.equal(await metric('millrace_damaged_ranges_found_total'), 1);
  clock.advance(WEEK_MS);
  await look();
  assert.equal(errors.length, 1, 'what is known is not told again');
  assert.equal(await metric('millrace_damaged_ranges_found_total'), 1);
});

test('what a log that little is written to holds is checked where it lies, and what comes meanwhile is served', async (t) => {
  const { folder, client, open, append, clock, look, errors, metric } = start(t, {
    segmentBytesMax: 1024 * 1024,
    before: async () => void (await append(handle)),
  });
  const handle = await open(0);
  // A reader at the tail, whose place is remembered.
  await client.read(handle, 0, 1);
  for (let i = 0; i < 3; i++) await append(handle);
  // The last batch, behind which nothing lies as the check begins.
  rot(join(folder, logAt(0, 0)));
  clock.advance(WEEK_MS);
  await look();
  assert.equal((await client.read(handle, 25, 1)).error, 'CORRUPT_MESSAGE');
  for (const offset of [0, 10, 30]) assert.equal((await client.read(handle, offset, 1)).error, 'NONE');
  const size = statSync(join(folder, logAt(0, 0))).size / 4;
  // From the remembered place, and from one that a short read has left behind, no further than to the damage.
  for (const offset of [0, 10]) {
    assert.equal((await client.read(handle, offset, 1e6)).records?.byteLength, size * (2 - offset / 10));
    await client.read(handle, 0, size);
  }
  assert.match(errors.join(), /damaged.*"startOffset":20,"endOffset":30/);
  await append(handle);
  clock.advance(WEEK_MS);
  await look();
  assert.equal(errors.length, 1, `${errors}`);
  assert.equal(await metric('millrace_damaged_ranges_found_total'), 1);
  assert.equal((await client.read(handle, 40, 1)).error, 'NONE');
});

test('a segment that retention takes away while it is checked is no error; one that is missing is', async (t) => {
  const retired: string[] = [];
  const { folder, open, append, clock, look, checked, errors, metric, client } = start(t, {
    before: async (check, { deleteRecords }) => {
      if (check.segmentBase === 10 && retired.length === 0) {
        await deleteRecords.call(client, handle, 20);
        retired.push(check.path);
      }
      if (check.segmentBase === 30) renameSync(check.path, `${check.path}-away`);
    },
  });
  const handle = await open(0);
  for (let i = 0; i < 3; i++) await append(handle);
  clock.advance(WEEK_MS);
  await look();
  assert.deepEqual(checked, [logAt(0, 20), logAt(0, 10)], 'it was gone, as was the one in front of it');
  assert.deepEqual(retired, [join(folder, logAt(0, 10))]);
  assert.deepEqual(errors, []);
  assert.equal(await metric('millrace_scrub_failures_total'), undefined);
  for (let i = 0; i < 2; i++) await append(handle);
  clock.advance(WEEK_MS);
  await look();
  assert.deepEqual(checked.slice(2), [logAt(0, 40), logAt(0, 30), logAt(0, 20)]);
  assert.equal(errors.length, 1);
  assert.match(errors[0], /could not be read to be checked.*ENOENT/);
  assert.equal(await metric('millrace_scrub_failures_total'), 1);
});

test('after a restart it goes on where it was', async (t) => {
  const clock = new FakeClock();
  const second: { end: (() => void) | null } = { end: null };
  const first = start(t, {
    clock,
    before: async ({ segmentBase }) => {
      if (segmentBase !== 10) return;
      await new Promise<void>((resolve) => {
        second.end = resolve;
      });
    },
  });
  const handle = await first.open(0);
  for (let i = 0; i < 4; i++) await first.append(handle);
  clock.advance(WEEK_MS);
  await idle();
  clock.advance(LOOK_MS);
  while (second.end === null) await idle();
  const [stood] = first.standing();
  assert.equal(stood.downTo, 20);
  second.end();
  await first.client.close();
  const scrubs = new Map([['t 0', stood]]);
  const { folder } = first;
  const again = start(t, { folder, clock, earlier: { scrubs, recoveryPoints: new Map([['t 0', 40]]) } });
  await again.open(0);
  await again.look();
  assert.deepEqual(again.checked, [logAt(0, 10), logAt(0, 0)]);
  const lost = start(t, { folder, clock, earlier: { recoveryPoints: new Map([['t 0', 40]]) } });
  await again.client.close();
  await lost.open(0);
  assert.equal(await lost.metric('millrace_scrubbed_timestamp_seconds'), 0);
  await lost.look();
  assert.deepEqual(
    lost.checked,
    [30, 20, 10, 0].map((base) => logAt(0, base)),
    'who has lost it begins anew',
  );
});
