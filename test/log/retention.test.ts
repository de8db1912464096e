/** Which segments go, by which rule, and when one is sealed for its age: on a log, against what the settings say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogConfig } from '../../src/config/log-config.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { fc } from '../property.js';
import { FakeFileSystem, systemError } from './fake-file-system.js';
import { batchOf, flush, openLog, stage } from './testbed.js';

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 24 * 3600 * 1000;

/** A log with one segment for each entry: a batch that carries `timestampMs` and arrives at `arrivalMs`. */
function logOf(
  entries: readonly { timestampMs: number; arrivalMs: number; values?: readonly string[] }[],
  config: Partial<LogConfig> = {},
): { log: PartitionLog; files: FakeFileSystem } {
  const files = new FakeFileSystem();
  const log = openLog(files, { config });
  for (const { timestampMs, arrivalMs, values } of entries) {
    if (log.logEndOffset > 0) log.roll();
    files.nowMs = arrivalMs;
    stage(log, batchOf({ timestampMs, values }), arrivalMs);
    log.write();
  }
  flush(files, log);
  return { log, files };
}

it('deletes at once where a full disk has no room for the names that wait to be deleted', () => {
  const at = { timestampMs: NOW_MS, arrivalMs: NOW_MS };
  const { log, files } = logOf([at, at, at]);
  const [first, , last] = log.segments.map(({ path }) => path);
  files.before = (operation) => {
    if (operation === 'rename') throw systemError('ENOSPC');
  };
  const { segments, paths } = log.deleteRecordsBefore(log.segments[2].baseOffset);
  assert.equal(segments, 2);
  assert.deepEqual(paths, []);
  assert.ok(!files.exists(first));
  assert.ok(files.exists(last));
});

describe('retention by time', () => {
  const old = { timestampMs: NOW_MS - 30 * DAY_MS, arrivalMs: NOW_MS - 2 * DAY_MS };
  const future = { timestampMs: NOW_MS + 365 * DAY_MS, arrivalMs: NOW_MS - DAY_MS };
  const late = { timestampMs: NOW_MS, arrivalMs: NOW_MS };

  it('counts from arrival: what is sent late is not deleted on arrival, what lies in the future is not kept for ever', () => {
    const { log } = logOf([old, future, late], { retentionMs: 7 * DAY_MS });
    assert.deepEqual(log.expired(NOW_MS), []);
    assert.deepEqual(log.expired(NOW_MS + 5 * DAY_MS + 1), ['retention.ms']);
    assert.deepEqual(log.expired(NOW_MS + 6 * DAY_MS + 1), ['retention.ms', 'retention.ms']);
    assert.deepEqual(log.expired(NOW_MS + 7 * DAY_MS + 1), ['retention.ms', 'retention.ms', 'retention.ms']);
  });

  it("counts from the largest timestamp by Kafka's rule, also after a start", () => {
    const config = { retentionMs: 7 * DAY_MS, retentionTime: 'record' } as const;
    const { log, files } = logOf([old, future, late], config);
    assert.deepEqual(log.expired(NOW_MS), ['retention.ms']);
    assert.deepEqual(log.expired(NOW_MS + 300 * DAY_MS), ['retention.ms'], 'the future pins what is behind it');
    assert.equal(log.expired(NOW_MS + 373 * DAY_MS).length, 3);
    log.close();
    const again = openLog(files, { config, clean: true, recoveryPoint: 3 });
    assert.deepEqual(again.expired(NOW_MS), ['retention.ms']);
    assert.equal(again.expired(NOW_MS + 373 * DAY_MS).length, 3);
  });

  it("goes by arrival where Kafka's rule finds no timestamp", () => {
    const { log } = logOf([{ timestampMs: -1, arrivalMs: NOW_MS }, late], {
      retentionMs: DAY_MS,
      retentionTime: 'record',
    });
    assert.deepEqual(log.expired(NOW_MS + DAY_MS), []);
    assert.deepEqual(log.expired(NOW_MS + DAY_MS + 1), ['retention.ms', 'retention.ms']);
  });

  it('deletes nothing where the policy does not say so', () => {
    const { log } = logOf([old, late], { retentionMs: 1, retentionBytes: 0, deleted: false });
    assert.deepEqual(log.expired(NOW_MS + DAY_MS), []);
  });
});

