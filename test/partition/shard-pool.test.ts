/** What all shards are asked together, while some of them do not answer. On threads that answer when they are told to. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { PartitionEntry } from '../../src/partition/partition-entry.js';
import { ShardPool } from '../../src/partition/shard-pool.js';
import { FakeClock, idle } from '../base/fake-clock.js';

/** A pool of two shards, a partition on each, that say nothing of their logs before `answer`. */
async function start(t: TestContext) {
  const clock = new FakeClock();
  const ignore = (): void => undefined;
  const pool = new ShardPool({
    entry: new URL('./late-shard.js', import.meta.url),
    ...{ shards: 2, ringBytes: 64 * 1024, openFilesMax: 10, retentionCheckMs: 1e9 },
    ...{ clock, logger: silentLogger, metrics: new Metrics() },
    ...{ onState: ignore, onProgress: ignore, onGarbage: ignore, onSealed: ignore, onFull: ignore },
    onFatal: (reason) => assert.fail(reason),
  });
  t.after(() => pool.terminate());
  const config = loadConfig({ overrides: {} }).config.logConfig(new Map());
  const entries = await Promise.all(
    [0, 1].map(async (shard) => {
      const spec = {
        ...({ kind: 'open', topic: 't', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', index: shard, config } as const),
        ...{
          leaderEpoch: 0,
          directory: '',
          clean: true,
          recoveryPoint: 0,
          logStartOffset: 0,
          firstDirtyOffset: 0,
          damagedRanges: 0,
        },
      };
      const entry = new PartitionEntry(shard, pool.takeSlot(shard), spec, `/disk-${shard}`, null);
      await pool.seatEntry(entry);
      return entry;
    }),
  );
  const answer = (shard: number): Promise<void> =>
    new Promise((resolve) => {
      pool.link(shard).append(entries[shard].slot, false, Buffer.from('go on'), () => resolve());
    });
  return { pool, clock, entries, answer };
}

test('a disk is surveyed without the shards that have nothing on it', async (t) => {
  const { pool, entries, answer } = await start(t);
  const surveying = pool.survey(({ home }) => home === '/disk-1');
  await answer(1);
  assert.deepEqual([...(await surveying).keys()], [entries[1]]);
});

test('of a shard that stands still is told what it said before, and it is asked once', async (t) => {
  const { pool, clock, entries, answer } = await start(t);
  const survey = async (during: () => Promise<unknown>): Promise<readonly PartitionEntry[]> => {
    const surveying = pool.surveySoon();
    await during();
    return [...(await surveying).keys()];
  };
  const patience = () => clock.advanceAndIdle(200);
  assert.deepEqual(await survey(patience), [], 'they have said nothing yet');
  const whole = await survey(() => Promise.all([answer(0), answer(1)]));
  assert.deepEqual(whole, entries);
  const timers = clock.pending;
  const stale = await survey(async () => {
    await answer(1);
    await idle();
    await patience();
  });
  assert.deepEqual(stale, entries);
  assert.equal(clock.pending, timers, 'and no timer is left over');
});
