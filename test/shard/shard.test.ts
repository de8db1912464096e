/** The shard's turn on a fake disk: what is acknowledged when, what a failing disk does to whom, and the way back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flushSealed } from '../../src/log/sealed-flush.js';
import { type FakeFileSystem, systemError } from '../log/fake-file-system.js';
import { ShardBench, topicIdAt } from './shard-bench.js';

const flushesOf = (files: FakeFileSystem): { fdatasync: number; syncFileSystem: number } => {
  const counts = { fdatasync: 0, syncFileSystem: 0 };
  files.before = (operation) => {
    if (operation === 'fdatasync' || operation === 'syncFileSystem') counts[operation]++;
  };
  return counts;
};

test('flush=ack: acknowledged means on disk, and consumers see it then', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  const id = bench.append(0, ['a', 'b']);
  bench.settle();
  assert.deepEqual(bench.acknowledged, [{ id, error: 'NONE', baseOffset: 0, message: null }]);
  assert.deepEqual(bench.progress.slice(-1), [0]);
  const { highWatermark, flushedEndOffset, logEndOffset, position } = bench.row(0);
  assert.deepEqual([highWatermark, flushedEndOffset, logEndOffset], [2, 2, 2]);
  assert.equal(position, bench.files.content('/data/t0-0/00000000000000000000.log').length);
  bench.files.crash(() => 0);
  const after = new ShardBench(bench.files);
  after.open(0, ShardBench.config(), false);
  after.settle();
  assert.equal(after.row(0).highWatermark, 2, 'a cut of power took nothing');
});

test('appends of one turn to many partitions are made durable in one act', () => {
  const bench = new ShardBench();
  for (let slot = 0; slot < 16; slot++) bench.open(slot);
  bench.settle();
  const flushes = flushesOf(bench.files);
  for (let slot = 0; slot < 16; slot++) for (let i = 0; i < 3; i++) bench.append(slot, [`${slot}-${i}`]);
  bench.settle();
  assert.equal(bench.acknowledged.length, 48);
  assert.ok(bench.acknowledged.every(({ error }) => error === 'NONE'));
  assert.deepEqual(flushes, { fdatasync: 0, syncFileSystem: 1 });
});

test('one or two files are synced by themselves', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  const flushes = flushesOf(bench.files);
  for (let i = 0; i < 5; i++) bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.acknowledged.length, 5);
  assert.deepEqual(flushes, { fdatasync: 1, syncFileSystem: 0 });
});

test('flush=never acknowledges what is written and never syncs', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'never' }));
  bench.settle();
  const flushes = flushesOf(bench.files);
  bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.acknowledged[0].error, 'NONE');
  assert.equal(bench.row(0).highWatermark, 1);
  assert.equal(bench.row(0).flushedEndOffset, 0);
  assert.deepEqual(flushes, { fdatasync: 0, syncFileSystem: 0 });
});

test('flush=never: a sealed segment is announced, and once it is on disk the recovery point is behind it', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'never', segmentBytesMax: 400 }));
  bench.settle();
  for (let i = 0; i < 12; i++) {
    bench.append(0, ['x'.repeat(60)]);
    bench.settle();
  }
  const sealed = bench.notices.filter((notice) => notice.kind === 'sealed').map(({ segmentBase }) => segmentBase);
  assert.ok(sealed.length >= 3);
  const settle = (segmentBase: number): number => {
    bench.request(0, { kind: 'sealedFlushed', segmentBase, failure: null });
    bench.settle();
    return bench.row(0).flushedEndOffset;
  };
  assert.equal(settle(sealed[1]), 0, 'the one before it is not on disk yet');
  assert.equal(settle(sealed[0]), sealed[2], 'now both are');
  assert.equal(bench.row(0).highWatermark, 12);
});

test('flush=interval acknowledges at once and shows consumers what was flushed', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'interval', flushIntervalMs: 1000, flushIntervalRecords: 100 }));
  bench.settle();
  bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.acknowledged[0].error, 'NONE');
  assert.equal(bench.row(0).highWatermark, 0);
  bench.clock.advance(999);
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 0);
  bench.clock.advance(1);
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 1);
  bench.append(0, new Array(100).fill('y'));
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 101, 'enough records do not wait for the time');
});

test('a failed flush is never turned into a success: refused, closed, read again from the disk, served again', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.open(1);
  bench.settle();
  bench.append(0, ['kept']);
  bench.settle();
  bench.files.before = (operation, path) => {
    if (operation === 'fdatasync' && path.includes('/t0-0/')) throw systemError('EIO');
  };
  const lost = bench.append(0, ['lost?']);
  const other = bench.append(1, ['fine']);
  bench.settle();
  assert.equal(bench.errorOf(lost), 'KAFKA_STORAGE_ERROR');
  assert.equal(bench.errorOf(other), 'NONE', 'the neighbour goes on');
  assert.ok(bench.notices.some((notice) => notice.kind === 'state' && notice.state === 'offline' && notice.slot === 0));
  const refused = bench.append(0, ['while closed']);
  bench.settle();
  assert.equal(bench.errorOf(refused), 'KAFKA_STORAGE_ERROR');
  bench.files.before = () => {};
  bench.clock.advance(500);
  bench.settle();
  assert.ok(bench.notices.some((notice) => notice.kind === 'state' && notice.state === 'online' && notice.slot === 0));
  const again = bench.append(0, ['again']);
  bench.settle();
  assert.equal(bench.errorOf(again), 'NONE');
});

test('when syncfs fails, files are asked one by one; where none owns up, all that waited fails', () => {
  const bench = new ShardBench();
  for (let slot = 0; slot < 4; slot++) bench.open(slot);
  bench.settle();
  bench.files.before = (operation, path) => {
    if (operation === 'syncFileSystem') throw systemError('EIO');
    if (operation === 'fdatasync' && path.includes('/t2-0/')) throw systemError('EIO');
  };
  const ids = [0, 1, 2, 3].map((slot) => bench.append(slot, ['x']));
  bench.settle();
  assert.deepEqual(
    ids.map((id) => bench.errorOf(id)),
    ['NONE', 'NONE', 'KAFKA_STORAGE_ERROR', 'NONE'],
  );
  bench.files.before = (operation) => {
    if (operation === 'syncFileSystem') throw systemError('EIO');
  };
  const secondRound = [0, 1, 3].map((slot) => bench.append(slot, ['y']));
  bench.settle();
  assert.deepEqual(
    secondRound.map((id) => bench.errorOf(id)),
    ['KAFKA_STORAGE_ERROR', 'KAFKA_STORAGE_ERROR', 'KAFKA_STORAGE_ERROR'],
  );
});

test('a full disk refuses with a code that every client retries, and takes again when there is room', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['first']);
  bench.settle();
  bench.files.before = (operation) => {
    if (operation === 'writev') throw systemError('ENOSPC');
  };
  const refused = bench.append(0, ['no room']);
  bench.settle();
  assert.equal(bench.errorOf(refused), 'NOT_ENOUGH_REPLICAS');
  const reading = bench.locate(0, 0, 1024);
  bench.settle();
  assert.equal(bench.replies.get(reading)?.runs?.length, 1, 'what is there is served');
  bench.files.before = () => {};
  const taken = bench.append(0, ['room again']);
  bench.settle();
  assert.deepEqual(
    bench.acknowledged.find(({ id }) => id === taken),
    { id: taken, error: 'NONE', baseOffset: 1, message: null },
  );
});

test('what comes while a turn is written shares its flush, and a disk that fills up in between refuses only that', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['makes the files']);
  bench.settle();
  let writes = 0;
  let flushes = 0;
  let second = -1;
  bench.files.before = (operation) => {
    if (operation === 'fdatasync') flushes++;
    if (operation === 'writev' && ++writes === 1) second = bench.append(0, ['came meanwhile']);
  };
  const first = bench.append(0, ['first']);
  assert.ok(bench.turn());
  assert.deepEqual([bench.errorOf(first), bench.errorOf(second), writes, flushes], ['NONE', 'NONE', 2, 1]);

  writes = 0;
  bench.files.before = (operation) => {
    if (operation !== 'writev') return;
    if (++writes > 1) throw systemError('ENOSPC');
    second = bench.append(0, ['finds no room']);
  };
  const stored = bench.append(0, ['stored']);
  assert.ok(bench.turn());
  assert.deepEqual([bench.errorOf(stored), bench.errorOf(second)], ['NONE', 'NOT_ENOUGH_REPLICAS']);
  assert.equal(bench.row(0).flushedEndOffset, 4);
});

test('locate answers one run to who waits, and whole runs below the high watermark to who will come', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  for (let i = 0; i < 50; i++) bench.append(0, ['z'.repeat(100)]);
  bench.settle();
  const batchBytes = bench.row(0).position / 50;
  const one = bench.locate(0, 10, batchBytes * 4);
  const ahead = bench.locate(0, 10, batchBytes * 4, true);
  const atEnd = bench.locate(0, 50, 1024);
  const beyond = bench.locate(0, 51, 1024);
  const small = bench.locate(0, 3, 1);
  bench.settle();
  const runs = bench.replies.get(one)?.runs ?? [];
  assert.equal(runs.length, 1);
  assert.deepEqual(runs[0].slices, [
    { path: '/data/t0-0/00000000000000000000.log', position: 10 * batchBytes, length: 4 * batchBytes },
  ]);
  assert.equal(runs[0].next?.offset, 14);
  const following = bench.replies.get(ahead)?.runs ?? [];
  assert.deepEqual(
    following.map(({ offset }) => offset),
    [10, 14, 18, 22, 26, 30, 34, 38],
  );
  assert.deepEqual(bench.replies.get(atEnd), { error: 'NONE', runs: [] });
  assert.equal(bench.replies.get(beyond)?.error, 'OFFSET_OUT_OF_RANGE');
  assert.equal(bench.replies.get(small)?.runs?.[0].slices[0].length, batchBytes, 'the first batch comes whole');
});

test('nothing is answered as stored before its partition is open, and a deleted one is gone', () => {
  const bench = new ShardBench();
  const early = bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.errorOf(early), 'NOT_LEADER_OR_FOLLOWER');
  bench.open(0);
  bench.settle();
  bench.append(0, ['x']);
  bench.settle();
  const removal = bench.request(0, { kind: 'remove' });
  bench.settle();
  assert.equal(bench.replies.get(removal)?.garbage?.length, 1);
  const late = bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.errorOf(late), 'NOT_LEADER_OR_FOLLOWER');
});

test('close makes everything durable, whatever the flush mode, and says so', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'never' }));
  bench.settle();
  bench.append(0, ['x', 'y']);
  bench.settle();
  const closing = bench.request(0, { kind: 'close' });
  bench.shard.run();
  bench.turn();
  assert.deepEqual(bench.replies.get(closing), { error: 'NONE' });
  bench.files.crash(() => 0);
  const after = new ShardBench(bench.files);
  after.open(0, ShardBench.config(), true);
  after.settle();
  assert.equal(after.row(0).logEndOffset, 2);
});

test('old segments are retired by retention, and consumers are told of the new log start', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ retentionMs: 3_600_000, segmentMs: 1000 }));
  bench.settle();
  bench.append(0, ['old']);
  bench.settle();
  bench.clock.advance(4_000_000);
  bench.settle();
  assert.equal(bench.row(0).logStartOffset, 1);
  assert.ok(bench.notices.some((notice) => notice.kind === 'garbage'));
  const next = bench.append(0, ['new']);
  bench.settle();
  assert.equal(bench.acknowledged.find(({ id }) => id === next)?.baseOffset, 1);
});

test('a partition serves while another is still being recovered', () => {
  const before = new ShardBench();
  before.open(0, ShardBench.config({ flush: 'never' }));
  before.open(1);
  before.settle();
  for (let i = 0; i < 80; i++) {
    before.append(0, ['x'.repeat(400_000)]);
    before.settle();
  }
  before.append(1, ['small']);
  before.settle();
  const after = new ShardBench(before.files);
  after.open(0, ShardBench.config(), false);
  after.open(1, ShardBench.config(), false);
  // The large log is first in line, and is read in slices between which the others have their turn.
  const isOnline = (slot: number) => after.notices.some((notice) => notice.kind === 'state' && notice.slot === slot);
  for (let turns = 0; !isOnline(1); turns++) assert.ok(turns < 100 && after.turn(), 'recovery goes on by itself');
  assert.equal(isOnline(0), false);
  const early = after.append(0, ['too early']);
  const fine = after.append(1, ['fine']);
  after.turn();
  assert.equal(after.errorOf(early), 'NOT_LEADER_OR_FOLLOWER');
  assert.equal(after.errorOf(fine), 'NONE');
  after.settle();
  assert.equal(isOnline(0), true);
  assert.equal(after.row(0).logEndOffset, 80);
});

/** A log that never flushes, and the first of its segments that is full. */
function withSealedSegment() {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'never', segmentBytesMax: 400 }));
  bench.settle();
  for (let i = 0; i < 6; i++) {
    bench.append(0, ['x'.repeat(60)]);
    bench.settle();
  }
  const [sealed] = bench.notices.filter((notice) => notice.kind === 'sealed');
  assert.equal(sealed?.kind, 'sealed');
  return { bench, sealed };
}

