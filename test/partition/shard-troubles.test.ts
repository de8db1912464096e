/** Walks the table of what befalls shards: each trouble has one line, one count, and a way back without a restart. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Clock } from '../../src/base/clock.js';
import { type ShardTrouble, shardTroubles } from '../../src/base/shard-trouble.js';
import type { CounterName } from '../../src/metrics/instruments.js';
import { Metrics } from '../../src/metrics/metrics.js';
import { ShardPool } from '../../src/partition/shard-pool.js';
import { StallWatch } from '../../src/partition/stall-watch.js';
import { allocatePulse, Pulse, PulseView } from '../../src/ring/pulse.js';
import { FakeClock } from '../base/fake-clock.js';
import { LineLogger } from '../network/node.js';

const FOLDER = '/data/slow';

/** One shard under the watch, and the thread's end of its pulse. */
class Bench {
  readonly clock = new FakeClock();
  readonly logger = new LineLogger();
  readonly metrics = new Metrics();
  readonly shard = { pulse: new PulseView(allocatePulse()), hasUnread: false, describe: () => ({ folder: FOLDER }) };
  readonly pulse: Pulse;
  readonly watch: StallWatch;

  constructor() {
    const memory = allocatePulse();
    this.pulse = new Pulse(memory);
    this.shard = { ...this.shard, pulse: new PulseView(memory) };
    this.watch = new StallWatch({ ...this, shards: [this.shard] });
    this.pulse.working();
    this.pulse.asleep();
  }

  lines(level: string): string[] {
    return this.logger.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  async count(trouble: ShardTrouble): Promise<number> {
    return counted(this.metrics, trouble);
  }
}

async function counted(metrics: Metrics, trouble: ShardTrouble): Promise<number> {
  const name: CounterName = shardTroubles[trouble].metric;
  const family = (await metrics.read()).find((one) => one.name === name);
  if (family === undefined || family.kind === 'histogram') return 0;
  const samples = family.samples.filter(({ labels }) => (labels.trouble ?? trouble) === trouble);
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/** What the thread does when it is met, and what ends it. */
const stalls: Readonly<Record<string, { begin(bench: Bench): void; end(bench: Bench): void; over: string }>> = {
  'slow disk': {
    begin: ({ pulse }) => {
      pulse.working();
      pulse.atDisk();
    },
    end: ({ pulse }) => {
      pulse.working();
      pulse.asleep();
    },
    over: 'the disk answers again',
  },
  'frozen shard': {
    // It is not even woken by what there is to do.
    begin: ({ shard }) => {
      shard.hasUnread = true;
    },
    end: ({ shard, pulse }) => {
      pulse.working();
      shard.hasUnread = false;
      pulse.asleep();
    },
    over: 'the shard goes on',
  },
};

describe('the table of what befalls shards', () => {
  for (const [name, { begin, end, over }] of Object.entries(stalls)) {
    const trouble = name as ShardTrouble;
    test(`${trouble}: told once, counted each time, over by itself`, async () => {
      const bench = new Bench();
      bench.clock.advance(10_000);
      assert.deepEqual(bench.logger.lines, [], 'who has nothing to do does not stand still');
      begin(bench);
      bench.clock.advance(900);
      assert.deepEqual(bench.logger.lines, []);
      bench.clock.advance(10_000);
      assert.equal(bench.lines('error').length, 1, 'one line, however long it lasts');
      assert.match(bench.lines('error')[0], new RegExp(`^${trouble}: `));
      assert.equal(bench.logger.said(/./).fields.folder, FOLDER);
      assert.equal(await bench.count(trouble), 1);
      end(bench);
      bench.clock.advance(500);
      assert.deepEqual(bench.lines('info'), [over]);
      for (let i = 0; i < 3; i++) {
        begin(bench);
        bench.clock.advance(3000);
        end(bench);
        bench.clock.advance(500);
      }
      assert.equal(await bench.count(trouble), 4);
      assert.equal(bench.lines('error').length, 1, 'again and again is no news');
      bench.clock.advance(60_000);
      begin(bench);
      bench.clock.advance(3000);
      assert.equal(bench.lines('error').length, 2);
      bench.watch.close();
      assert.equal(bench.clock.pending, 0);
    });
  }

  test('a thread that works on is not said to stand still, nor one that has not begun', () => {
    const bench = new Bench();
    bench.shard.hasUnread = true;
    for (let i = 0; i < 20; i++) {
      bench.pulse.working();
      bench.pulse.atDisk();
      bench.clock.advance(400);
    }
    bench.shard.pulse.reset();
    bench.clock.advance(60_000);
    assert.deepEqual(bench.logger.lines, []);
  });

  test('when the whole process stood still, nothing is said of its threads', () => {
    let behindMs = 0;
    const bench = new Bench();
    const { clock } = bench;
    const paused: Clock = {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs() + behindMs,
      after: (ms, action) => clock.after(ms, action),
    };
    bench.watch.close();
    const watch = new StallWatch({ ...bench, clock: paused, shards: [bench.shard] });
    bench.pulse.working();
    clock.advance(500);
    behindMs = 30_000;
    clock.advance(500);
    assert.deepEqual(bench.logger.lines, []);
    clock.advance(2000);
    assert.equal(bench.lines('error').length, 1, 'but of what stands still after that');
    watch.close();
  });

  test('dead shard: told, counted, and served again by a new thread', async (t) => {
    const logger = new LineLogger();
    const metrics = new Metrics();
    const pool = new ShardPool({
      entry: new URL('./stand-in-shard.js', import.meta.url),
      shards: 1,
      ringBytes: 64 * 1024,
      openFilesMax: 10,
      retentionCheckMs: 1e9,
      clock: new FakeClock(),
      logger,
      metrics,
      ...{ onState: () => {}, onProgress: () => {}, onGarbage: () => {}, onSealed: () => {}, onFull: () => {} },
      onFatal: (reason) => assert.fail(reason),
    });
    t.after(() => pool.terminate());
    const append = (word: string) =>
      new Promise<string>((resolve) => pool.link(0).append(0, true, Buffer.from(word), ({ error }) => resolve(error)));
    assert.equal(await append('throw'), 'NOT_LEADER_OR_FOLLOWER');
    await logger.line(/^dead shard: /);
    assert.equal(await counted(metrics, 'dead shard'), 1);
    await logger.line(/the shard serves again/);
    assert.equal(await append('batch'), 'NONE');
  });

  test('every row of the table was walked', () => {
    assert.deepEqual(Object.keys(shardTroubles), [...Object.keys(stalls), 'dead shard']);
  });
});
