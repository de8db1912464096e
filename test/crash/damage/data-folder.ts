/**
 * A small data folder on a disk in memory with every kind of file in it, as a broker leaves it when it is stopped or killed:
 * what it holds batch by batch, what its logs answer, and how a broker's start opens it. Two of its logs are the broker's
 * own, and one was damaged before, which the broker has found. Test process.
 */
import assert from 'node:assert/strict';
import { silentLogger } from '../../../src/base/logger.js';
import { NEVER_SCRUBBED } from '../../../src/base/segment-check.js';
import type { LogConfig } from '../../../src/config/log-config.js';
import { type ClaimedDirectory, claimDataDirectory } from '../../../src/log/data-directory.js';
import { type DirectoryProgress, writeProgress } from '../../../src/log/directory-progress.js';
import type { EpochEndOffset } from '../../../src/log/leader-epochs.js';
import type { RecordAtTime } from '../../../src/log/log-reader.js';
import { OpenFiles } from '../../../src/log/open-files.js';
import { PartitionLog } from '../../../src/log/partition-log.js';
import { BATCH_HEADER_BYTES, MAGIC } from '../../../src/record/batch-layout.js';
import { encodeBatch } from '../../../src/record/record.js';
import { baseOffsetOf, computeCrc, crcOf, lastOffsetOf, sizeOf } from '../../../src/record/record-batch.js';
import { FakeClock } from '../../base/fake-clock.js';
import { type Random, randomOf } from '../../history/good-history.js';
import { FakeFileSystem } from '../../log/fake-file-system.js';
import { checked, compact, flush, stage, testConfig } from '../../log/testbed.js';
import { CATALOGUE, OFFSETS, type OwnLog } from './own-logs.js';

export const DATA = '/data';
const IDENTITY = { nodeId: 1, clusterId: null, catalogueIn: null };
/** So many lives the folder has had: each but the last ended by a kill. */
const LIVES = 3;
const BATCHES_A_LIFE = 16;
/** Of a life, before its checkpoints are saved. */
const SAVED_BATCHES = 11;
const FIRST_TIMESTAMP_MS = 1_600_000_000_000;
const PRODUCERS = [1001, 1002];

/** How the last life ended. */
export type Ending = 'stopped' | 'killed';

export interface LogSpec {
  readonly topic: string;
  readonly topicId: string;
  readonly config: LogConfig;
  /** Records below are deleted in the second life. */
  readonly deleteBefore: number;
  /** For the broker's own logs: what is in them. */
  readonly own?: OwnLog;
  /** Some of its batches rot between the second life and the third, in which they are found. */
  readonly isWounded?: boolean;
}

const SPECS: readonly LogSpec[] = [
  { topic: 'plain', topicId: 'q83vEjRWeJCrze8SNFZ4kA', config: configOf({ segmentBytesMax: 12_000 }), deleteBefore: 0 },
  {
    topic: 'trimmed',
    topicId: 'Zm9vYmFyYmF6cXV4MTIzNA',
    config: configOf({ segmentBytesMax: 6000 }),
    deleteBefore: 21,
  },
  {
    topic: 'latest',
    topicId: 'bGF0ZXN0LW9mLWtleXMtIQ',
    config: configOf({ segmentBytesMax: 4000, compacted: true, deleted: false }),
    deleteBefore: 0,
  },
  {
    topic: 'wounded',
    topicId: 'd291bmRlZC1sb25nLWFnbw',
    config: configOf({ segmentBytesMax: 6000 }),
    deleteBefore: 0,
    isWounded: true,
  },
  {
    topic: '__millrace_catalogue',
    topicId: 'Y2F0YWxvZ3VlLW9mLWFsbA',
    config: configOf({ segmentBytesMax: 2500, compacted: true, deleted: false }),
    deleteBefore: 0,
    own: CATALOGUE,
  },
  {
    topic: '__consumer_offsets',
    topicId: 'b2Zmc2V0cy1vZi1ncm91cA',
    config: configOf({ segmentBytesMax: 2500, compacted: true, deleted: false }),
    deleteBefore: 0,
    own: OFFSETS,
  },
];
/** Which batches of a wounded log rot, and at which byte: one in its body, that only its checksum tells, one in its header. */
const WOUNDS: readonly (readonly [batch: number, at: number])[] = [
  [3, BATCH_HEADER_BYTES + 5],
  [6, MAGIC],
];

function configOf(part: Partial<LogConfig>): LogConfig {
  return { ...testConfig, indexIntervalBytes: 600, preparedBytesMax: 0, messageBytesMax: 8192, ...part };
}

/** A batch where it lies. */
export interface HeldBatch {
  readonly path: string;
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly bytes: Buffer;
}

