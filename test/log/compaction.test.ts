/** What compaction leaves of a log, what it does not touch, and what keeps it from a log that it would harm. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CompactedSegment } from '../../src/base/compaction-plan.js';
import type { LogConfig } from '../../src/config/log-config.js';
import { emptyOutcome } from '../../src/log/append-outcome.js';
import { Compaction } from '../../src/log/compaction.js';
import { CompactionError } from '../../src/log/compaction-error.js';
import { runCompaction } from '../../src/log/compaction-run.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { encodeBatch, iterateBatches } from '../../src/record/record.js';
import {
  baseOffsetOf,
  computeCrc,
  hasDeleteHorizon,
  isTransactional,
  lastOffsetOf,
  recordsCountOf,
} from '../../src/record/record-batch.js';
import { FakeClock } from '../base/fake-clock.js';
import { FakeFileSystem, systemError } from './fake-file-system.js';
import { AMPLE_MEMORY, compact, DIRECTORY, flush, openLog, readAll, stage, testConfig } from './testbed.js';

const config: Partial<LogConfig> = { compacted: true, deleted: false, segmentBytesMax: 100_000 };
const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

interface Producer {
  readonly producerId: number;
  readonly baseSequence: number;
  readonly transactional?: boolean;
}

/** One batch: `a1` sets key a to 1, `a-` is its tombstone, `1` alone has no key. */
function put(log: PartitionLog, words: string, producer?: Producer): void {
  const records = words.split(' ').map((word) => ({
    key: /^\d/.test(word) ? null : Buffer.from(word[0]),
    value: word.endsWith('-') ? null : Buffer.from(word.slice(1)),
    timestampMs: NOW_MS,
  }));
  const batch = encodeBatch({ records, ...(producer ? { ...producer, producerEpoch: 0 } : {}) });
  if (producer?.transactional) putUnchecked(log, batch);
  else assert.equal(stage(log, batch).error, 'NONE');
  log.write();
}

/** No client may write what belongs to a transaction: such batches come from Apache Kafka's folders. */
function putUnchecked(log: PartitionLog, batch: Buffer): void {
  log.stage(batch, 0, batch.length, NOW_MS, false, emptyOutcome());
}

/** How a transaction ended: type 0 is an abort, 1 a commit. */
function putMarker(log: PartitionLog, producerId: number, type: number): void {
  const records = [{ key: Buffer.from([0, 0, 0, type]), value: Buffer.alloc(6), timestampMs: 1 }];
  putUnchecked(log, encodeBatch({ records, producerId, producerEpoch: 0, control: true, transactional: true }));
  log.write();
}

/** Batches of the words, each in a segment of its own, all of them sealed and flushed. */
function logOf(files: FakeFileSystem, segments: readonly string[], changes: Partial<LogConfig> = {}): PartitionLog {
  const log = openLog(files, { config: { ...config, ...changes } });
  for (const words of segments) {
    put(log, words);
    log.roll();
  }
  flush(files, log);
  return log;
}

/** `offset:word` of everything that a reader gets. */
const read = (files: FakeFileSystem, log: PartitionLog): string =>
  readAll(files, log)
    .records.map(({ offset, key, value }) => `${offset}:${key ?? ''}${value === null ? '-' : value}`)
    .join(' ');

const logFiles = (files: FakeFileSystem): string[] =>
  files.paths().filter((path) => path.startsWith(DIRECTORY) && /\.log(\.|$)/.test(path));

const batchesOf = (files: FakeFileSystem, base: number): Buffer[] => [
  ...iterateBatches(files.content(`${DIRECTORY}/${String(base).padStart(20, '0')}.log`)),
];

