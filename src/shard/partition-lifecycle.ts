/** Partitions that open, fail, are read again from disk and come back, while the others of the shard serve. Shard thread. */
import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import { CLAIM_MARK_FILE } from '../log/data-directory.js';
import type { FileSystem } from '../log/file-system.js';
import type { OpenFiles } from '../log/open-files.js';
import { PartitionFolder } from '../log/partition-folder.js';
import { PartitionLog } from '../log/partition-log.js';
import { StorageError } from '../log/storage-error.js';
import type { OpenRequest } from '../ring/commands.js';
import { type ShardReply, writeReply } from '../ring/completions.js';
import type { Pulse } from '../ring/pulse.js';
import type { RingProducer } from '../ring/spsc-ring.js';
import type { GroupCommit } from './group-commit.js';
import type { ShardNotices } from './shard-notices.js';
import type { ShardPartition } from './shard-partition.js';

/** How much of a recovery is done between two looks at the ring. */
const RECOVERY_SLICE_BYTES = 8 * 1024 * 1024;
/** The same of what is written again behind a start. */
const WRITE_AGAIN_SLICE_BYTES = 1024 * 1024;
const REOPEN_FIRST_MS = 500;
const REOPEN_MAX_MS = 30_000;
/** What fails again within so long after it was opened again was not cured. */
const CURED_AFTER_MS = 60_000;

export interface LifecycleParts {
  readonly files: FileSystem;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly openFiles: OpenFiles;
  readonly groupCommit: GroupCommit;
  readonly notices: ShardNotices;
  readonly completions: RingProducer;
  /** Puts the partition's row on the board. */
  readonly show: (partition: ShardPartition) => void;
}

export class PartitionLifecycle {
  private readonly recovering: ShardPartition[] = [];
  private readonly offline = new Set<ShardPartition>();
  /** Their logs serve, and have something left of their start to write again. */
  private readonly writingAgain: ShardPartition[] = [];

  constructor(private readonly parts: LifecycleParts) {}

  /** Begins to open a partition; its request is answered when it is online or has failed for the first time. */
  open(partition: ShardPartition): void {
    this.parts.pulse.concerns(partition.slot);
    try {
      this.parts.groupCommit.openFolder(partition.dataDirectory);
      partition.log = this.openLog(partition.spec, partition, false);
      this.recovering.push(partition);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.failOpening(partition, error);
    }
  }

  /** A slice of one recovery, or of what is left of one, or a log that failed is opened anew; false where there is nothing to do now. */
  work(): boolean {
    return this.recoverSome() || this.reopenSome() || this.writeSomeAgain();
  }

  /** The log is closed and nothing of it acknowledged until it was read again from the disk itself. */
  fail(partition: ShardPartition, error: StorageError): void {
    if (this.offline.has(partition)) return;
    partition.failure = error.message;
    partition.state = 'offline';
    this.offline.add(partition);
    const nowMs = this.parts.clock.monotonicMs();
    // A log that can be read and not written would otherwise be read again twice a second.
    if (nowMs - partition.reopenAtMs > CURED_AFTER_MS) partition.reopenAttempts = 0;
    const delayMs = Math.min(REOPEN_FIRST_MS * 2 ** partition.reopenAttempts++, REOPEN_MAX_MS);
    partition.reopenAtMs = nowMs + delayMs;
    partition.log?.abandon();
    const { notices } = this.parts;
    notices.state(partition.slot, 'offline');
    notices.closedFor(partition, error, delayMs);
  }

  /** The partition was removed: whatever was under way for it ends. */
  forget(partition: ShardPartition): void {
    this.offline.delete(partition);
    const at = this.recovering.indexOf(partition);
    if (at >= 0) this.recovering.splice(at, 1);
  }

  /** Takes the folder of a partition away that was never opened. Returns what is to be deleted. @throws StorageError */
  retire({ spec }: ShardPartition): string[] {
    return new PartitionFolder(this.parts.files, spec.directory, spec.topicId).retire();
  }

