/** The end of the process, or of the power, in front of every single operation of a compaction: the old or the new, never a mixture. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LogConfig } from '../../src/config/log-config.js';
import { CompactionError } from '../../src/log/compaction-error.js';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { StorageError } from '../../src/log/storage-error.js';
import { encodeBatch } from '../../src/record/record.js';
import { FakeFileSystem, PowerCut, systemError } from './fake-file-system.js';
import { compact, DIRECTORY, flush, openLog, readAll, stage } from './testbed.js';

// Three sources make one segment, so that there are several swaps, and segments that vanish in each.
const config: Partial<LogConfig> = { compacted: true, segmentBytesMax: 1000, indexIntervalBytes: 100 };
const KEYS = 7;
const SEGMENTS = 9;

function prepared(): FakeFileSystem {
  const files = new FakeFileSystem();
  const log = openLog(files, { config });
  for (let segment = 0; segment < SEGMENTS; segment++) {
    for (let i = 0; i < 3; i++) {
      const serial = segment * 3 + i;
      const records = [serial, serial * 5 + 1].map((n) => ({
        key: Buffer.from(`k${n % KEYS}`),
        value: n % 11 === 3 ? null : Buffer.from(`v${serial}`),
        timestampMs: 1000 + serial,
      }));
      const producer = serial % 2 === 0 ? { producerId: 5, producerEpoch: 0, baseSequence: serial } : {};
      assert.equal(stage(log, encodeBatch({ records, ...producer })).error, 'NONE');
      log.write();
    }
    if (segment + 1 < SEGMENTS) log.roll();
  }
  flush(files, log);
  log.close();
  return files;
}

const contentOf = (files: FakeFileSystem, log: PartitionLog): string =>
  readAll(files, log)
    .records.map(({ offset, key, value }) => `${offset}:${key}=${value}`)
    .join(' ');

/** What a reader who keeps the last value of each key ends up with. */
function stateOf(files: FakeFileSystem, log: PartitionLog): string {
  const state = new Map<string, string>();
  for (const { key, value } of readAll(files, log).records) {
    if (value === null) state.delete(String(key));
    else state.set(String(key), String(value));
  }
  return JSON.stringify([...state].sort());
}

const original = prepared();
/** Whole contents between two swaps of an undisturbed compaction, the first and the last included. */
const allowed = new Set<string>();
let expectedState = '';
let operations = 0;
{
  const files = original.snapshot();
  const log = openLog(files, { config, clean: true });
  allowed.add(contentOf(files, log));
  expectedState = stateOf(files, log);
  compact(files, log, undefined, undefined, () => void allowed.add(contentOf(files, log)));
  allowed.add(contentOf(files, log));
}
{
  const files = original.snapshot();
  const log = openLog(files, { config, clean: true });
  files.before = () => void operations++;
  compact(files, log);
}

/** Compacts until `failure` comes in front of the operation with that number; `lasting`: and of all that follow. */
function compactUntil(
  operation: number,
  failure: () => Error,
  lasting: boolean,
): { files: FakeFileSystem; log: PartitionLog; error: unknown } {
  const files = original.snapshot();
  const log = openLog(files, { config, clean: true });
  let count = 0;
  files.before = () => {
    const present = count++;
    if (present === operation || (lasting && present > operation)) throw failure();
  };
  try {
    compact(files, log);
    return { files, log, error: null };
  } catch (error) {
    return { files, log, error };
  } finally {
    files.before = () => {};
  }
}

function examine(files: FakeFileSystem, log: PartitionLog, point: number): void {
  assert.ok(allowed.has(contentOf(files, log)), `point ${point}: ${contentOf(files, log)}`);
  assert.equal(log.logEndOffset, SEGMENTS * 6);
  // Goes on as if nothing had been, and comes to the same end.
  for (const nowMs of [1_700_000_000_000, 1_800_000_000_000]) {
    compact(files, log, nowMs);
    assert.equal(stateOf(files, log), expectedState, `point ${point}`);
  }
}

function reopened(files: FakeFileSystem, point: number): PartitionLog {
  const log = openLog(files, { config, recoveryPoint: SEGMENTS * 6 - 1 });
  const debris = files
    .paths()
    .filter((path) => path.startsWith(DIRECTORY) && /\.(cleaned|swap|deleted|tmp)$/.test(path));
  assert.deepEqual(debris, [], `point ${point}`);
  return log;
}

describe('a crash in the middle of a compaction', () => {
  it('is tried at points that matter', () => {
    assert.ok(allowed.size >= 4, `${allowed.size} contents`);
    assert.ok(operations > 60, `${operations} operations`);
  });

  it('leaves the old or the new when the process dies', () => {
    for (let point = 0; point < operations; point++) {
      const { files } = compactUntil(point, () => new PowerCut('cut'), true);
      files.kill();
      examine(files, reopened(files, point), point);
    }
  });

  it('leaves the old or the new when the power goes, whatever part of the rest was written', () => {
    const chances = [() => 0, (below: number) => below - 1, seeded(1), seeded(2), seeded(3), seeded(4)];
    for (let point = 0; point < operations; point++) {
      for (const chance of chances) {
        const { files } = compactUntil(point, () => new PowerCut('cut'), true);
        files.crash(chance);
        examine(files, reopened(files, point), point);
      }
    }
  });

  it('leaves the old or the new when the power goes again while the next start finishes', () => {
    for (let point = 0; point < operations; point++) {
      const { files } = compactUntil(point, () => new PowerCut('cut'), true);
      files.crash(seeded(point));
      const swapping = files.paths().some((path) => path.endsWith('.swap'));
      if (!swapping) continue;
      for (let second = 0; ; second++) {
        const again = files.snapshot();
        let count = 0;
        again.before = () => {
          if (count++ >= second) throw new PowerCut('cut');
        };
        try {
          openLog(again, { config });
          break;
        } catch (error) {
          assert.ok(error instanceof PowerCut);
        }
        again.crash(seeded(second));
        examine(again, reopened(again, point), point);
      }
    }
  });

  for (const code of ['EIO', 'ENOSPC']) {
    it(`loses nothing when an operation fails with ${code}: the log goes on, or is read again`, () => {
      for (let point = 0; point < operations; point++) {
        const { files, log, error } = compactUntil(point, () => systemError(code), false);
        // What was replaced is unlinked by the test itself.
        const unlinking = (error as { code?: string } | null)?.code === code;
        const known = error === null || unlinking || error instanceof StorageError || error instanceof CompactionError;
        assert.ok(known, String(error));
        // What the pool could not do leaves the log in use; what the shard could not do has it read again.
        if (!files.paths().some((path) => path.endsWith('.swap') || path.endsWith('.deleted'))) {
          log.compaction.end(-1);
          const copy = files.snapshot();
          examine(copy, openLog(copy, { config }), point);
          examine(files, log, point);
        } else {
          log.abandon();
          examine(files, reopened(files, point), point);
        }
      }
    });
  }
});

/** The same series of draws for the same seed. */
function seeded(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
