/** A partition log on a fake disk, with the few things that every test of it does: append, flush, read back, open again. */

import type { Clock } from '../../src/base/clock.js';
import type { CompactionMemory, CompactionOutcome } from '../../src/base/compaction-plan.js';
import { silentLogger } from '../../src/base/logger.js';
import type { DamagedRange } from '../../src/base/segment-check.js';
import type { LogConfig } from '../../src/config/log-config.js';
import { type AppendOutcome, emptyOutcome } from '../../src/log/append-outcome.js';
import { Compaction } from '../../src/log/compaction.js';
import type { FileSystem } from '../../src/log/file-system.js';
import { FlushSet } from '../../src/log/flush-set.js';
import { OpenFiles } from '../../src/log/open-files.js';
import { PartitionLog } from '../../src/log/partition-log.js';
import { checkSegment } from '../../src/log/segment-check.js';
import { decodeRecords, encodeBatch, iterateBatches, type LogRecord } from '../../src/record/record.js';
import { computeCrc, crcOf, lastOffsetOf } from '../../src/record/record-batch.js';
import { FakeClock } from '../base/fake-clock.js';

export const TOPIC_ID = 'q83vEjRWeJCrze8SNFZ4kA';
export const DIRECTORY = '/data/logs-0';

export const testConfig: LogConfig = {
  flush: 'ack',
  flushIntervalRecords: 10_000,
  flushIntervalMs: 1000,
  segmentBytesIsDefault: false,
  evictable: true,
  budgetFloorBytes: 0,
  budgetPriority: 0,
  segmentBytesMax: 1024 * 1024,
  segmentMs: 7 * 24 * 3600 * 1000,
  segmentJitterMs: 0,
  indexBytesMax: 10 * 1024 * 1024,
  indexIntervalBytes: 4096,
  // Small, so that small logs have some.
  preparedBytesMax: 1024,
  messageBytesMax: 1024 * 1024,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  compacted: false,
  deleted: true,
  minDirtyRatio: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  minCompactionLagMs: 0,
  deleteRetentionMs: 86_400_000,
  retentionMs: -1,
  retentionBytes: -1,
  retentionTime: 'arrival',
  validation: 'header',
  compression: 'producer',
  compressionLevel: 0,
  fileDeleteDelayMs: 0,
  producerIdExpirationMs: 86_400_000,
};

export interface OpenOptions {
  readonly config?: Partial<LogConfig>;
  readonly clean?: boolean;
  readonly afterFailure?: boolean;
  readonly recoveryPoint?: number;
  readonly logStartOffset?: number;
  readonly firstDirtyOffset?: number;
  readonly damagedRanges?: number;
  readonly leaderEpoch?: number;
  readonly directory?: string;
  readonly openFiles?: OpenFiles;
  readonly clock?: Clock;
  readonly topicId?: string;
}

/** Opens and recovers to the end. */
export function openLog(files: FileSystem, options: OpenOptions = {}): PartitionLog {
  const log = beginLog(files, options);
  while (!log.recoverSlice(4096));
  return log;
}

/** Opens; recovering is up to the caller. */
export function beginLog(files: FileSystem, options: OpenOptions = {}): PartitionLog {
  return PartitionLog.open({
    files,
    clock: options.clock ?? new FakeClock(),
    openFiles: options.openFiles ?? new OpenFiles(files, 64),
    log: silentLogger,
    directory: options.directory ?? DIRECTORY,
    topicId: options.topicId ?? TOPIC_ID,
    config: { ...testConfig, ...options.config },
    leaderEpoch: options.leaderEpoch ?? 0,
    recoveryPoint: options.recoveryPoint ?? 0,
    logStartOffset: options.logStartOffset ?? 0,
    firstDirtyOffset: options.firstDirtyOffset ?? 0,
    damagedRanges: options.damagedRanges ?? 0,
    clean: options.clean ?? false,
    afterFailure: options.afterFailure,
  });
}

export interface BatchSpec {
  readonly values?: readonly string[];
  readonly timestampMs?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
}

export function batchOf(spec: BatchSpec): Buffer {
  const { values = ['value'], timestampMs = 1_600_000_000_000 } = spec;
  return encodeBatch({
    records: values.map((value) => ({ key: Buffer.from('k'), value: Buffer.from(value), timestampMs })),
    producerId: spec.producerId,
    producerEpoch: spec.producerEpoch ?? (spec.producerId === undefined ? -1 : 0),
    baseSequence: spec.baseSequence,
  });
}