/** The sealed segment could not be flushed, and the log was read again. `meanwhile`: before that. */
function afterFailedFlush(meanwhile: (files: ShardBench['files'], path: string) => void) {
  const { bench, sealed } = withSealedSegment();
  bench.files.before = (operation) => {
    if (operation === 'fdatasync') throw systemError('EIO');
  };
  const outcome = flushSealed({ path: sealed.path, topicId: topicIdAt(0) }, bench.files);
  assert.match(outcome?.failure ?? '', /Could not flush .*EIO/);
  bench.files.before = () => {};
  bench.request(0, { kind: 'sealedFlushed', segmentBase: sealed.segmentBase, failure: outcome?.failure ?? null });
  bench.settle();
  assert.ok(bench.notices.some((notice) => notice.kind === 'state' && notice.state === 'offline'));
  assert.equal(bench.row(0).flushedEndOffset, 0);
  meanwhile(bench.files, sealed.path);
  bench.clock.advance(500);
  bench.settle();
  return { bench, sealed };
}

test('flush=never: where a flush of a sealed segment failed, its log closes, and memory brings its records to the disk once more', () => {
  const { bench } = afterFailedFlush(() => {});
  assert.equal(bench.row(0).logEndOffset, 6);
  assert.equal(bench.row(0).flushedEndOffset, 6);
});

