/** The shard's turn where things meet that seldom do: failures in a row, deletions between appends, modes that change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemError } from '../log/fake-file-system.js';
import { ShardBench } from './shard-bench.js';

const states = (bench: ShardBench, slot: number): string[] =>
  bench.notices.flatMap((notice) => (notice.kind === 'state' && notice.slot === slot ? [notice.state] : []));

test('a log that cannot be reopened at the first try is tried again until it can', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['kept']);
  bench.settle();
  bench.files.before = (operation) => {
    if (operation !== 'writeAside') throw systemError('EIO');
  };
  bench.append(0, ['lost']);
  bench.settle();
  for (const waitMs of [500, 1000, 2000]) {
    bench.clock.advance(waitMs);
    bench.settle();
  }
  assert.equal(states(bench, 0).at(-1), 'offline');
  bench.files.before = () => {};
  bench.clock.advance(30_000);
  bench.settle();
  assert.equal(states(bench, 0).at(-1), 'online', 'the disk is back, and so is the log');
  const again = bench.append(0, ['again']);
  bench.settle();
  assert.equal(bench.errorOf(again), 'NONE');
});

test('a log whose recovery fails is tried again until it can be recovered', () => {
  const first = new ShardBench();
  first.open(0);
  first.settle();
  first.append(0, ['kept']);
  first.settle();
  const bench = new ShardBench(first.files);
  bench.files.before = (operation) => {
    if (operation === 'fdatasync') throw systemError('EIO');
  };
  const opened = bench.open(0, ShardBench.config(), false);
  bench.settle();
  assert.equal(bench.replies.get(opened)?.error, 'KAFKA_STORAGE_ERROR');
  bench.clock.advance(500);
  bench.settle();
  bench.files.before = () => {};
  bench.clock.advance(30_000);
  bench.settle();
  assert.equal(states(bench, 0).at(-1), 'online');
  assert.equal(bench.row(0).highWatermark, 1);
});

test('records that are deleted between an append and its write: the append is on disk when it is acknowledged', () => {
  const bench = new ShardBench();
  const config = ShardBench.config({ segmentBytesMax: 400 });
  bench.open(0, config);
  bench.settle();
  for (let i = 0; i < 12; i++) {
    bench.append(0, ['x'.repeat(60)]);
    bench.settle();
  }
  const append = bench.append(0, ['y']);
  const deleted = bench.request(0, { kind: 'deleteRecords', offset: -1 });
  const another = bench.append(0, ['z']);
  bench.settle();
  assert.equal(bench.errorOf(append), 'NONE');
  assert.equal(bench.errorOf(another), 'NONE');
  assert.equal(bench.replies.get(deleted)?.error, 'NONE');
  const logStartOffset = bench.replies.get(deleted)?.offset ?? -1;
  assert.ok(logStartOffset >= 12);
  assert.equal(bench.row(0).logStartOffset, logStartOffset);
  assert.equal(bench.row(0).highWatermark, 14);
  bench.files.crash(() => 0);
  const after = new ShardBench(bench.files);
  after.open(0, config, false);
  after.settle();
  assert.equal(after.row(0).highWatermark, 14, 'a cut of power took nothing that was acknowledged');
});

test('flush=never: what is deleted was brought to disk first, so that a cut of power leaves a log that can be opened', () => {
  const bench = new ShardBench();
  const config = ShardBench.config({ flush: 'never' });
  bench.open(0, config);
  bench.settle();
  for (let i = 0; i < 5; i++) bench.append(0, ['x']);
  bench.settle();
  const deleted = bench.request(0, { kind: 'deleteRecords', offset: -1 });
  bench.settle();
  assert.equal(bench.replies.get(deleted)?.offset, 5);
  // The folder's entries had reached the disk by themselves, the records had not.
  let asked = 0;
  bench.files.crash((below) => (asked++ === 0 ? below - 1 : 0));
  const after = new ShardBench(bench.files);
  after.open(0, config, false, 5);
  after.settle();
  assert.equal(states(after, 0).at(-1), 'online');
  assert.equal(after.row(0).logEndOffset, 5);
});

test('a topic that is no longer flush=never shows what it showed, and that is on disk', () => {
  for (const flush of ['ack', 'interval'] as const) {
    const bench = new ShardBench();
    bench.open(0, ShardBench.config({ flush: 'never' }));
    bench.settle();
    bench.append(0, ['x']);
    bench.settle();
    assert.equal(bench.row(0).highWatermark, 1);
    bench.request(0, { kind: 'reconfigure', config: ShardBench.config({ flush }) });
    bench.settle();
    assert.equal(bench.row(0).highWatermark, 1, 'what consumers have read stays readable');
    assert.equal(bench.row(0).flushedEndOffset, 1);
  }
});

test('a topic that becomes flush=ack while records wait for their interval does not leave them waiting', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ flush: 'interval', flushIntervalMs: 1000 }));
  bench.settle();
  bench.append(0, ['x']);
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 0);
  bench.request(0, { kind: 'reconfigure', config: ShardBench.config({ flush: 'ack', flushIntervalMs: 2 ** 63 }) });
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 1);
});

test('flush=interval: retention takes nothing that consumers could not see yet', () => {
  const bench = new ShardBench();
  bench.open(
    0,
    ShardBench.config({ flush: 'interval', flushIntervalMs: 2 ** 50, segmentBytesMax: 400, retentionBytes: 0 }),
  );
  bench.settle();
  for (let i = 0; i < 12; i++) bench.append(0, ['x'.repeat(60)]);
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 0);
  bench.clock.advance(300_000);
  bench.settle();
  const { logStartOffset, highWatermark } = bench.row(0);
  assert.ok(logStartOffset <= highWatermark, `log start ${logStartOffset}, high watermark ${highWatermark}`);
});

test('close in the turn of the last appends: they are answered and nothing of them counts as failed', () => {
  const bench = new ShardBench();
  for (let slot = 0; slot < 4; slot++) bench.open(slot);
  bench.settle();
  const ids = [0, 1, 2, 3].map((slot) => bench.append(slot, ['x']));
  const closed = bench.request(0, { kind: 'close' });
  bench.turn();
  assert.deepEqual(
    ids.map((id) => bench.errorOf(id)),
    ['NONE', 'NONE', 'NONE', 'NONE'],
  );
  assert.equal(bench.replies.get(closed)?.error, 'NONE');
  for (let slot = 0; slot < 4; slot++) assert.deepEqual(states(bench, slot), ['online']);
});

test('what comes in the turn of a close is not stored behind the clean end', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.request(0, { kind: 'close' });
  const late = bench.append(0, ['late']);
  bench.turn();
  assert.notEqual(bench.errorOf(late), 'NONE');
  const after = new ShardBench(bench.files);
  after.open(0);
  after.settle();
  assert.equal(after.row(0).logEndOffset, 0);
});

test('a descriptor that cannot be had for a flush fails its partition, not the shard', () => {
  const bench = new ShardBench();
  for (let slot = 0; slot < 4; slot++) bench.open(slot, ShardBench.config({ flush: 'never' }));
  bench.settle();
  for (let slot = 0; slot < 4; slot++) bench.append(slot, ['x']);
  bench.settle();
  // Nobody waits for these flushes, so the files were closed for want of use.
  for (let i = 0; i < 3; i++) {
    bench.clock.advance(10_000);
    bench.settle();
  }
  bench.files.before = (operation, path) => {
    if (operation === 'open' && path.includes('/t1-0/')) throw systemError('EMFILE');
  };
  for (let slot = 0; slot < 4; slot++) bench.request(slot, { kind: 'reconfigure', config: ShardBench.config() });
  bench.settle();
  assert.equal(states(bench, 1).at(-1), 'offline');
  assert.equal(bench.row(0).flushedEndOffset, 1);
});

test('thousands of retired files are announced in parts that fit the ring', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ segmentBytesMax: 100 }));
  bench.settle();
  for (let i = 0; i < 3000; i++) {
    bench.append(0, ['x']);
    bench.turn();
  }
  const deleted = bench.request(0, { kind: 'deleteRecords', offset: 2999 });
  bench.settle();
  assert.equal(bench.replies.get(deleted)?.offset, 2999);
  const paths = bench.notices.flatMap((notice) => (notice.kind === 'garbage' ? notice.paths : []));
  assert.ok(paths.length >= 2999);
});

test('a fetch over thousands of small segments is answered in an entry that fits the ring', () => {
  const bench = new ShardBench();
  bench.open(0, ShardBench.config({ segmentBytesMax: 100 }));
  bench.settle();
  for (let i = 0; i < 9000; i++) {
    bench.append(0, ['x']);
    bench.turn();
  }
  const id = bench.locate(0, 0, 2 ** 31 - 1);
  bench.settle();
  const run = bench.replies.get(id)?.runs?.[0];
  assert.ok(run !== undefined && run.slices.length > 0);
  assert.equal(run.next?.offset, run.slices.length, 'and the reader is told where to go on');
});

test('a slot that was given back shows nothing of the partition that had it', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  for (let i = 0; i < 5; i++) bench.append(0, ['x']);
  bench.settle();
  bench.append(0, ['y']);
  bench.request(0, { kind: 'remove' });
  bench.settle();
  assert.equal(bench.row(0).highWatermark, 0);
  assert.equal(bench.row(0).logEndOffset, 0);
});

test('a removal that the disk refuses is done by the next try, and takes no folder but its own', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['of the old topic']);
  bench.settle();
  bench.files.before = (operation) => {
    if (operation === 'rename') throw systemError('EIO');
  };
  const refused = bench.request(0, { kind: 'remove' });
  const append = bench.append(0, ['too late']);
  bench.settle();
  assert.equal(bench.replies.get(refused)?.error, 'KAFKA_STORAGE_ERROR');
  assert.equal(bench.errorOf(append), 'KAFKA_STORAGE_ERROR');
  bench.files.before = () => {};
  bench.clock.advance(60_000);
  bench.settle();
  assert.equal(states(bench, 0).at(-1), 'online', 'nobody opens it again');
  const removed = bench.request(0, { kind: 'remove' });
  bench.settle();
  assert.equal(bench.replies.get(removed)?.garbage?.length, 1);
  const again = bench.request(0, { kind: 'remove' });
  bench.settle();
  assert.deepEqual(bench.replies.get(again), { error: 'NONE' });
});

test('a log that could not be opened is taken away with its topic all the same', () => {
  const first = new ShardBench();
  first.open(0);
  first.settle();
  first.append(0, ['kept']);
  first.settle();
  const bench = new ShardBench(first.files);
  bench.files.before = (operation) => {
    if (operation === 'open') throw systemError('EIO');
  };
  bench.open(0, ShardBench.config(), false);
  bench.settle();
  bench.files.before = () => {};
  const removed = bench.request(0, { kind: 'remove' });
  bench.settle();
  assert.equal(bench.replies.get(removed)?.garbage?.length, 1);
});

test('a full disk that does not even let the turn be taken back closes the log, and it comes back', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['kept']);
  bench.settle();
  bench.files.before = (operation) => {
    if (operation === 'writev' || operation === 'truncate') throw systemError('ENOSPC');
  };
  const refused = bench.append(0, ['refused']);
  bench.settle();
  assert.notEqual(bench.errorOf(refused), 'NONE');
  bench.files.before = () => {};
  bench.clock.advance(30_000);
  bench.settle();
  const again = bench.append(0, ['again']);
  bench.settle();
  assert.equal(bench.errorOf(again), 'NONE');
});

test('a thread that takes over a log whose flush had failed reads it from the disk, not from memory', () => {
  const bench = new ShardBench();
  bench.open(0);
  bench.settle();
  bench.append(0, ['kept']);
  bench.settle();
  bench.files.before = (operation) => {
    if (operation === 'fdatasync') throw systemError('EIO');
  };
  const lost = bench.append(0, ['lost']);
  bench.settle();
  assert.equal(bench.errorOf(lost), 'KAFKA_STORAGE_ERROR');
  bench.files.before = () => {};
  const next = new ShardBench(bench.files);
  next.open(0, ShardBench.config(), false, 0, 1);
  next.settle();
  assert.equal(next.row(0).logEndOffset, 1, 'memory still holds the batch that never reached the disk');
});