describe('a compacted log', () => {
  it('keeps the last value of each key under its offset, and merges what has become small', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1 b1', 'a2 c1', 'b2', 'd1']);
    const outcome = compact(files, log);
    assert.equal(read(files, log), '2:a2 3:c1 4:b2 5:d1');
    assert.deepEqual([outcome?.recordsBefore, outcome?.recordsAfter, outcome?.keys], [6, 4, 4]);
    assert.equal(log.segments.length, 2);
    assert.equal(logFiles(files).length, 2);
    assert.equal(log.compaction.firstDirtyOffset, 6);
    assert.equal(compact(files, log), null);
  });

  it('is not touched where it is still written to, is not on disk, or came too lately', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { ...config, minCompactionLagMs: 1000, flush: 'never' } });
    put(log, 'a1');
    log.roll();
    put(log, 'a2');
    assert.equal(compact(files, log, NOW_MS + 5000), null, 'not flushed');
    flush(files, log);
    assert.equal(compact(files, log, NOW_MS + 999), null, 'too young');
    assert.ok(compact(files, log, NOW_MS + 1000));
    assert.equal(read(files, log), '0:a1 1:a2', 'the active segment does not count');
  });

  it('is due when enough of it is dirty, or some has been dirty for too long', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'b1'], { minDirtyRatio: 0.5, maxCompactionLagMs: DAY_MS });
    assert.deepEqual(log.compaction.need(NOW_MS), { dirtyRatio: 1, overdue: false });
    compact(files, log);
    assert.equal(log.compaction.need(NOW_MS), null);
    put(log, 'c1');
    assert.equal(log.compaction.wantsRoll(NOW_MS + DAY_MS), false);
    assert.equal(log.compaction.wantsRoll(NOW_MS + DAY_MS + 1), true);
    log.roll();
    flush(files, log);
    assert.equal(log.compaction.need(NOW_MS + DAY_MS), null);
    const need = log.compaction.need(NOW_MS + DAY_MS + 1);
    assert.equal(need?.overdue, true);
    log.reconfigure({ ...testConfig, ...config, compacted: false });
    assert.equal(log.compaction.need(NOW_MS + DAY_MS + 1), null);
  });

  it('shows tombstones for delete.retention.ms after they were first seen, then drops them', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1 b1', 'a- c1', 'x1']);
    compact(files, log, NOW_MS + 10);
    assert.equal(read(files, log), '1:b1 2:a- 3:c1 4:x1');
    assert.ok(batchesOf(files, 0).some((batch) => hasDeleteHorizon(batch, 0)));
    const again = (word: string, nowMs: number): void => {
      put(log, word);
      log.roll();
      flush(files, log);
      assert.ok(compact(files, log, nowMs));
    };
    again('x2', NOW_MS + 10 + DAY_MS - 1);
    assert.equal(read(files, log), '1:b1 2:a- 3:c1 5:x2');
    again('x3', NOW_MS + 10 + DAY_MS);
    assert.equal(read(files, log), '1:b1 3:c1 6:x3');
  });

  it('lets nothing be replaced by what a transaction has written, which may have been aborted', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config });
    const within = (producerId: number) => ({ producerId, baseSequence: 0, transactional: true });
    put(log, 'a1 b1 c1 d1');
    put(log, 'a2 b- d2', within(1));
    putMarker(log, 1, 0);
    put(log, 'c3 d3', within(2));
    putMarker(log, 2, 1);
    put(log, 'd4 e-');
    log.roll();
    flush(files, log);
    compact(files, log, NOW_MS);
    const shown = () =>
      read(files, log)
        .replace(/(\d+:)\0\0\0./g, '$1marker')
        .replace(/marker\0+/g, 'marker');
    assert.equal(shown(), '0:a1 1:b1 2:c1 4:a2 5:b- 7:marker 8:c3 10:marker 11:d4 12:e-');
    // Long after, with something new: the tombstone of the transaction is still there, the other one is gone.
    put(log, 'c5');
    log.roll();
    flush(files, log);
    compact(files, log, NOW_MS + 2 * DAY_MS);
    assert.equal(shown(), '0:a1 1:b1 4:a2 5:b- 7:marker 10:marker 11:d4 13:c5');
    assert.ok(
      batchesOf(files, 0)
        .filter((batch) => isTransactional(batch, 0))
        .every((batch) => !hasDeleteHorizon(batch, 0)),
    );
  });

  it('says how far it reaches, when nothing is left at its end', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'b1 b2', 'c-']);
    compact(files, log);
    put(log, 'c-');
    log.roll();
    flush(files, log);
    compact(files, log, NOW_MS + DAY_MS);
    const batches = batchesOf(files, 0);
    assert.equal(lastOffsetOf(batches[batches.length - 1], 0), log.logEndOffset - 1);
    const located = log.locate(4, 1000, log.logEndOffset, true);
    assert.equal(located?.slices.length, 1, 'a reader in front of the end is shown the end');
  });

  it('drops records without a key, which came before the topic was compacted', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['1 a1', '2', 'a2'], { compacted: false });
    log.reconfigure({ ...testConfig, ...config });
    compact(files, log);
    assert.equal(read(files, log), '3:a2');
  });

  it('leaves control batches as they are', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config });
    put(log, 'a1');
    putMarker(log, 9, 1);
    const before = batchesOf(files, 0)[1];
    put(log, 'a2');
    log.roll();
    flush(files, log);
    compact(files, log);
    assert.deepEqual(
      batchesOf(files, 0).find((batch) => baseOffsetOf(batch, 0) === 1),
      before,
    );
  });

  it('goes over any number of keys with a map of a few', () => {
    const files = new FakeFileSystem();
    const keys = 'abcdefghijklmnopqrstuvwxyz'.split('');
    const segments = [1, 2, 3].flatMap((round) => keys.map((key) => `${key}${round}`));
    const log = logOf(files, segments);
    const memory = { bytesMax: 20 * 11, loadFactor: 0.5 };
    let rounds = 0;
    for (let before = -1; before < log.compaction.firstDirtyOffset && compact(files, log, NOW_MS, memory); rounds++) {
      before = log.compaction.firstDirtyOffset - 1;
    }
    assert.ok(rounds > 10, `${rounds} rounds`);
    assert.equal(read(files, log), keys.map((key, at) => `${52 + at}:${key}3`).join(' '));
  });

  it('keeps to its bytes per second, and stops where it is told', () => {
    const files = new FakeFileSystem();
    const log = logOf(
      files,
      Array.from({ length: 80 }, (_, at) => `${'abc'[at % 3]}${'v'.repeat(90_000)}`),
    );
    const bytes = log.sizeBytes;
    const clock = new FakeClock();
    const plan = log.compaction.plan(NOW_MS) ?? assert.fail('there is something to do');
    const job = { plan, memory: AMPLE_MEMORY, bytesPerSecondMax: 1_000_000 };
    let generation = 100;
    const host = {
      ask: (segment: CompactedSegment) => log.compaction.swap(segment, ++generation) !== null,
      pause: (ms: number) => clock.advance(ms),
      stopped: false,
    };
    const outcome = runCompaction(files, clock, job, host) ?? assert.fail('nobody stopped it');
    // All is read twice, and what is left is written.
    const movedBytes = 2 * bytes + outcome.bytesAfter;
    const dueMs = movedBytes / 1000;
    assert.ok(Math.abs(clock.monotonicMs() - dueMs) < 0.2 * dueMs, `${clock.monotonicMs()} ms for ${movedBytes} bytes`);
    log.compaction.end(outcome.firstDirtyOffset);
    for (let i = 0; i < 10; i++) put(log, `a${'w'.repeat(90_000)}`);
    log.roll();
    flush(files, log);
    const again = { ...job, plan: log.compaction.plan(NOW_MS) ?? assert.fail('there is something to do again') };
    const before = read(files, log);
    assert.equal(runCompaction(files, clock, again, { ...host, stopped: true }), null);
    assert.equal(read(files, log), before);
    assert.deepEqual(
      files.paths().filter((path) => path.endsWith('.cleaned')),
      [],
    );
  });

  it('keeps what tells a batch that is sent twice, also where everything else that knew it is lost', () => {
    const files = new FakeFileSystem();
    let log = openLog(files, { config });
    for (let i = 0; i < 8; i++) put(log, `a${i}`, { producerId: 5, baseSequence: i });
    put(log, 'a9');
    log.roll();
    flush(files, log);
    compact(files, log);
    assert.equal(read(files, log), '8:a9');
    log.close();
    for (const path of files.paths()) if (path.endsWith('.snapshot')) files.unlink(path);
    log = openLog(files, { config });
    for (let i = 3; i < 8; i++) {
      const outcome = stage(
        log,
        encodeBatch({
          records: [{ key: Buffer.from('a'), value: Buffer.from(String(i)), timestampMs: 1 }],
          producerId: 5,
          producerEpoch: 0,
          baseSequence: i,
        }),
      );
      assert.deepEqual([outcome.error, outcome.duplicate, outcome.baseOffset], ['NONE', true, i]);
    }
    put(log, 'a8', { producerId: 5, baseSequence: 8 });
  });

  it('keeps its segments as old as they were', () => {
    const files = new FakeFileSystem();
    const clock = new FakeClock();
    let log = openLog(files, { config, clock });
    for (const word of ['a1', 'a2', 'a3']) {
      files.nowMs += 1000;
      const batch = encodeBatch({ records: [{ key: Buffer.from('a'), value: Buffer.from(word), timestampMs: 1 }] });
      stage(log, batch, files.nowMs);
      log.write();
      log.roll();
    }
    flush(files, log);
    const arrivedMs = files.nowMs;
    files.nowMs += 5000;
    assert.ok(compact(files, log));
    assert.equal(log.segments[0].lastAppendMs, arrivedMs);
    log.close();
    log = openLog(files, { config, clean: true });
    assert.equal(log.segments[0].lastAppendMs, arrivedMs);
  });

  it('answers look-ups by time, also beside batches of which only the header is left', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config });
    for (const [key, timestampMs, producerId] of [
      ['a', 5000, 7],
      ['b', 1000, -1],
      ['a', 2000, -1],
    ] as const) {
      const records = [{ key: Buffer.from(key), value: Buffer.from('v'), timestampMs }];
      const producer = producerId < 0 ? {} : { producerId, producerEpoch: 0, baseSequence: 0 };
      stage(log, encodeBatch({ records, ...producer }));
      log.write();
    }
    log.roll();
    flush(files, log);
    compact(files, log);
    assert.deepEqual(
      batchesOf(files, 0).map((batch) => recordsCountOf(batch, 0)),
      [0, 1, 1],
    );
    assert.deepEqual(log.maxTimestamp(3), { offset: 2, timestampMs: 2000, leaderEpoch: 0 });
    assert.deepEqual(log.offsetAtTime(1500, 3), { offset: 2, timestampMs: 2000, leaderEpoch: 0 });
    assert.equal(log.offsetAtTime(3000, 3), null);
  });
});

