/** Bytes that rot, tails that are torn, holes that were never written: what is served must be right, what is right is served. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FlushMode } from '../../src/config/log-config.js';
import { DAMAGE_FILE } from '../../src/log/damage-record.js';
import { inspectLog } from '../../src/log/log-inspection.js';
import { fc } from '../property.js';
import { FakeFileSystem } from './fake-file-system.js';
import { append, DIRECTORY, flush, openLog, readAll } from './testbed.js';

const LOG = `${DIRECTORY}/00000000000000000000.log`;
const config = { indexIntervalBytes: 512, preparedBytesMax: 0 };

/** A log of `count` batches of two records each, killed, and where each batch begins. */
function built(count: number, options: Record<string, unknown> = config): { files: FakeFileSystem; starts: number[] } {
  const files = new FakeFileSystem();
  const log = openLog(files, { config: options });
  const starts: number[] = [];
  for (let i = 0; i < count; i++) {
    const outcome = append(log, { values: [`${i}a${'x'.repeat((i * 53) % 300)}`, `${i}b`], timestampMs: 1000 + i });
    starts.push(outcome.position);
  }
  flush(files, log);
  files.kill();
  return { files, starts };
}

function values(
  files: FakeFileSystem,
  options: Parameters<typeof openLog>[1] = {},
): { got: string[]; refused: number[] } {
  const { records, refused } = readAll(files, openLog(files, { config, ...options }));
  return { got: records.map((record) => `${record.offset}:${record.value?.toString().slice(0, 3)}`), refused };
}