  /** When {@link work} has something to do next, by the clock that never goes back. */
  get nextDutyMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { reopenAtMs } of this.offline) dueMs = Math.min(dueMs, reopenAtMs);
    return dueMs;
  }

  /** All that recover take turns, so that short ones are soon done and serve. */
  private recoverSome(): boolean {
    const partition = this.recovering.shift();
    if (partition === undefined) return false;
    this.parts.pulse.concerns(partition.slot);
    try {
      if (partition.log === null || !partition.log.recoverSlice(RECOVERY_SLICE_BYTES)) {
        this.recovering.push(partition);
        return true;
      }
      if (partition.failure !== null) this.parts.notices.isBack(partition);
      partition.state = 'online';
      partition.failure = null;
      this.parts.show(partition);
      this.parts.notices.state(partition.slot, 'online');
      this.writingAgain.push(partition);
      this.answer(partition, { error: 'NONE' });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.failOpening(partition, error);
    }
    return true;
  }

  private writeSomeAgain(): boolean {
    const [partition] = this.writingAgain;
    if (partition === undefined) return false;
    const { log, state, slot } = partition;
    let isDone = true;
    if (log !== null && state === 'online') {
      this.parts.pulse.concerns(slot);
      try {
        isDone = log.sealed.writeAgain(WRITE_AGAIN_SLICE_BYTES);
        this.parts.notices.sealed(slot, log.sealed.take());
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        this.fail(partition, error);
      }
    }
    if (isDone) this.writingAgain.shift();
    return true;
  }

  private readonly failFlush = (partition: ShardPartition, error: StorageError): void => this.fail(partition, error);

  private reopenSome(): boolean {
    if (this.offline.size === 0) return false;
    const nowMs = this.parts.clock.monotonicMs();
    for (const partition of this.offline) {
      if (partition.reopenAtMs > nowMs) continue;
      this.offline.delete(partition);
      this.parts.pulse.concerns(partition.slot);
      try {
        this.parts.groupCommit.renewFolder(partition.dataDirectory, this.failFlush);
        const { flushedEndOffset, logStartOffset, damagedRanges } = partition.row;
        const spec = {
          ...partition.spec,
          clean: false,
          recoveryPoint: flushedEndOffset,
          logStartOffset: Math.max(partition.spec.logStartOffset, logStartOffset),
          firstDirtyOffset: partition.log?.compaction.firstDirtyOffset ?? partition.spec.firstDirtyOffset,
          damagedRanges: Math.max(partition.spec.damagedRanges, damagedRanges),
        };
        partition.log = this.openLog(spec, partition, true);
        this.recovering.push(partition);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        this.fail(partition, error);
      }
      return true;
    }
    return false;
  }

  private failOpening(partition: ShardPartition, error: StorageError): void {
    this.fail(partition, error);
    this.answer(partition, { error: 'KAFKA_STORAGE_ERROR', message: error.message });
  }

  private answer(partition: ShardPartition, reply: ShardReply): void {
    if (partition.openRequestId < 0) return;
    writeReply(this.parts.completions, partition.openRequestId, reply);
    partition.openRequestId = -1;
  }

  private openLog(spec: OpenRequest, { config, dataDirectory }: ShardPartition, afterFailure: boolean): PartitionLog {
    const { files, clock, openFiles, notices } = this.parts;
    return PartitionLog.open({
      files,
      clock,
      openFiles,
      directory: spec.directory,
      topicId: spec.topicId,
      claimMark: join(dataDirectory, CLAIM_MARK_FILE),
      config,
      leaderEpoch: spec.leaderEpoch,
      recoveryPoint: spec.recoveryPoint,
      logStartOffset: spec.logStartOffset,
      firstDirtyOffset: spec.firstDirtyOffset,
      damagedRanges: spec.damagedRanges,
      clean: spec.clean,
      afterFailure,
      log: notices,
    });
  }
}