describe('compaction that cannot be', () => {
  it('leaves a damaged segment as it is, keeps tombstones, and begins anew once the damage is gone', () => {
    const files = new FakeFileSystem();
    let log = logOf(files, ['a1 b1', 'c1 d1', 'a2', 'b-']);
    log.close();
    const damaged = `${DIRECTORY}/00000000000000000002.log`;
    const sound = files.content(damaged);
    const bytes = Buffer.from(sound);
    bytes[70] ^= 1;
    files.setContent(damaged, bytes);
    log = openLog(files, { config });
    assert.equal(log.segments.find((segment) => segment.baseOffset === 2)?.damaged.length, 1);
    assert.ok(compact(files, log));
    assert.deepEqual(files.content(damaged), bytes);
    const { records, refused } = readAll(files, log);
    assert.deepEqual(refused, [2, 3]);
    assert.deepEqual(
      records.map(({ offset }) => offset),
      [4, 5],
    );
    put(log, 'x1');
    log.roll();
    flush(files, log);
    assert.ok(compact(files, log, NOW_MS + 5 * DAY_MS));
    assert.ok(readAll(files, log).records.some(({ offset, value }) => offset === 5 && value === null));
    log.close();
    // Somebody brought the bytes back.
    files.setContent(damaged, sound);
    files.unlink(`${DIRECTORY}/damaged-ranges`);
    log = openLog(files, { config, firstDirtyOffset: log.compaction.firstDirtyOffset });
    put(log, 'x2');
    log.roll();
    flush(files, log);
    assert.ok(compact(files, log, NOW_MS + 5 * DAY_MS));
    assert.equal(log.compaction.firstDirtyOffset, 0, 'a tombstone nobody had seen: nothing counts as clean');
    assert.ok(compact(files, log, NOW_MS + 5 * DAY_MS));
    assert.equal(read(files, log), '2:c1 3:d1 4:a2 5:b- 7:x2');
    put(log, 'x3');
    log.roll();
    flush(files, log);
    assert.ok(compact(files, log, NOW_MS + 7 * DAY_MS));
    assert.equal(read(files, log), '2:c1 3:d1 4:a2 8:x3');
  });

  it('never brings a deleted value back, however wrong the checkpoint is', () => {
    const files = new FakeFileSystem();
    let log = logOf(files, ['a1', 'b1', 'a-', 'c1']);
    log.close();
    log = openLog(files, { config, clean: true, firstDirtyOffset: 3 });
    for (let round = 0; round < 6; round++) {
      compact(files, log, NOW_MS + round * 2 * DAY_MS);
      put(log, `x${round}`);
      log.roll();
      flush(files, log);
      const words = read(files, log)
        .split(' ')
        .map((word) => word.slice(word.indexOf(':') + 1));
      assert.ok(!words.includes('a1') || words.includes('a-'), words.join(' '));
    }
    assert.ok(!read(files, log).includes(':a'));
  });

  for (const known of [-5, 3.5e15, 4]) {
    it(`takes a checkpoint of ${known} for none where the log does not reach so far`, () => {
      const files = new FakeFileSystem();
      logOf(files, ['a1', 'a2']).close();
      const log = openLog(files, { config, clean: true, firstDirtyOffset: known });
      assert.equal(log.compaction.firstDirtyOffset, 0);
    });
  }

  it('ends at a batch that is damaged, names the segment, and leaves nothing behind', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'a2', 'a3']);
    const path = `${DIRECTORY}/00000000000000000001.log`;
    const bytes = files.content(path);
    bytes[65] ^= 1;
    files.setContent(path, bytes);
    const before = files.paths();
    assert.throws(
      () => compact(files, log),
      (error) => error instanceof CompactionError && error.damagedSegment === 1,
    );
    assert.deepEqual(files.paths(), before);
  });

  it('leaves nothing behind on a full disk, and the log as it was', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'a2', 'a3']);
    const before = files.paths();
    for (const operation of ['writev', 'writeAside', 'open'] as const) {
      for (let passed = 0; passed < 2; passed++) {
        let count = 0;
        files.before = (what, path) => {
          if (what === operation && path.endsWith('.cleaned') && count++ === passed) throw systemError('ENOSPC');
        };
        try {
          compact(files, log);
        } catch (error) {
          assert.match(String(error), /ENOSPC/);
          assert.deepEqual(files.paths(), before);
        }
        log.compaction.end(-1);
      }
    }
    files.before = () => {};
    compact(files, log);
    assert.equal(read(files, log), '2:a3');
  });

  it('swaps nothing in where the log has changed meanwhile', () => {
    for (const change of [
      (log: PartitionLog) => void log.deleteRecordsBefore(2),
      (log: PartitionLog) => log.compaction.end(-1),
    ]) {
      const files = new FakeFileSystem();
      const log = logOf(files, ['a1', 'b1', 'a2', 'b2']);
      assert.equal(
        compact(files, log, NOW_MS, AMPLE_MEMORY, () => change(log)),
        null,
      );
      assert.ok(!files.paths().some((path) => path.endsWith('.cleaned')));
      assert.match(read(files, log), /2:a2 3:b2$/);
    }
  });

  it('keeps a batch that nobody can read, and goes on around it', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'b1'], { compacted: false });
    const broken = encodeBatch({
      records: [{ key: Buffer.from('a'), value: Buffer.from('2'), timestampMs: 1 }],
      compression: 'gzip',
    });
    broken.fill(0xee, 70, 90);
    const fixed = Buffer.from(broken);
    fixed.writeUInt32BE(computeCrc(fixed, 0, fixed.length), 17);
    assert.equal(stage(log, fixed).error, 'NONE');
    put(log, 'b2');
    log.roll();
    flush(files, log);
    log.reconfigure({ ...testConfig, ...config });
    const outcome = compact(files, log);
    assert.equal(outcome?.unreadableBatches, 1);
    assert.deepEqual(
      batchesOf(files, 0).map((batch) => baseOffsetOf(batch, 0)),
      [0, 2, 3],
    );
  });

  it('says which segment has gone', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1', 'a2']);
    const plan = log.compaction.plan(NOW_MS);
    assert.ok(plan);
    files.unlink(`${DIRECTORY}/00000000000000000001.log`);
    assert.throws(() => new Compaction(files, plan, AMPLE_MEMORY), CompactionError);
  });
});

describe('a log that is not compacted any more', () => {
  it('misses nothing where compaction has left offsets out', () => {
    const files = new FakeFileSystem();
    const log = logOf(files, ['a1 b1', 'a2 c1', 'c2 d1', 'c3 e1']);
    compact(files, log, NOW_MS);
    const left = read(files, log);
    log.close();
    const again = openLog(files, { config: { ...config, compacted: false }, clean: true });
    for (const fetchBytes of [1, 150, 1_000_000]) {
      const { records, refused } = readAll(files, again, fetchBytes);
      assert.equal(records.length, left.split(' ').length);
      assert.deepEqual(refused, []);
    }
  });
});