export function stage(log: PartitionLog, batch: Buffer, nowMs = 1_700_000_000_000): AppendOutcome {
  const outcome = emptyOutcome();
  log.stage(batch, 0, batch.length, nowMs, true, outcome);
  return outcome;
}

export function append(log: PartitionLog, spec: BatchSpec = {}): AppendOutcome {
  const outcome = stage(log, batchOf(spec));
  log.write();
  return outcome;
}

/** What a shard's group commit does, for one log. */
export function flush(files: FileSystem, log: PartitionLog): void {
  const set = new FlushSet();
  log.collectUnflushed(set);
  for (const fd of set.files) files.fdatasync(fd);
  for (const directory of set.directories) files.fsyncDirectory(directory);
  log.onFlushed();
}

/** The bytes of slices, read as the main thread would: by path. */
export function bytesOf(
  files: FileSystem,
  slices: readonly { path: string; position: number; length: number }[],
): Buffer {
  const parts = slices.map(({ path, position, length }) => {
    const fd = files.open(path, 'read');
    const bytes = Buffer.alloc(length);
    const got = files.read(fd, bytes, 0, length, position);
    files.close(fd);
    return bytes.subarray(0, got);
  });
  return Buffer.concat(parts);
}

/** Has the segment that holds `offset` checked, as a shard and the pool do it together; what of it is damaged. */
export function checked(files: FileSystem, log: PartitionLog, offset: number): readonly DamagedRange[] {
  const check = log.checks.plan(offset);
  if (check === null || check.bytes === 0) return [];
  const pace = { bytesPerSecondMax: Number.POSITIVE_INFINITY, coreShareMax: 1, sparesCache: false };
  const found = checkSegment(files, new FakeClock(), check, pace, { pause: () => {}, stopped: false });
  return log.checks.end(check.segmentBase, found)?.damaged ?? [];
}

export interface ReadBack {
  readonly records: LogRecord[];
  /** Offset ranges that were refused as damaged. */
  readonly refused: number[];
}

/** Reads the whole log in fetches of `fetchBytes`, as a consumer would, checking each batch; steps over refused offsets. */
export function readAll(files: FileSystem, log: PartitionLog, fetchBytes = 3000): ReadBack {
  const records: LogRecord[] = [];
  const refused: number[] = [];
  let offset = log.logStartOffset;
  while (offset < log.logEndOffset) {
    const located = log.locate(offset, fetchBytes, log.logEndOffset, true);
    if (located === null || located.error !== 'NONE') {
      refused.push(offset++);
      continue;
    }
    const before = offset;
    for (const batch of iterateBatches(bytesOf(files, located.slices))) {
      if (computeCrc(batch, 0, batch.length) !== crcOf(batch, 0))
        throw new Error(`a damaged batch was served at ${offset}`);
      for (const record of decodeRecords(batch)) {
        if (record.offset >= offset) records.push(record);
      }
      // Where compaction has taken records out, the header alone tells how far the batch reaches.
      offset = Math.max(offset, lastOffsetOf(batch, 0) + 1);
    }
    if (offset === before) throw new Error(`no progress at ${offset}`);
    if (located.next !== null && located.next.offset !== offset) {
      throw new Error(`next is said to be ${located.next.offset}, it is ${offset}`);
    }
  }
  return { records, refused };
}

/** Room for more keys than any test has. */
export const AMPLE_MEMORY: CompactionMemory = { bytesMax: 64 * 1024, loadFactor: 0.9 };

let generations = 0;

/**
 * Compacts the log once, as shard and pool do together. Replaced files are unlinked at once. `between` runs while each
 * compacted segment waits to be swapped in. Returns null where there is nothing to compact.
 */
export function compact(
  files: FileSystem,
  log: PartitionLog,
  nowMs = 1_700_000_000_000,
  memory = AMPLE_MEMORY,
  between: () => void = () => {},
): CompactionOutcome | null {
  const plan = log.compaction.plan(nowMs);
  if (plan === null) return null;
  const work = new Compaction(files, plan, memory).run();
  for (;;) {
    const step = work.next();
    if (step.done === true) {
      log.compaction.end(step.value.firstDirtyOffset);
      return step.value;
    }
    if (typeof step.value === 'number') continue;
    between();
    const garbage = log.compaction.swap(step.value, ++generations);
    if (garbage === null) {
      work.return(undefined as never);
      log.compaction.end(-1);
      return null;
    }
    for (const path of garbage) files.unlink(path);
  }
}