describe('a torn tail', () => {
  it('is cut to the last whole batch, at every byte of the last four', () => {
    const { files, starts } = built(12);
    const whole = files.content(LOG);
    for (let length = starts[8]; length <= whole.length; length++) {
      const copy = files.snapshot();
      copy.setContent(LOG, whole.subarray(0, length));
      const log = openLog(copy, { config });
      const kept = [...starts, whole.length].filter((start) => start <= length).length - 1;
      assert.equal(log.logEndOffset, kept * 2, `cut at ${length}`);
      assert.equal(copy.content(LOG).length, [...starts, whole.length][kept]);
      assert.equal(readAll(copy, log).records.length, kept * 2);
      assert.equal(append(log).baseOffset, kept * 2);
    }
  });

  it('may be zeros or noise, short or long', () => {
    const { files } = built(6);
    const whole = files.content(LOG);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.nat(200_000).map((length) => Buffer.alloc(length)),
          fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        ),
        fc.boolean(),
        (tail, clean) => {
          const copy = files.snapshot();
          copy.setContent(LOG, Buffer.concat([whole, tail]));
          const log = openLog(copy, { config, clean });
          assert.equal(log.logEndOffset, 12);
          assert.equal(copy.content(LOG).length, whole.length);
          assert.equal(append(log).baseOffset, 12);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('damage in the middle', () => {
  it('hides no more than the batch that it hit: one flipped bit anywhere', () => {
    const { files, starts } = built(8);
    const whole = files.content(LOG);
    const all = values(files).got;
    for (let at = 0; at < starts[7]; at += 3) {
      const copy = files.snapshot();
      const bytes = Buffer.from(whole);
      bytes[at] ^= 1 << (at % 8);
      copy.setContent(LOG, bytes);
      const { got, refused } = values(copy);
      const hit = starts.findLastIndex((start) => start <= at);
      const expected = all.filter((_, i) => Math.floor(i / 2) !== hit);
      // The leader epoch lies outside of the CRC, and is none of the records' business.
      const unchecked = at - starts[hit] >= 12 && at - starts[hit] < 16;
      if (unchecked) continue;
      assert.deepEqual(got, expected, `byte ${at}`);
      assert.deepEqual(refused, [hit * 2, hit * 2 + 1], `byte ${at}`);
      assert.equal(append(openLog(copy, { config })).baseOffset, 16);
    }
  });

  it('hides no more where a page was written to the wrong place, whole batches of it or not', () => {
    const { files, starts } = built(60);
    const whole = files.content(LOG);
    const all = values(files).got;
    for (let from = 0; from + 1024 < whole.length; from += 512) {
      for (let to = 0; to + 1024 < starts[58]; to += 512) {
        const copy = files.snapshot();
        const bytes = Buffer.from(whole);
        whole.copy(bytes, to, from, from + 1024);
        copy.setContent(LOG, bytes);
        const { got } = values(copy);
        const isHit = (i: number): boolean =>
          starts[i] < to + 1024 && (starts[i + 1] ?? whole.length) > to && from !== to;
        const sound = all.filter((_, i) => !isHit(Math.floor(i / 2)));
        const where = `bytes ${from} to ${from + 1024} at ${to}`;
        assert.deepEqual(
          sound.filter((entry) => !got.includes(entry)),
          [],
          where,
        );
        // Of those that were hit, a copy may have come to lie in their place.
        assert.deepEqual(
          got.filter((entry) => !all.includes(entry)),
          [],
          where,
        );
        assert.equal(new Set(got).size, got.length, where);
      }
    }
  });

  it('is remembered over a clean restart', () => {
    const { files, starts } = built(8);
    const bytes = files.content(LOG);
    bytes[starts[3] + 70] ^= 0x55;
    files.setContent(LOG, bytes);
    openLog(files, { config }).close();
    const { got, refused } = values(files, { clean: true });
    assert.equal(got.length, 14);
    assert.deepEqual(refused, [6, 7]);
  });

  it('is found again where the list of it is spoilt, and stops no start', () => {
    const { files, starts } = built(8);
    const bytes = files.content(LOG);
    bytes[starts[3] + 70] ^= 0x55;
    files.setContent(LOG, bytes);
    openLog(files, { config }).close();
    const path = `${DIRECTORY}/${DAMAGE_FILE}`;
    const list = files.content(path);
    assert.ok(list.length > 0);
    const spoilt = Array.from({ length: list.length }, (_, at) => {
      const flipped = Buffer.from(list);
      flipped[at] ^= 1 << (at % 8);
      return at % 2 === 0 ? flipped : list.subarray(0, at);
    });
    for (const content of [...spoilt, Buffer.alloc(0), Buffer.alloc(list.length), Buffer.concat([list, list])]) {
      const copy = files.snapshot();
      copy.setContent(path, content);
      const { got, refused } = values(copy, { clean: true });
      assert.equal(got.length, 14);
      assert.deepEqual(refused, [6, 7]);
    }
  });

  it('is found again where the list of it is gone, and known to have been there', () => {
    const { files, starts } = built(8);
    const bytes = files.content(LOG);
    // What no header tells: a reader would be handed it as it is.
    bytes[starts[3] + 70] ^= 0x55;
    files.setContent(LOG, bytes);
    const log = openLog(files, { config });
    const { damagedRanges } = log.checks;
    assert.equal(damagedRanges, 1);
    log.close();
    const list = `${DIRECTORY}/${DAMAGE_FILE}`;
    const sound = files.content(list);
    files.unlink(list);
    for (const clean of [true, false]) {
      const copy = files.snapshot();
      const again = openLog(copy, { config, clean, recoveryPoint: 16, damagedRanges });
      assert.deepEqual(readAll(copy, again).refused, [6, 7]);
      assert.equal(again.checks.damagedRanges, 1);
      assert.deepEqual(copy.content(list), sound, 'and the list is there again');
    }
    // Somebody has put the batch right as well: nothing is refused, and the next start need not look again.
    bytes[starts[3] + 70] ^= 0x55;
    files.setContent(LOG, bytes);
    const healed = openLog(files, { config, clean: true, recoveryPoint: 16, damagedRanges });
    assert.deepEqual(readAll(files, healed).refused, []);
    assert.ok(files.exists(list));
  });

  it('that comes to light after a clean start is found at the first touch, with nothing around it lost', () => {
    const { files } = built(60, { ...config, segmentBytesMax: 4000 });
    openLog(files, { config }).close();
    const whole = values(files, { clean: true }).got;
    for (const path of files.paths().filter((name) => name.endsWith('.log'))) {
      const copy = files.snapshot();
      const bytes = copy.content(path);
      // Header and body of the second batch.
      const at = bytes.readInt32BE(8) + 12;
      copy.setContent(path, bytes.fill(0x5a, at + 4, at + 20));
      const log = openLog(copy, { config, clean: true });
      // Batch by batch, so that every header is looked at.
      const { records, refused } = readAll(copy, log, 1);
      assert.equal(records.length + refused.length, whole.length, path);
      assert.ok(refused.length <= 4, `${path}: ${refused}`);
      // From then on a large fetch steps around it, too.
      assert.equal(readAll(copy, log, 1_000_000).records.length, whole.length - 2);
    }
  });

  it('that comes to light only as the indexes are built anew is refused at once, and not stepped over unsaid', () => {
    const { files } = built(60, { ...config, segmentBytesMax: 4000 });
    openLog(files, { config }).close();
    const [path, next] = files.paths().filter((name) => name.endsWith('.log'));
    const behind = Number.parseInt(next.slice(DIRECTORY.length + 1), 10);
    files.setContent(path, files.content(path).subarray(0, -10));
    for (const offset of [behind - 2, behind - 1]) {
      const log = openLog(files.snapshot(), { config, clean: true });
      assert.equal(log.locate(offset, 1_000_000, log.logEndOffset, true)?.error, 'CORRUPT_MESSAGE');
      assert.equal(log.locate(behind, 1_000_000, log.logEndOffset, true)?.error, 'NONE');
    }
  });

  it('of a whole page, or of a sealed segment, leaves everything else', () => {
    const { files } = built(60, { ...config, segmentBytesMax: 4000 });
    const whole = values(files).got;
    const logs = files.paths().filter((path) => path.endsWith('.log'));
    assert.ok(logs.length > 3);
    for (const path of logs.slice(0, -1)) {
      const bytes = files.content(path);
      for (const [from, to] of [
        [0, 600],
        [1000, 1512],
        [bytes.length - 100, bytes.length],
        [0, bytes.length],
      ]) {
        const copy = files.snapshot();
        copy.setContent(path, Buffer.from(bytes).fill(0, from, to));
        const { got, refused } = values(copy);
        assert.equal(got.length + refused.length, whole.length, `${path} ${from}-${to}`);
        assert.ok(got.every((entry) => whole.includes(entry)));
        assert.ok(got.includes(whole.at(-1) as string));
      }
    }
  });

  it('of index files, snapshots and checkpoints changes no answer', () => {
    const { files } = built(60, { ...config, segmentBytesMax: 4000 });
    openLog(files, { config }).close();
    const whole = values(files, { clean: true });
    const beside = files.paths().filter((path) => !path.endsWith('.log') && !path.endsWith('partition.metadata'));
    fc.assert(
      fc.property(
        fc.constantFrom(...beside),
        fc.constantFrom('cut', 'flip', 'zero', 'empty', 'grow', 'unlink'),
        fc.nat(),
        fc.boolean(),
        (path, how, at, clean) => {
          const copy = files.snapshot();
          const bytes = copy.content(path);
          if (bytes.length > 0 && how === 'flip') bytes[at % bytes.length] ^= 1 << (at % 8);
          if (how === 'zero') bytes.fill(0);
          const changed =
            how === 'cut' ? bytes.subarray(0, at % (bytes.length + 1)) : how === 'empty' ? Buffer.alloc(0) : bytes;
          copy.setContent(path, how === 'grow' ? Buffer.concat([bytes, Buffer.alloc(1 + (at % 20), 7)]) : changed);
          if (how === 'unlink') copy.unlink(path);
          const log = openLog(copy, { config, clean });
          assert.deepEqual(
            readAll(copy, log).records.map((record) => record.offset),
            whole.got.map((_, i) => i),
          );
          for (const timestampMs of [0, 1000, 1017, 1030, 1044, 1059]) {
            assert.equal(
              log.offsetAtTime(timestampMs, 120)?.offset,
              Math.max(0, timestampMs - 1000) * 2,
              `${path} ${how}`,
            );
          }
          assert.equal(log.maxTimestamp(120)?.offset, 118);
        },
      ),
      { numRuns: 400 },
    );
  });
});

const knownAt = (recoveryPoint: number) => ({
  recoveryPoint,
  logStartOffset: 0,
  firstDirtyOffset: 0,
  damagedRanges: 0,
});

describe('a hole that was never written', () => {
  const large = { ...config, segmentBytesMax: 64 * 1024 * 1024 };

  /** Batches 0-9 flushed; of what followed, a page in the middle did not make it. `behind` batches of 900 KB come last. */
  function withHole(mode: FlushMode, behind = 0): FakeFileSystem {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { ...large, flush: mode } });
    for (let i = 0; i < 10; i++) append(log, { values: [`${i}`] });
    flush(files, log);
    let hole = 0;
    for (let i = 10; i < 30; i++) {
      const { position } = append(log, { values: [`${i}${'y'.repeat(400)}`] });
      if (i === 15) hole = position;
    }
    for (let i = 0; i < behind; i++) append(log, { values: ['z'.repeat(900_000)] });
    files.kill();
    const bytes = files.content(LOG);
    files.setContent(LOG, bytes.fill(0, hole, hole + 1600));
    return files;
  }

  it('ends the log where nothing behind it can have been acknowledged, or was promised; that is put aside', () => {
    for (const mode of ['ack', 'interval', 'never'] as const) {
      const files = withHole(mode);
      const log = openLog(files, { config: { ...config, flush: mode }, recoveryPoint: 10 });
      assert.equal(log.logEndOffset, 15);
      assert.equal(readAll(files, log).records.length, 15);
      assert.equal(files.paths().filter((path) => path.endsWith('.aside')).length, 1);
      assert.equal(append(log).baseOffset, 15);
    }
  });

  it('is told by verify as the start treats it, whatever the flush mode', () => {
    for (const behind of [0, 25]) {
      for (const mode of ['ack', 'interval', 'never'] as const) {
        const files = withHole(mode, behind);
        const told = inspectLog(files, DIRECTORY, knownAt(10), () => {});
        assert.deepEqual(told.lost, []);
        const end = told.unflushed ?? assert.fail('verify does not find it');
        assert.deepEqual([end.startOffset, end.endOffset], [15, 30 + behind]);
        const log = openLog(files, { config: { ...large, flush: mode }, recoveryPoint: 10 });
        const isCut = log.logEndOffset === end.startOffset;
        assert.equal(isCut, end.cutWith.includes(mode), `${mode}, ${behind} large batches behind it`);
        // Flushed by now: what the start has not cut is damaged, and verify says so.
        const after = inspectLog(files, DIRECTORY, knownAt(log.flushedEndOffset), () => {});
        assert.deepEqual([after.unflushed, after.lost.length], [null, isCut ? 0 : 1]);
      }
    }
  });

  it('in a sealed segment, or at its end, ends the log with flush=never alone, and verify says so', () => {
    for (const atEnd of [false, true]) {
      for (const mode of ['ack', 'interval', 'never'] as const) {
        const files = new FakeFileSystem();
        const sealing = { ...config, segmentBytesMax: 3000, flush: mode };
        const log = openLog(files, { config: sealing });
        const starts: number[] = [];
        for (let i = 0; i < 8; i++) starts.push(append(log, { values: [`${i}${'s'.repeat(700)}`] }).position);
        const next = log.segments[1].baseOffset;
        files.kill();
        const hit = atEnd ? next - 1 : next - 2;
        const bytes = files.content(LOG);
        files.setContent(LOG, bytes.fill(0, starts[hit], atEnd ? bytes.length : starts[hit] + 600));
        const { unflushed, lost } = inspectLog(files, DIRECTORY, knownAt(0), () => {});
        assert.deepEqual([unflushed?.startOffset, unflushed?.endOffset, unflushed?.cutWith], [hit, 8, ['never']]);
        assert.deepEqual(lost, []);
        const again = openLog(files, { config: sealing });
        assert.equal(again.logEndOffset, mode === 'never' ? hit : 8, mode);
        assert.deepEqual(readAll(files, again).refused, mode === 'never' ? [] : [hit]);
      }
    }
  });

  it('is one where the last sector of the file, which is a part of one, is missing', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: { ...large, flush: 'never' } });
    append(log, { values: ['first'] });
    append(log, { values: ['t'.repeat(900)] });
    const end = log.endPosition;
    files.kill();
    const bytes = files.content(LOG);
    files.setContent(LOG, bytes.fill(0, end - (end % 512)));
    const again = openLog(files, { config: { ...large, flush: 'never' } });
    assert.equal(again.logEndOffset, 1);
    assert.deepEqual(readAll(files, again).refused, []);
  });

  it('is no matter in front of the log start, where a crash may have given deleted files their names back', () => {
    const files = new FakeFileSystem();
    const never = { ...config, flush: 'never' as const, segmentBytesMax: 600 };
    const log = openLog(files, { config: never });
    for (let i = 0; i < 12; i++) append(log, { values: [`${i}${'u'.repeat(200)}`] });
    const [, second, third] = files.paths().filter((path) => path.endsWith('.log'));
    const start = Number.parseInt(third.slice(DIRECTORY.length + 1), 10);
    files.kill();
    for (const path of files.paths()) {
      if (path.endsWith('.log') && path >= second) files.setContent(path, Buffer.alloc(0));
    }
    const again = openLog(files, { config: never, logStartOffset: start });
    assert.deepEqual([again.logStartOffset, again.logEndOffset], [start, start]);
    assert.equal(append(again).baseOffset, start);
    assert.equal(readAll(files, again).records.length, 1);
  });

  it('is one where a batch ends just in front of the end of the sector that is missing', () => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config: large });
    append(log, { values: ['flushed'] });
    flush(files, log);
    for (let length = 600; log.endPosition % 512 !== 510; length++) append(log, { values: ['s'.repeat(length)] });
    const end = log.endPosition;
    append(log, { values: ['behind'] });
    files.kill();
    const bytes = files.content(LOG);
    files.setContent(LOG, bytes.fill(0, end - 510, end + 2));
    const again = openLog(files, { config: large, recoveryPoint: 1 });
    assert.ok(again.sizeBytes < end);
    assert.equal(readAll(files, again).records.length, again.logEndOffset, 'nothing is refused');
  });

  it('is damage where more lies behind it than a log can have unflushed', () => {
    const files = withHole('ack', 25);
    const log = openLog(files, { config: large, recoveryPoint: 10 });
    assert.equal(log.logEndOffset, 55);
    assert.ok(readAll(files, log).records.length > 45);
  });
});