it('retention of any log: a prefix, each segment old or in excess, the first that stays neither', () => {
  const entry = fc.record({
    arrivalMs: fc.integer({ min: 0, max: 50 }).map((ms) => NOW_MS + ms),
    timestampMs: fc.integer({ min: -20, max: 60 }).map((ms) => NOW_MS + ms),
    values: fc.array(fc.string({ minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: -1, max: 60 }),
      fc.integer({ min: -1, max: 900 }),
      fc.constantFrom('arrival', 'record'),
      (entries, retentionMs, retentionBytes, retentionTime) => {
        const { log } = logOf(entries, { retentionMs, retentionBytes, retentionTime });
        const nowMs = NOW_MS + 60;
        const reasons = log.expired(nowMs);
        let left = log.sizeBytes;
        for (const [i, { arrivalMs, timestampMs }] of entries.entries()) {
          left -= log.segments[i].writtenBytes;
          const isOld =
            retentionMs >= 0 && nowMs - (retentionTime === 'record' ? timestampMs : arrivalMs) > retentionMs;
          const isExcess = retentionBytes >= 0 && left >= retentionBytes;
          assert.equal(reasons[i], isOld ? 'retention.ms' : isExcess ? 'retention.bytes' : undefined);
          if (reasons[i] === undefined) break;
        }
        const endOffset = log.logEndOffset;
        log.retireFirst(reasons.length);
        assert.equal(log.logEndOffset, endOffset);
        assert.equal(log.logStartOffset, log.segments[0].baseOffset);
        assert.deepEqual(log.expired(nowMs), []);
      },
    ),
    { numRuns: 300 },
  );
});

describe('a segment is sealed for its age', () => {
  const segmentsAfter = (config: Partial<LogConfig>, batches: readonly [timestampMs: number, arrivalMs: number][]) => {
    const files = new FakeFileSystem();
    const log = openLog(files, { config });
    for (const [timestampMs, arrivalMs] of batches) {
      stage(log, batchOf({ timestampMs: NOW_MS + timestampMs }), NOW_MS + arrivalMs);
      log.write();
    }
    return log.segments.length;
  };

  it('by arrival', () => {
    assert.equal(segmentsAfter({ segmentMs: 100 }, [[0, 0], [5000, 99]]), 1); // biome-ignore format: pairs
    assert.equal(segmentsAfter({ segmentMs: 100 }, [[0, 0], [0, 100]]), 2); // biome-ignore format: pairs
  });

  it("by what its records say, by Kafka's rule", () => {
    const config = { segmentMs: 100, retentionTime: 'record' } as const;
    assert.equal(segmentsAfter(config, [[0, 0], [99, 5000]]), 1); // biome-ignore format: pairs
    assert.equal(segmentsAfter(config, [[0, 0], [100, 0]]), 2); // biome-ignore format: pairs
    assert.equal(segmentsAfter(config, [[0, 0], [-100, 0]]), 1); // biome-ignore format: pairs
  });

  it("by Kafka's rule also where the first batch was written before a start", () => {
    const config = { segmentMs: 100, retentionTime: 'record', indexIntervalBytes: 0 } as const;
    const files = new FakeFileSystem();
    const log = openLog(files, { config });
    for (const ms of [0, 10, 20]) {
      stage(log, batchOf({ timestampMs: NOW_MS + ms }), NOW_MS);
      log.write();
    }
    log.close();
    const again = openLog(files, { config, clean: true });
    stage(again, batchOf({ timestampMs: NOW_MS + 99 }), NOW_MS);
    stage(again, batchOf({ timestampMs: NOW_MS + 100 }), NOW_MS);
    again.write();
    assert.deepEqual(again.segments.map((segment) => segment.baseOffset), [0, 4]); // biome-ignore format: short
  });

  it('earlier by a part of the jitter, another one for each log and the same one each time', () => {
    const sealedAfterMs = (directory: string): number => {
      for (let ms = 0; ; ms += 10) {
        const log = openLog(new FakeFileSystem(), { config: { segmentMs: 1000, segmentJitterMs: 400 }, directory });
        stage(log, batchOf({}), NOW_MS);
        stage(log, batchOf({}), NOW_MS + ms);
        log.write();
        if (log.segments.length === 2) return ms;
      }
    };
    const ages = ['a-0', 'a-1', 'b-0', 'c-7'].map((name) => sealedAfterMs(`/data/${name}`));
    assert.ok(
      ages.every((ms) => ms >= 600 && ms <= 1000),
      `${ages}`,
    );
    assert.ok(new Set(ages).size >= 3, `${ages}`);
    assert.equal(sealedAfterMs('/data/a-0'), ages[0]);
  });
});

describe('retiring segments', () => {
  const three = [0, 1, 2].map((ms) => ({ timestampMs: NOW_MS, arrivalMs: NOW_MS + ms }));

  it('keeps what consumers have not seen', () => {
    const { log } = logOf(three);
    stage(log, batchOf({}), NOW_MS);
    log.write();
    assert.equal(log.retireFirst(9).segments, 2, 'the third holds a batch that is not on disk');
    assert.equal(log.logStartOffset, 2);
  });

  it('takes the active one too, unless a full disk has no room for the next', () => {
    const { log, files } = logOf(three);
    files.before = (operation) => {
      if (operation === 'writeAside') throw systemError('ENOSPC');
    };
    const { segments, bytes, paths } = log.retireFirst(3);
    assert.deepEqual([segments, log.logStartOffset, log.logEndOffset], [2, 2, 3]);
    assert.ok(bytes > 0 && paths.every((path) => path.endsWith('.deleted')));
    files.before = () => {};
    assert.equal(log.retireFirst(3).segments, 1);
    assert.deepEqual([log.logStartOffset, log.logEndOffset], [3, 3]);
    assert.equal(stage(log, batchOf({}), NOW_MS).baseOffset, 3);
  });
});