/** What a log tells of itself that does not need a reader. */
export interface LogAnswers {
  readonly logStart: number;
  readonly end: number;
  readonly leaderEpoch: number;
  readonly epochs: readonly EpochEndOffset[];
  readonly byTime: readonly (RecordAtTime | null)[];
  readonly newest: RecordAtTime | null;
  readonly producers: readonly unknown[];
}

export interface HeldLog {
  readonly name: string;
  readonly spec: LogSpec;
  /** As they were written. */
  readonly batches: readonly HeldBatch[];
  /** Those of them that are damaged, which the broker knows. */
  readonly wounds: readonly HeldBatch[];
  /** Below it everything is known to be on disk. */
  readonly recoveryPoint: number;
  readonly answers: LogAnswers;
}

export interface DataFolder {
  readonly ending: Ending;
  readonly files: FakeFileSystem;
  readonly logs: readonly HeldLog[];
}

/** The folder while it is open. */
export interface OpenFolder {
  readonly logs: ReadonlyMap<string, PartitionLog>;
  /** An orderly stop. */
  stop(): void;
}

const made = new Map<Ending, DataFolder>();

/** The same folder each time; to be copied, not changed. */
export function dataFolder(ending: Ending): DataFolder {
  const folder = made.get(ending) ?? makeFolder(ending);
  made.set(ending, folder);
  return folder;
}

/** What a broker's start does with a data folder, on this thread. Throws what that throws. */
export function openFolder(files: FakeFileSystem): OpenFolder {
  const openFiles = new OpenFiles(files, 64);
  const claimed = claimDataDirectory(files, DATA, IDENTITY);
  const logs = new Map(SPECS.map((spec) => [`${spec.topic}-0`, openOne(files, openFiles, claimed, spec, LIVES)]));
  return {
    logs,
    stop() {
      for (const log of logs.values()) log.close();
      claimed.release(true, progressOf(logs));
    },
  };
}

function openOne(
  files: FakeFileSystem,
  openFiles: OpenFiles,
  claimed: ClaimedDirectory,
  { topic, topicId, config }: LogSpec,
  nodeEpoch: number,
): PartitionLog {
  const key = `${topic} 0`;
  const log = PartitionLog.open({
    files,
    clock: new FakeClock(),
    openFiles,
    log: silentLogger,
    directory: `${DATA}/${topic}-0`,
    topicId,
    config,
    leaderEpoch: nodeEpoch,
    recoveryPoint: claimed.recoveryPoints.get(key) ?? 0,
    logStartOffset: claimed.logStartOffsets.get(key) ?? 0,
    firstDirtyOffset: claimed.firstDirtyOffsets.get(key) ?? 0,
    damagedRanges: claimed.damagedRanges.get(key) ?? 0,
    clean: claimed.clean,
  });
  while (!log.recoverSlice(64 * 1024));
  return log;
}

function progressOf(logs: ReadonlyMap<string, PartitionLog>): DirectoryProgress[] {
  return SPECS.map(({ topic }) => {
    const log = logs.get(`${topic}-0`) as PartitionLog;
    return {
      topic,
      index: 0,
      flushedEndOffset: log.flushedEndOffset,
      logStartOffset: log.logStartOffset,
      firstDirtyOffset: log.compaction.firstDirtyOffset,
      damagedRanges: log.checks.damagedRanges,
      scrub: NEVER_SCRUBBED,
    };
  });
}

/** The process dies; nobody else takes its number. */
function kill(files: FakeFileSystem): void {
  files.kill();
  files.unlink(`${DATA}/millrace.pid`);
}

