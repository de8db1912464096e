/** The log by example: append, roll, read, time look-ups, epochs, retention, idempotence, opening again. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PARTITION_METADATA_FILE } from '../../src/log/checkpoint.js';
import { StorageError } from '../../src/log/storage-error.js';
import { encodeBatch } from '../../src/record/record.js';
import { FakeFileSystem, systemError } from './fake-file-system.js';
import { append, batchOf, DIRECTORY, flush, openLog, readAll, stage } from './testbed.js';

const big = (byte: string): string => byte.repeat(1500);

describe('a log', () => {
  it('touches nothing before the first append', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    assert.deepEqual(files.paths(), []);
    assert.equal(log.logEndOffset, 0);
    assert.equal(log.locate(0, 1000, 10, true), null);
    log.close();
    assert.equal(files.exists(DIRECTORY), false);
  });

  it('gives batches their offsets and reads them back, across segments', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 8000 } });
    for (let i = 0; i < 40; i++) {
      const outcome = append(log, { values: [big('a'), `${i}`] });
      assert.equal(outcome.error, 'NONE');
      assert.equal(outcome.baseOffset, i * 2);
    }
    flush(files, log);
    assert.equal(log.flushedEndOffset, 80);
    const { records, refused } = readAll(files, log);
    assert.deepEqual(refused, []);
    assert.deepEqual(
      records.map((record) => record.offset),
      Array.from({ length: 80 }, (_, i) => i),
    );
    assert.ok(log.segments.length > 5);
  });

  it('writes several staged batches in one call for each file', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    let writes = 0;
    files.before = (operation) => {
      if (operation === 'writev') writes++;
    };
    for (let i = 0; i < 10; i++) stage(log, batchOf({}));
    assert.equal(log.logEndOffset, 1);
    log.write();
    assert.equal(log.logEndOffset, 11);
    assert.equal(writes, 1);
  });

  it('continues where a clean close left it, and reads no more than the tail', () => {
    const files = new FakeFileSystem();
    const first = openLog(files, { config: { segmentBytesMax: 20_000 } });
    for (let i = 0; i < 60; i++) append(first, { values: [big('a')], timestampMs: 1000 + i });
    first.close();
    let read = 0;
    files.before = (operation, path) => {
      if (operation === 'read' && path.endsWith('.log')) read++;
    };
    const second = openLog(files, { clean: true });
    assert.ok(read < 10, `${read} reads`);
    files.before = () => {};
    assert.equal(second.logEndOffset, 60);
    assert.equal(second.flushedEndOffset, 60);
    assert.equal(append(second, { timestampMs: 5 }).baseOffset, 60);
    assert.equal(readAll(files, second).records.length, 61);
    assert.deepEqual(second.offsetAtTime(1030, 61), { offset: 30, timestampMs: 1030, leaderEpoch: 0 });
    assert.deepEqual(second.maxTimestamp(61), { offset: 59, timestampMs: 1059, leaderEpoch: 0 });
    assert.equal(second.offsetAtTime(2000, 61), null);
  });

  it('recovers after a kill without losing what was written', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 8000 } });
    for (let i = 0; i < 30; i++) append(log, { values: [big('b')] });
    files.kill();
    const again = openLog(files, { config: { segmentBytesMax: 8000 } });
    assert.equal(again.logEndOffset, 30);
    assert.equal(again.flushedEndOffset, 30);
    assert.equal(readAll(files, again).records.length, 30);
  });

  it('keeps only what was flushed when the power goes', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    flush(files, log);
    append(log);
    files.crash(() => 0);
    const again = openLog(files);
    assert.equal(again.logEndOffset, 1);
  });

  it('answers look-ups by time to the record', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 30_000 } });
    for (let i = 0; i < 100; i++) append(log, { values: [big('c'), 'x'], timestampMs: 1000 + i * 10 });
    for (let i = 0; i < 100; i++) {
      assert.equal(log.offsetAtTime(1000 + i * 10, 200)?.offset, i * 2);
      assert.equal(log.offsetAtTime(1000 + i * 10 - 5, 200)?.offset, i * 2);
    }
    assert.equal(log.offsetAtTime(0, 200)?.offset, 0);
    assert.equal(log.offsetAtTime(1990, 198), null);
    assert.equal(log.maxTimestamp(100)?.offset, 98);
  });

  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`answers look-ups by time to the record inside of a batch, codec ${compression}`, () => {
      const log = openLog(new FakeFileSystem());
      const record = (i: number) => ({ value: Buffer.from(big('d')), timestampMs: 1000 + i * 10 });
      for (let i = 0; i < 40; i += 10) {
        const records = Array.from({ length: 10 }, (_, j) => record(i + j));
        assert.equal(stage(log, encodeBatch({ records, compression })).error, 'NONE');
        log.write();
      }
      for (let i = 0; i < 40; i++) {
        assert.deepEqual(log.offsetAtTime(995 + i * 10, 40), { offset: i, timestampMs: 1000 + i * 10, leaderEpoch: 0 });
      }
      assert.equal(log.offsetAtTime(1391, 40), null);
      assert.equal(log.maxTimestamp(40)?.offset, 39);
    });
  }

  it('stamps LogAppendTime', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { timestampType: 'LogAppendTime' } });
    const outcome = append(log, { timestampMs: 5 });
    assert.equal(outcome.logAppendTimeMs, 1_700_000_000_000);
    assert.equal(readAll(files, log).records[0].timestampMs, 1_700_000_000_000);
  });

  it('knows its leader epochs, with and without their file', () => {
    const files = new FakeFileSystem();
    const first = openLog(files, { leaderEpoch: 1 });
    append(first);
    append(first);
    first.close();
    const second = openLog(files, { leaderEpoch: 4, clean: true });
    append(second);
    second.close();
    const check = (log: ReturnType<typeof openLog>): void => {
      assert.deepEqual(log.endOfEpoch(4), { leaderEpoch: 4, endOffset: 3 });
      assert.deepEqual(log.endOfEpoch(1), { leaderEpoch: 1, endOffset: 2 });
      assert.deepEqual(log.endOfEpoch(3), { leaderEpoch: 1, endOffset: 2 });
      assert.deepEqual(log.endOfEpoch(0), { leaderEpoch: 0, endOffset: 0 });
      assert.deepEqual(log.endOfEpoch(5), { leaderEpoch: -1, endOffset: -1 });
    };
    check(openLog(files, { leaderEpoch: 4, clean: true }));
    check(openLog(files, { leaderEpoch: 2, clean: true }));
    for (const text of ['', 'garbage', '0\n2\n0 0\n']) {
      files.setContent(`${DIRECTORY}/leader-epoch-checkpoint`, Buffer.from(text));
      check(openLog(files, { leaderEpoch: 4, clean: true }));
      check(openLog(files, { leaderEpoch: 4 }));
    }
    files.unlink(`${DIRECTORY}/leader-epoch-checkpoint`);
    check(openLog(files, { leaderEpoch: 4, clean: true }));
  });

  it('deletes whole segments below a new log start', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 8000 } });
    for (let i = 0; i < 30; i++) append(log, { values: [big('d')] });
    const renamed = log.deleteRecordsBefore(17).paths;
    assert.equal(log.logStartOffset, 17);
    assert.ok(renamed.length >= 6);
    assert.ok(renamed.every((path) => path.endsWith('.deleted') && files.exists(path)));
    assert.deepEqual(
      readAll(files, log).records.map((record) => record.offset),
      Array.from({ length: 13 }, (_, i) => 17 + i),
    );
    log.close();
    const again = openLog(files, { clean: true, logStartOffset: 17 });
    assert.equal(again.logStartOffset, 17);
    assert.equal(again.logEndOffset, 30);
    assert.ok(files.paths().every((path) => !path.endsWith('.deleted')));
    assert.deepEqual(again.deleteRecordsBefore(3).paths, []);
  });

  it('keeps its end when retention has taken everything', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 8000, retentionMs: 1000 } });
    for (let i = 0; i < 10; i++) append(log, { values: [big('e')] });
    flush(files, log);
    assert.deepEqual(log.expired(1_700_000_000_500), []);
    const reasons = log.expired(1_700_000_002_000);
    assert.deepEqual(new Set(reasons), new Set(['retention.ms']));
    assert.equal(log.retireFirst(reasons.length).segments, reasons.length);
    assert.equal(log.logStartOffset, 10);
    files.crash(() => 0);
    const again = openLog(files, { logStartOffset: 10 });
    assert.equal(again.logEndOffset, 10);
    assert.equal(append(again).baseOffset, 10);
  });

  it('with flush=never moves its flushed end as sealed segments reach the disk, without a gap', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 4000, flush: 'never' } });
    const sealed: number[] = [];
    for (let i = 0; i < 8; i++) {
      append(log, { values: [big('n')] });
      for (const { baseOffset } of log.sealed.take()) sealed.push(baseOffset);
    }
    assert.deepEqual(sealed, [0, 2, 4]);
    log.onSealedFlushed(2);
    assert.equal(log.flushedEndOffset, 0);
    log.onSealedFlushed(0);
    assert.equal(log.flushedEndOffset, 4);
    log.onSealedFlushed(4);
    assert.equal(log.flushedEndOffset, 6);
    log.onSealedFlushed(99);
    assert.equal(log.logEndOffset, 8);
    log.close();
    assert.equal(log.flushedEndOffset, 8);
  });

  it('with flush=never retires segments without waiting for the disk where the names of those behind them are there', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { segmentBytesMax: 4000, flush: 'never' } });
    for (let i = 0; i < 8; i++) append(log, { values: [big('n')] });
    let syncs = 0;
    files.before = (operation) => {
      if (operation === 'fsyncDirectory') syncs++;
    };
    log.deleteRecordsBefore(2);
    assert.ok(syncs > 0, 'nobody had synced the folder yet');
    append(log, { values: [big('n')] });
    append(log, { values: [big('n')] });
    syncs = 0;
    log.onSealedFlushed(2);
    log.deleteRecordsBefore(4);
    assert.equal(syncs, 0, 'whoever flushed the one in front of it had');
    log.deleteRecordsBefore(6);
    assert.ok(syncs > 0);
    files.crash(() => 0);
    const again = openLog(files, { config: { segmentBytesMax: 4000, flush: 'never' }, logStartOffset: 6 });
    assert.equal(again.logStartOffset, 6);
  });

  it('refuses to open where records below the log start are all that is left', () => {
    const files = new FakeFileSystem();
    append(openLog(files));
    assert.throws(() => openLog(files, { logStartOffset: 5 }), StorageError);
  });

  it('puts the folder of a deleted topic of the same name aside', () => {
    const files = new FakeFileSystem();
    const old = openLog(files);
    append(old);
    old.close();
    const log = openLog(files, { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', clean: true });
    assert.equal(log.logEndOffset, 0);
    assert.ok(files.exists(`${DIRECTORY}.q83vEjRWeJCrze8SNFZ4kA-stray`));
  });

  it('renames its folder when the topic is removed', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    assert.deepEqual(log.remove(), [`${DIRECTORY}.q83vEjRWeJCrze8SNFZ4kA-delete`]);
    assert.equal(files.exists(DIRECTORY), false);
    assert.equal(files.openDescriptors, 0);
  });

  it('makes room for the name that waits to be deleted where a full disk has none', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    const [{ path }] = log.segments;
    files.before = (operation) => {
      if (operation === 'rename' && files.exists(path)) throw systemError('ENOSPC');
    };
    assert.deepEqual(log.remove(), [`${DIRECTORY}.q83vEjRWeJCrze8SNFZ4kA-delete`]);
    assert.equal(files.exists(DIRECTORY), false);
  });

  it('says whose its folder is again where the power took that', () => {
    const files = new FakeFileSystem();
    const old = openLog(files);
    append(old);
    files.unlink(`${DIRECTORY}/${PARTITION_METADATA_FILE}`);
    openLog(files, { clean: false });
    const next = openLog(files, { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', clean: true });
    assert.equal(next.logEndOffset, 0, 'the records of the topic before are not its own');
  });
});

describe('an idempotent producer', () => {
  const send = (log: ReturnType<typeof openLog>, sequence: number, epoch = 0, count = 1) =>
    append(log, {
      values: Array.from({ length: count }, () => 'v'),
      producerId: 7,
      producerEpoch: epoch,
      baseSequence: sequence,
    });

  it('is told the original offset of its last five batches', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    for (let i = 0; i < 8; i++) assert.equal(send(log, i * 2, 0, 2).baseOffset, i * 2);
    for (let i = 3; i < 8; i++) {
      const outcome = send(log, i * 2, 0, 2);
      assert.deepEqual([outcome.error, outcome.duplicate, outcome.baseOffset], ['NONE', true, i * 2]);
    }
    assert.equal(send(log, 4, 0, 2).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    assert.equal(send(log, 18, 0, 2).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    assert.equal(log.logEndOffset, 16);
  });

  for (const clean of [true, false]) {
    it(`is still told after ${clean ? 'a clean start' : 'a kill'}`, () => {
      const files = new FakeFileSystem();
      let log = openLog(files);
      for (let i = 0; i < 8; i++) send(log, i);
      if (clean) log.close();
      else files.kill();
      log = openLog(files, { clean });
      for (const sequence of [7, 3, 5, 4, 6]) {
        const outcome = send(log, sequence);
        assert.deepEqual([outcome.duplicate, outcome.baseOffset], [true, sequence]);
      }
      assert.equal(send(log, 2).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
      assert.equal(send(log, 8).baseOffset, 8);
    });
  }

  it('may begin a new epoch at sequence 0 only, and never go back', () => {
    const log = openLog(new FakeFileSystem());
    send(log, 0, 3);
    assert.equal(send(log, 5, 4).error, 'OUT_OF_ORDER_SEQUENCE_NUMBER');
    assert.equal(send(log, 0, 4).error, 'NONE');
    assert.equal(send(log, 1, 3).error, 'INVALID_PRODUCER_EPOCH');
    assert.equal(send(log, 1, 4).error, 'NONE');
  });

  it('wraps from 2^31 - 1 to 0, also within a batch', () => {
    const log = openLog(new FakeFileSystem());
    assert.equal(send(log, 0x7fffffff - 1, 0, 4).error, 'NONE');
    assert.equal(send(log, 2, 0, 1).error, 'NONE');
    assert.equal(send(log, 0x7fffffff - 1, 0, 4).duplicate, true);
  });

  it('is forgotten after its time', () => {
    const log = openLog(new FakeFileSystem());
    send(log, 0);
    assert.equal(log.expireProducers(1_700_000_000_000 + 86_400_000), 1);
    assert.equal(send(log, 99).error, 'NONE');
  });
});

describe('a disk that fails', () => {
  it('stops in order after a turn that was taken back took the snapshot of an earlier stop with it', () => {
    const files = new FakeFileSystem();
    const config = { segmentBytesMax: 4000 };
    const before = openLog(files, { config });
    append(before, { values: [big('a')], producerId: 3, baseSequence: 0 });
    before.close();
    const log = openLog(files, { config, clean: true });
    files.before = (operation) => {
      if (operation === 'writeAside') throw systemError('ENOSPC');
    };
    stage(log, batchOf({ values: [big('b'), big('b')], producerId: 3, baseSequence: 1 }));
    assert.throws(() => log.write(), StorageError);
    files.before = () => {};
    append(log, { values: ['x'], producerId: 3, baseSequence: 1 });
    log.close();
    assert.equal(openLog(files, { config, clean: true }).logEndOffset, 2);
  });

  it('takes a whole turn back when it is full, and goes on when there is room', () => {
    for (const failing of ['writev', 'open', 'writeAside'] as const) {
      const files = new FakeFileSystem();
      const config = { segmentBytesMax: 4000 };
      const log = openLog(files, { config });
      append(log, { values: [big('a')], producerId: 3, baseSequence: 0 });
      const before = files.paths();
      for (let i = 0; i < 6; i++) stage(log, batchOf({ values: [big('b')], producerId: 3, baseSequence: i + 1 }));
      let calls = 0;
      files.before = (operation) => {
        if (operation === failing && ++calls >= 2) throw systemError('ENOSPC');
      };
      assert.throws(
        () => log.write(),
        (error: unknown) => error instanceof StorageError && error.full,
      );
      files.before = () => {};
      assert.equal(log.logEndOffset, 1);
      assert.deepEqual(
        files.paths().filter((path) => path.endsWith('.log') || path.endsWith('.snapshot')),
        before.filter((path) => path.endsWith('.log')),
      );
      const outcome = append(log, { values: ['x'], producerId: 3, baseSequence: 1 });
      assert.deepEqual([outcome.error, outcome.baseOffset], ['NONE', 1]);
      files.kill();
      assert.equal(readAll(files, openLog(files, { config })).records.length, 2);
    }
  });

  it('is read from the start although it has no room for an index', () => {
    const files = new FakeFileSystem();
    const config = { segmentBytesMax: 3000, indexIntervalBytes: 200 };
    const log = openLog(files, { config });
    for (let i = 0; i < 60; i++) append(log, { values: ['v'.repeat(80)], timestampMs: 1000 + i });
    flush(files, log);
    files.kill();
    const indexes = files.paths().filter((path) => /\.(time)?index$/.test(path));
    assert.ok(indexes.length >= 4);
    for (const clean of [false, true]) {
      for (const path of indexes) if (files.exists(path)) files.unlink(path);
      files.before = (operation) => {
        if (operation === 'writeAside') throw systemError('ENOSPC');
      };
      const full = openLog(files, { config, clean });
      for (let look = 0; look < 2; look++) {
        assert.equal(readAll(files, full, 500).records.length, 60);
        assert.equal(full.offsetAtTime(1005, 60)?.offset, 5);
      }
      files.before = () => {};
      assert.equal(readAll(files, openLog(files, { config }), 500).records.length, 60);
    }
  });

  it('may write short: the rest follows', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    files.taken = (offered) => Math.ceil(offered / 3);
    for (let i = 0; i < 5; i++) stage(log, batchOf({ values: [`${i}`, 'y'] }));
    log.write();
    assert.equal(readAll(files, log).records.length, 10);
  });

  it('leaves no half batch when it gets full in the middle of one', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    const size = files.content(`${DIRECTORY}/00000000000000000000.log`).length;
    files.taken = (offered) => Math.min(offered, 40);
    let writes = 0;
    files.before = (operation) => {
      if (operation === 'writev' && ++writes === 2) throw systemError('ENOSPC');
    };
    stage(log, batchOf({}));
    assert.throws(() => log.write(), StorageError);
    assert.equal(files.content(`${DIRECTORY}/00000000000000000000.log`).length, size);
  });

  it('gets no further append after another error, until the log was read again', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    flush(files, log);
    files.before = (operation) => {
      if (operation === 'writev') throw systemError('EIO');
    };
    stage(log, batchOf({}));
    assert.throws(() => log.write(), StorageError);
    files.before = () => {};
    assert.equal(append(log).error, 'KAFKA_STORAGE_ERROR');
    const again = openLog(files, { recoveryPoint: 1 });
    assert.equal(append(again).baseOffset, 1);
  });

  it('is asked itself after a failed flush: what it never stored is not served', () => {
    const files = new FakeFileSystem();
    const log = openLog(files);
    append(log);
    flush(files, log);
    append(log);
    files.before = (operation) => {
      if (operation === 'fdatasync') throw systemError('EIO');
    };
    assert.throws(() => flush(files, log));
    files.before = () => {};
    assert.equal(openLog(files, { recoveryPoint: 1 }).flushedEndOffset, 1);
  });

  it('gives the offsets of flushed records that are gone to nobody else', () => {
    for (const clean of [false, true]) {
      const files = new FakeFileSystem();
      const log = openLog(files);
      for (let i = 0; i < 3; i++) append(log);
      flush(files, log);
      log.close();
      const path = `${DIRECTORY}/00000000000000000000.log`;
      files.setContent(path, files.content(path).subarray(0, files.content(path).length / 3));
      const next = openLog(files, { recoveryPoint: 3, clean });
      assert.equal(next.logEndOffset, 3);
      assert.deepEqual(readAll(files, next).refused, [1, 2]);
      assert.equal(append(next).baseOffset, 3);
      next.close();
      for (const wasClean of [true, false]) {
        const last = openLog(files, { recoveryPoint: 4, clean: wasClean });
        assert.deepEqual(readAll(files, last).refused, [1, 2]);
        assert.equal(last.logEndOffset, 4);
        last.close();
      }
    }
  });

  it('does not stand empty where records were', () => {
    const files = new FakeFileSystem();
    assert.throws(() => openLog(files, { recoveryPoint: 7 }), /held records up to offset 7 and now holds none/);
    assert.throws(() => openLog(files, { logStartOffset: 2 }), StorageError);
    assert.throws(() => openLog(files, { recoveryPoint: 7, clean: true }), StorageError);
  });

  it('begins at 0 where what is known of the folder was another topic’s', () => {
    const files = new FakeFileSystem();
    const other = openLog(files, { topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' });
    append(other);
    flush(files, other);
    other.close();
    const log = openLog(files, { recoveryPoint: 1, logStartOffset: 1 });
    assert.deepEqual([log.logStartOffset, log.logEndOffset], [0, 0]);
    assert.equal(append(log).baseOffset, 0);
  });

  it('is asked itself after a failed flush that nobody lived to tell of', () => {
    for (const recoveryPoint of [0, 1]) {
      const files = new FakeFileSystem();
      const log = openLog(files);
      append(log);
      flush(files, log);
      append(log);
      files.before = (operation) => {
        if (operation === 'fdatasync') throw systemError('EIO');
      };
      assert.throws(() => flush(files, log));
      files.kill();
      // The checkpoint may be older than the last flush that worked, and memory still holds both batches.
      const next = openLog(files, { recoveryPoint });
      assert.equal(next.logEndOffset, 1);
      assert.equal(append(next).baseOffset, 1);
    }
  });
});
