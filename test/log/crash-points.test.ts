/** The end of the process, or of the power, in front of every single operation of a scripted life of a log. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { StorageError } from '../../src/log/storage-error.js';
import { FakeFileSystem, PowerCut, systemError } from './fake-file-system.js';
import { append, batchOf, flush, openLog, readAll, stage } from './testbed.js';

const config = { segmentBytesMax: 5000, indexIntervalBytes: 1024 };

/** What the script was told: acknowledged values by offset, and the log start that was asked for. */
interface Told {
  readonly acknowledged: Map<number, string>;
  logStart: number;
  closedCleanly: boolean;
}

/** Appends, rolls, restarts, deletes: every path that touches the disk. */
function live(files: FakeFileSystem, told: Told): void {
  let serial = 0;
  let log = openLog(files, { config });
  const send = (count: number): void => {
    const sent: [number, string][] = [];
    for (let i = 0; i < count; i++) {
      const value = `${serial}:${'x'.repeat((serial * 137) % 900)}`;
      const outcome = stage(log, batchOf({ values: [value], producerId: 5, baseSequence: serial }));
      assert.equal(outcome.error, 'NONE');
      sent.push([outcome.baseOffset, value]);
      serial++;
    }
    log.write();
    flush(files, log);
    for (const [offset, value] of sent) told.acknowledged.set(offset, value);
  };
  for (let i = 0; i < 6; i++) send(1 + (i % 3));
  told.closedCleanly = false;
  log.close();
  told.closedCleanly = true;
  log = openLog(files, { config, clean: true, leaderEpoch: 1 });
  told.closedCleanly = false;
  for (let i = 0; i < 6; i++) send(3);
  // The log start is written down before it counts.
  told.logStart = 9;
  for (const path of log.deleteRecordsBefore(9).paths) files.unlink(path);
  send(2);
  log.roll();
  flush(files, log);
  log.close();
}

function examine(files: FakeFileSystem, told: Told, clean: boolean): void {
  const log = openLog(files, { config, clean, logStartOffset: told.logStart, leaderEpoch: 2 });
  const { records, refused } = readAll(files, log);
  assert.deepEqual(refused, []);
  const byOffset = new Map(records.map((record) => [record.offset, record.value?.toString()]));
  for (const [offset, value] of told.acknowledged) {
    if (offset >= log.logStartOffset) assert.equal(byOffset.get(offset), value, `offset ${offset}`);
  }
  assert.equal(log.flushedEndOffset, log.logEndOffset);
  goOn(log, told);
}

/** A producer that repeats its last acknowledged batch is told where it is; the next one is taken. */
function goOn(log: PartitionLog, told: Told): void {
  const last = [...told.acknowledged.keys()].at(-1);
  if (last !== undefined) {
    const again = append(log, { producerId: 5, baseSequence: last });
    assert.deepEqual([again.error, again.duplicate, again.baseOffset], ['NONE', true, last]);
  }
  const end = log.logEndOffset;
  assert.equal(append(log, { producerId: 5, baseSequence: end }).baseOffset, end);
}

function operationsOfLife(): number {
  const files = new FakeFileSystem();
  let count = 0;
  files.before = () => void count++;
  live(files, { acknowledged: new Map(), logStart: 0, closedCleanly: false });
  return count;
}

/** `lasting`: nothing works from there on. */
function lifeUntil(
  operation: number,
  failure: () => Error,
  lasting: boolean,
): { files: FakeFileSystem; told: Told; error: unknown } {
  const files = new FakeFileSystem();
  const told: Told = { acknowledged: new Map(), logStart: 0, closedCleanly: false };
  let count = 0;
  files.before = () => {
    const present = count++;
    if (present === operation || (lasting && present > operation)) throw failure();
  };
  try {
    live(files, told);
    return { files, told, error: null };
  } catch (error) {
    return { files, told, error };
  }
}

describe('a crash in front of every operation', () => {
  const total = operationsOfLife();
  const power = (): Error => new PowerCut('cut');

  it(`loses nothing acknowledged when the process dies (${total} points)`, () => {
    for (let point = 0; point < total; point++) {
      const { files, told } = lifeUntil(point, power, true);
      files.kill();
      examine(files, told, told.closedCleanly);
    }
  });

  it('loses nothing acknowledged when the power goes, whatever part of the rest was written', () => {
    const chances = [() => 0, (below: number) => below - 1, seeded(1), seeded(2), seeded(3)];
    for (let point = 0; point < total; point++) {
      for (const chance of chances) {
        const { files, told } = lifeUntil(point, power, true);
        files.crash(chance);
        examine(files, told, told.closedCleanly);
      }
    }
  });

  for (const code of ['EIO', 'ENOSPC']) {
    it(`loses nothing acknowledged when every operation fails once with ${code}`, () => {
      for (let point = 0; point < total; point++) {
        const { files, told, error } = lifeUntil(point, () => systemError(code), false);
        if (error !== null) {
          const known = error instanceof StorageError || (error as { code?: string }).code === code;
          assert.ok(known || (error as Error).name === 'AssertionError', String(error));
        }
        files.crash(seeded(point));
        examine(files, told, false);
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