test('flush=never: where memory has forgotten them as well, they are gone, and the log says so instead of serving zeros', () => {
  const { bench, sealed } = afterFailedFlush((files, path) => files.dropCache(files.open(path, 'read'), 0));
  assert.equal(bench.row(0).logEndOffset, sealed.segmentBase);
  const again = bench.append(0, ['again']);
  bench.settle();
  assert.equal(bench.errorOf(again), 'NONE');
});

test('flush=never: who comes to flush the segment of a deleted topic leaves alone what has taken its name', () => {
  const { bench, sealed } = withSealedSegment();
  bench.files.before = (operation) => {
    if (operation === 'fdatasync') throw systemError('EIO');
  };
  assert.equal(flushSealed({ path: sealed.path, topicId: topicIdAt(1) }, bench.files), null);
  assert.notEqual(flushSealed({ path: sealed.path, topicId: topicIdAt(0) }, bench.files)?.failure, null);
});

test('flush=never: a sealed segment is on disk with the names of its folders; one that was deleted is nobody’s business', () => {
  const { bench, sealed } = withSealedSegment();
  assert.deepEqual(flushSealed({ path: sealed.path, topicId: topicIdAt(0) }, bench.files), { failure: null });
  assert.equal(flushSealed({ path: `${sealed.path}.none`, topicId: topicIdAt(0) }, bench.files), null);
  bench.files.crash(() => 0);
  assert.ok(bench.files.content(sealed.path).length > 0);
});
