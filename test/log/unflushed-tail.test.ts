/** What a process that was killed never flushed, as its next start finds it on a fake disk. Test process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { StorageError } from '../../src/log/storage-error.js';
import { FakeFileSystem, systemError } from './fake-file-system.js';
import { append, beginLog, DIRECTORY, flush, openLog, readAll, testConfig } from './testbed.js';

const config = { flush: 'never', segmentBytesMax: 4000 } as const;
const COUNT = 8;
const big = 'x'.repeat(1500);
const SEGMENT = `${DIRECTORY}/00000000000000000000.log`;

function killedAfter(count = COUNT): FakeFileSystem {
  const files = new FakeFileSystem();
  const log = openLog(files, { config });
  for (let i = 0; i < count; i++) append(log, { values: [big] });
  files.kill();
  return files;
}

/** Runs `action`; how often a file was flushed meanwhile. */
function flushesIn(files: FakeFileSystem, action: () => void): number {
  let flushes = 0;
  files.before = (operation) => {
    if (operation === 'fdatasync') flushes++;
  };
  action();
  files.before = () => {};
  return flushes;
}

/** Bit by bit, as a shard does. */
function writeAgain(log: PartitionLog): void {
  while (!log.sealed.writeAgain(500));
}

function recordsOf(files: FakeFileSystem, log: PartitionLog): number {
  return readAll(files, log).records.length;
}

describe('the unflushed tail of a log', () => {
  it('is served with flush=never without waiting for a disk, and not called flushed', () => {
    const files = killedAfter();
    let log: PartitionLog | undefined;
    const flushes = flushesIn(files, () => {
      log = openLog(files, { config });
    });
    assert.ok(log);
    assert.equal(flushes, 0);
    assert.equal(recordsOf(files, log), COUNT);
    assert.equal(log.flushedEndOffset, 0);
    assert.deepEqual(log.sealed.take(), [], 'nobody is to flush what was not written again');
    writeAgain(log);
    const sealed = log.sealed.take().map(({ baseOffset }) => baseOffset);
    assert.deepEqual(
      sealed,
      log.segments.slice(0, -1).map(({ baseOffset }) => baseOffset),
    );
    for (const baseOffset of sealed) log.onSealedFlushed(baseOffset);
    assert.equal(log.flushedEndOffset, log.segments.at(-1)?.baseOffset);
    assert.equal(append(log).baseOffset, COUNT);
  });

  it('begins with flush=never where it was flushed to, within a segment', () => {
    const files = new FakeFileSystem();
    const first = openLog(files, { config: { flush: 'never' } });
    append(first, { values: ['a', 'b'] });
    flush(files, first);
    const { position } = first.flushed;
    append(first);
    files.kill();
    const log = openLog(files, { config: { flush: 'never' }, recoveryPoint: 2 });
    assert.deepEqual({ ...log.flushed }, { offset: 2, segmentBase: 0, position });
    flush(files, log);
    assert.equal(log.flushedEndOffset, 3);
  });

  it('is on its way to the disk again with flush=never, although a flush that nobody was told of had lost it', () => {
    const files = new FakeFileSystem();
    const first = openLog(files, { config });
    append(first);
    files.before = (operation) => {
      if (operation === 'fdatasync') throw systemError('EIO');
    };
    assert.throws(() => flush(files, first));
    files.kill();
    files.nowMs += 1000;
    const log = openLog(files, { config });
    assert.equal(recordsOf(files, log), 1);
    flush(files, log);
    files.crash(() => 0);
    assert.equal(recordsOf(files, openLog(files, { config, recoveryPoint: 1 })), 1);
  });

  it('keeps the time of its last append, which retention counts from', () => {
    const files = killedAfter(1);
    files.nowMs += 60_000;
    const before = files.stat(SEGMENT)?.mtimeMs;
    writeAgain(openLog(files, { config }));
    assert.equal(files.stat(SEGMENT)?.mtimeMs, before);
  });

  it('is what memory has where the disk failed while the log served, and on the disk before it serves again', () => {
    for (const mode of ['never', 'interval'] as const) {
      const options = { config: { ...config, flush: mode }, afterFailure: true };
      const files = new FakeFileSystem();
      const first = openLog(files, options);
      for (let i = 0; i < COUNT; i++) append(first, { values: [big] });
      files.before = (operation) => {
        if (operation === 'fdatasync') throw systemError('EIO');
      };
      assert.throws(() => flush(files, first));
      assert.throws(() => openLog(files, options), StorageError);
      files.before = () => {};
      const log = openLog(files, options);
      assert.equal(log.flushedEndOffset, COUNT);
      files.crash(() => 0);
      assert.equal(recordsOf(files, openLog(files, { config, recoveryPoint: COUNT })), COUNT);
    }
  });

  it('is what the disk has where it is not all in memory, and in the other flush modes', () => {
    const reasons = [
      { config, isCached: false },
      { config: { ...config, flush: 'ack' }, isCached: true },
      { config: { ...config, flush: 'interval' }, isCached: true },
    ] as const;
    for (const { isCached, ...options } of reasons) {
      const files = killedAfter();
      files.isCached = () => isCached;
      let log: PartitionLog | undefined;
      const flushes = flushesIn(files, () => {
        log = openLog(files, options);
      });
      assert.ok(log !== undefined && flushes > 0);
      assert.equal(recordsOf(files, log), COUNT);
      assert.equal(log.flushedEndOffset, COUNT);
      assert.deepEqual(log.sealed.take(), []);
    }
  });

  it('is flushed before it serves where damage was found in it', () => {
    const files = killedAfter();
    const bytes = files.content(SEGMENT);
    bytes[100] ^= 1;
    files.setContent(SEGMENT, bytes);
    const log = openLog(files, { config });
    assert.ok(readAll(files, log).refused.length > 0);
    // The damaged one is on the disk; those behind it need not be.
    assert.equal(log.flushedEndOffset, log.segments[1].baseOffset);
  });

  it('is flushed where the flush mode changed while it was read', () => {
    const files = killedAfter();
    const log = beginLog(files, { config });
    assert.equal(log.recoverSlice(4096), false);
    log.reconfigure({ ...testConfig, flush: 'ack' });
    while (!log.recoverSlice(4096));
    assert.equal(log.flushedEndOffset, COUNT);
  });

  it('is written again bit by bit while the log serves, and a segment that is sealed meanwhile is not told of before', () => {
    const files = killedAfter();
    const log = openLog(files, { config });
    const found = [...log.segments];
    assert.equal(log.sealed.writeAgain(100), false);
    assert.deepEqual(log.sealed.take(), [found[0]]);
    while (log.segments.length === found.length) append(log, { values: [big] });
    assert.deepEqual(log.sealed.take(), [], 'the one that was active is full, and not written again yet');
    writeAgain(log);
    assert.deepEqual(log.sealed.take(), found.slice(1));
  });

  it('is forgotten where its segment is deleted', () => {
    const files = killedAfter();
    const log = openLog(files, { config });
    const { baseOffset } = log.segments[2];
    log.deleteRecordsBefore(baseOffset);
    writeAgain(log);
    assert.equal(log.segments[0].baseOffset, baseOffset);
    assert.deepEqual(log.sealed.take(), log.segments.slice(0, -1));
    assert.equal(recordsOf(files, log), COUNT - baseOffset);
  });

  it('takes the log off line where it cannot be written again', () => {
    const files = killedAfter();
    const log = openLog(files, { config });
    files.before = (operation) => {
      if (operation === 'writev') throw systemError('EIO');
    };
    assert.throws(() => writeAgain(log), StorageError);
  });
});