function makeFolder(ending: Ending): DataFolder {
  const files = new FakeFileSystem();
  const random = randomOf(7);
  const sequences = new Map<string, number>();
  const recoveryPoints = new Map<string, number>();
  const whole = new Map<string, Buffer>();
  for (let life = 0; life < LIVES; life++) {
    const openFiles = new OpenFiles(files, 64);
    const claimed = claimDataDirectory(files, DATA, IDENTITY);
    const logs = new Map(SPECS.map((spec) => [`${spec.topic}-0`, openOne(files, openFiles, claimed, spec, life)]));
    const isLast = life === LIVES - 1;
    // Somebody has the segments checked at rest.
    for (const log of isLast ? logs.values() : [])
      for (const { baseOffset } of log.segments) checked(files, log, baseOffset);
    for (let i = 0; i < BATCHES_A_LIFE; i++) {
      for (const spec of SPECS) appendTo(files, logs.get(`${spec.topic}-0`) as PartitionLog, spec, sequences, random);
      if (i !== SAVED_BATCHES) continue;
      for (const { topic, config, deleteBefore } of SPECS) {
        const log = logs.get(`${topic}-0`) as PartitionLog;
        if (life === 1) for (const path of log.deleteRecordsBefore(deleteBefore).paths) files.unlink(path);
        if (config.compacted) compact(files, log);
        flush(files, log);
        recoveryPoints.set(topic, log.flushedEndOffset);
      }
      writeProgress(files, DATA, progressOf(logs));
    }
    if (isLast && ending === 'stopped') {
      for (const log of logs.values()) log.close();
      claimed.release(true, progressOf(logs));
      for (const { topic } of SPECS) recoveryPoints.set(topic, logs.get(`${topic}-0`)?.logEndOffset ?? 0);
    } else {
      kill(files);
    }
    if (life === LIVES - 2) for (const spec of SPECS) if (spec.isWounded) wound(files, spec, whole);
  }
  const snapshot = files.snapshot();
  const opened = openFolder(files);
  const logs = SPECS.map((spec) => {
    const name = `${spec.topic}-0`;
    const log = opened.logs.get(name) as PartitionLog;
    const batches = batchesIn(snapshot, name, whole);
    assert.ok(batches.length >= 15, `${name} has ${batches.length} batches`);
    const isWound = ({ path, position, bytes }: HeldBatch): boolean =>
      !snapshot
        .content(path)
        .subarray(position, position + bytes.length)
        .equals(bytes);
    const wounds = batches.filter(isWound);
    assert.deepEqual([wounds.length, log.checks.damagedRanges], spec.isWounded ? [2, 2] : [0, 0], `wounds of ${name}`);
    const recoveryPoint = recoveryPoints.get(spec.topic) ?? 0;
    return { name, spec, batches, wounds, recoveryPoint, answers: answersOf(log) };
  });
  return { ending, files: snapshot, logs };
}

/** What rots lies where the next start does not look. */
function wound(files: FakeFileSystem, { topic }: LogSpec, whole: Map<string, Buffer>): void {
  const batches = batchesIn(files, `${topic}-0`, whole);
  for (const [index, at] of WOUNDS) {
    const { path, position } = batches[index];
    const bytes = files.content(path);
    if (!whole.has(path)) whole.set(path, Buffer.from(bytes));
    bytes[position + at] ^= 4;
    files.setContent(path, bytes);
  }
}

function appendTo(
  files: FakeFileSystem,
  log: PartitionLog,
  { topic, own }: LogSpec,
  sequences: Map<string, number>,
  random: Random,
): void {
  const producerId = own !== undefined || random(3) === 0 ? undefined : PRODUCERS[random(PRODUCERS.length)];
  const key = `${topic} ${producerId}`;
  const baseSequence = sequences.get(key) ?? 0;
  const values = Array.from({ length: 1 + random(3) }, () => `${topic} ${'v'.repeat(random(500))} ${random(1e9)}`);
  const timestampMs = FIRST_TIMESTAMP_MS + log.logEndOffset * 1000;
  const records = values.map((value, i) => ({
    ...(own?.change(random, log.logEndOffset + i) ?? {
      key: Buffer.from(`key ${random(12)}`),
      value: Buffer.from(value),
    }),
    timestampMs,
  }));
  const fromProducer = producerId === undefined ? {} : { producerId, producerEpoch: 0, baseSequence };
  sequences.set(key, baseSequence + values.length);
  const { error } = stage(log, encodeBatch({ records, ...fromProducer }));
  assert.equal(error, 'NONE');
  log.write();
  flush(files, log);
}

/** `whole` is what files were before they rotted. */
function batchesIn(files: FakeFileSystem, name: string, whole: ReadonlyMap<string, Buffer>): HeldBatch[] {
  const batches: HeldBatch[] = [];
  for (const path of files.paths().filter((one) => one.startsWith(`${DATA}/${name}/`) && one.endsWith('.log'))) {
    const content = whole.get(path) ?? files.content(path);
    for (let at = 0; at < content.length; ) {
      const size = sizeOf(content, at);
      assert.ok(size >= BATCH_HEADER_BYTES && computeCrc(content, at, size) === crcOf(content, at), path);
      const bytes = content.subarray(at, at + size);
      batches.push({
        path,
        position: at,
        baseOffset: baseOffsetOf(bytes, 0),
        lastOffset: lastOffsetOf(bytes, 0),
        bytes,
      });
      at += size;
    }
  }
  return batches;
}

export function answersOf(log: PartitionLog): LogAnswers {
  const end = log.logEndOffset;
  const times = Array.from({ length: 8 }, (_, i) => FIRST_TIMESTAMP_MS + Math.floor((i * end) / 8) * 1000 - 500);
  return {
    logStart: log.logStartOffset,
    end,
    leaderEpoch: log.leaderEpoch,
    epochs: Array.from({ length: LIVES }, (_, epoch) => log.endOfEpoch(epoch)),
    byTime: times.map((timestampMs) => log.offsetAtTime(timestampMs, end)),
    newest: log.maxTimestamp(end),
    producers: log.activeProducers().sort((a, b) => a.producerId - b.producerId),
  };
}
