/** A shard: one worker thread's loop over its partitions: poll, stage, write, flush, acknowledge, wait. Synchronous throughout. */
import type { Clock } from '../base/clock.js';
import { errorCode } from '../base/error-code.js';
import { type AppendOutcome, emptyOutcome } from '../log/append-outcome.js';
import type { FileSystem } from '../log/file-system.js';
import { OpenFiles } from '../log/open-files.js';
import { TURN_BYTES_MAX } from '../log/staged-turn.js';
import { StorageError } from '../log/storage-error.js';
import type { Histogram } from '../metrics/histogram.js';
import {
  APPEND,
  batchBytesAt,
  batchStartAt,
  fromClientAt,
  LOCATE,
  readRequest,
  requestIdAt,
  slotAt,
} from '../ring/commands.js';
import { writeAppended, writeProgress, writeReply } from '../ring/completions.js';
import type { Pulse } from '../ring/pulse.js';
import type { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import type { WatermarkBoard } from '../ring/watermarks.js';
import { Acknowledgements } from './acknowledgements.js';
import { GroupCommit } from './group-commit.js';
import { Housekeeping } from './housekeeping.js';
import { PartitionLifecycle } from './partition-lifecycle.js';
import { ShardNotices } from './shard-notices.js';
import type { ShardPartition } from './shard-partition.js';
import { ShardRequests } from './shard-requests.js';

/** A turn ends after so many commands, as it does after {@link TURN_BYTES_MAX}. */
const TURN_COMMANDS_MAX = 4096;

export interface ShardParts {
  readonly commands: RingConsumer;
  readonly completions: RingProducer;
  readonly board: WatermarkBoard;
  /** Carries what a ring cannot: pages of the board. */
  readonly receivePage: () => SharedArrayBuffer;
  readonly files: FileSystem;
  /** Tells the main thread what this one is doing. */
  readonly pulse: Pulse;
  readonly clock: Clock;
  /** Seconds of each group commit. */
  readonly flushTimes: Histogram;
  readonly openFilesMax: number;
  /** How often old segments and silent producers are looked for. */
  readonly retentionCheckMs: number;
}

export class Shard {
  private readonly partitions: (ShardPartition | null)[] = [];
  /** Partitions with staged or freshly written batches in this turn. */
  private readonly touched: ShardPartition[] = [];
  /** Written but not yet due for a flush (`flush=interval`). */
  private readonly awaitingInterval = new Set<ShardPartition>();
  private readonly acknowledgements = new Acknowledgements();
  /** Where those that {@link gather} is gathering begin: in front of them is what was written and waits for a flush. */
  private gatheredFrom = 0;
  private readonly groupCommit: GroupCommit;
  private readonly lifecycle: PartitionLifecycle;
  private readonly housekeeping: Housekeeping;
  private readonly requests: ShardRequests;
  private readonly notices: ShardNotices;
  private readonly openFiles: OpenFiles;
  private readonly outcome: AppendOutcome = emptyOutcome();
  private closing = false;

  constructor(private readonly parts: ShardParts) {
    this.notices = new ShardNotices(parts.completions);
    this.groupCommit = new GroupCommit({ ...parts, partitions: this.partitions });
    this.openFiles = new OpenFiles(parts.files, parts.openFilesMax);
    this.lifecycle = new PartitionLifecycle({
      files: parts.files,
      pulse: parts.pulse,
      clock: parts.clock,
      openFiles: this.openFiles,
      groupCommit: this.groupCommit,
      notices: this.notices,
      completions: parts.completions,
      show: (partition) => this.show(partition),
    });
    this.housekeeping = new Housekeeping({
      clock: parts.clock,
      openFiles: this.openFiles,
      notices: this.notices,
      partitions: this.partitions,
      show: (partition) => this.show(partition),
      fail: (partition, error) => this.fail(partition, error),
      retentionCheckMs: parts.retentionCheckMs,
    });
    this.requests = new ShardRequests({
      clock: parts.clock,
      pulse: parts.pulse,
      completions: parts.completions,
      board: parts.board,
      receivePage: parts.receivePage,
      partitions: this.partitions,
      notices: this.notices,
      lifecycle: this.lifecycle,
      housekeeping: this.housekeeping,
      show: (partition) => this.show(partition),
      fail: (partition, error) => this.fail(partition, error),
      flush: (partition) => this.flushNow(partition),
      forget: (partition) => {
        this.awaitingInterval.delete(partition);
        this.lifecycle.forget(partition);
      },
      close: (requestId) => this.close(requestId),
    });
  }

  /** Runs until a `close` request. Whatever it throws is a defect; the main thread then restarts the shard. */
  run(): void {
    const { commands, pulse } = this.parts;
    while (!this.closing) {
      pulse.working();
      if (this.turn()) continue;
      pulse.asleep();
      commands.wait(this.msUntilNextDuty());
    }
  }

  /** One round; false where there was nothing to do. */
  turn(): boolean {
    const { completions } = this.parts;
    const nowMs = this.parts.clock.nowMs();
    let polled = this.gather(nowMs);
    // What came while that was written shares its flush. Nobody is waited for.
    if (this.acknowledgements.count > 0) polled += this.gather(nowMs);
    if (this.closing) {
      // Everything is on disk and answered; what came behind the request to close is refused by the main thread.
      completions.commit();
      return true;
    }
    this.flushDue();
    this.publish();
    if (this.acknowledgements.count > 0) this.acknowledgements.settle(this.settleNow);
    this.requests.actBetweenTurns();
    const worked = this.lifecycle.work();
    const swept = this.housekeeping.run();
    completions.commit();
    return polled > 0 || worked || swept;
  }

  // --- appends

  /** Does what the ring asks for and writes what it brings, up to a turn's worth; returns how many commands that were. */
  private gather(nowMs: number): number {
    const { commands } = this.parts;
    this.gatheredFrom = this.acknowledgements.count;
    let polled = 0;
    while (!this.closing && polled < TURN_COMMANDS_MAX && commands.heldBytes < TURN_BYTES_MAX && commands.poll()) {
      polled++;
      if (commands.type === APPEND) this.stage(nowMs);
      else if (commands.type === LOCATE) this.requests.locate(commands);
      else this.requests.answer(readRequest(commands), requestIdAt(commands), slotAt(commands));
    }
    if (this.closing || polled === 0) return polled;
    this.writeTouched();
    // What was staged lies in files now: the producer side of the ring may have the room back before the flush.
    commands.release();
    this.publishWritten();
    if (this.acknowledgements.count > 0) this.acknowledgements.settle(this.settleUnlessAwaitingFlush);
    // Whom no flush concerns is told before one begins.
    this.parts.completions.commit();
    return polled;
  }

  private stage(nowMs: number): void {
    const { commands, completions } = this.parts;
    const requestId = requestIdAt(commands);
    const partition = this.partitions[slotAt(commands)];
    if (partition == null || partition.state !== 'online' || partition.log === null) {
      const error = partition?.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
      writeAppended(completions, requestId, errorCode(error), -1, -1, -1, partition?.failure ?? null);
      return;
    }
    const { log } = partition;
    const { outcome } = this;
    const at = batchStartAt(commands);
    try {
      log.stage(commands.data, at, batchBytesAt(commands), nowMs, fromClientAt(commands), outcome);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.fail(partition, error);
      writeAppended(completions, requestId, errorCode('KAFKA_STORAGE_ERROR'), -1, -1, -1, error.message);
      return;
    }
    if (outcome.error !== 'NONE') {
      const { error, message, recordErrors } = outcome;
      const blamed = recordErrors ?? undefined;
      writeAppended(completions, requestId, errorCode(error), -1, -1, log.logStartOffset, message, blamed);
      return;
    }
    if (!partition.touched) {
      partition.touched = true;
      this.touched.push(partition);
    }
    this.acknowledgements.add(requestId, partition, outcome.baseOffset, outcome.logAppendTimeMs);
  }

  private writeTouched(): void {
    for (const partition of this.touched) {
      if (partition.log === null || partition.failure !== null) continue;
      this.parts.pulse.concerns(partition.slot);
      try {
        partition.log.write();
        if (partition.toldOf !== null) partition.wroteSince = true;
        this.notices.sealed(partition.slot, partition.log.sealed.take());
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        if (error.full) this.refuseGathered(partition, error);
        else this.fail(partition, error);
      }
    }
  }

  /** No room: nothing that was just gathered was stored, the log is as it was, and every client knows how to come again. */
  private refuseGathered(partition: ShardPartition, error: StorageError): void {
    this.acknowledgements.settle((requestId, of) => {
      if (of !== partition) return false;
      const code = errorCode('NOT_ENOUGH_REPLICAS');
      writeAppended(this.parts.completions, requestId, code, -1, -1, -1, 'the disk is full');
      return true;
    }, this.gatheredFrom);
    this.notices.full(partition.slot);
    this.notices.refusesFor(partition, error);
  }

  private flushDue(): void {
    const nowMs = this.parts.clock.monotonicMs();
    for (const partition of this.touched) {
      if (partition.failure !== null) continue;
      if (partition.config.flush === 'ack') this.groupCommit.add(partition);
      else if (partition.config.flush === 'interval') this.awaitingInterval.add(partition);
    }
    for (const partition of this.awaitingInterval) {
      if (!this.intervalIsOver(partition, nowMs)) continue;
      this.awaitingInterval.delete(partition);
      if (partition.failure === null) this.groupCommit.add(partition);
    }
    this.groupCommit.run(this.failFlush);
  }

  private readonly failFlush = (partition: ShardPartition, error: StorageError): void => this.fail(partition, error);

  private intervalIsOver(partition: ShardPartition, nowMs: number): boolean {
    const { log, config } = partition;
    if (log === null) return true;
    return (
      log.unflushedRecords >= config.flushIntervalRecords || nowMs - log.unflushedSinceMs >= config.flushIntervalMs
    );
  }

  /** Where nobody waits for the disk, consumers are shown what was written, and before its producers hear of it. */
  private publishWritten(): void {
    let kept = 0;
    for (const partition of this.touched) {
      if (partition.config.flush === 'never') {
        partition.touched = false;
        this.showStored(partition);
      } else {
        this.touched[kept++] = partition;
      }
    }
    this.touched.length = kept;
  }

  /** Board rows first, then the word that they moved: whoever hears it finds them. */
  private publish(): void {
    for (const partition of this.touched) {
      partition.touched = false;
      this.show(partition);
    }
    this.touched.length = 0;
    for (const partition of this.groupCommit.flushed) this.showStored(partition);
    this.groupCommit.flushed.length = 0;
  }

  private showStored(partition: ShardPartition): void {
    if (partition.wroteSince && partition.failure === null) this.notices.isOver(partition);
    this.show(partition);
  }

  private show(partition: ShardPartition): void {
    if (partition.state !== 'online') return;
    const moved = partition.refreshRow();
    this.parts.board.write(partition.slot, partition.row);
    if (moved) writeProgress(this.parts.completions, partition.slot);
  }

  private readonly settleUnlessAwaitingFlush = (
    requestId: number,
    partition: ShardPartition,
    baseOffset: number,
    logAppendTimeMs: number,
  ): boolean => {
    if (partition.config.flush === 'ack' && partition.failure === null) return false;
    return this.settleNow(requestId, partition, baseOffset, logAppendTimeMs);
  };

  private readonly settleNow = (
    requestId: number,
    partition: ShardPartition,
    baseOffset: number,
    logAppendTimeMs: number,
  ): boolean => {
    const { completions } = this.parts;
    if (partition.failure !== null || partition.log === null) {
      const code = errorCode(partition.isRemoved ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'KAFKA_STORAGE_ERROR');
      writeAppended(completions, requestId, code, -1, -1, -1, partition.failure);
    } else {
      writeAppended(completions, requestId, 0, baseOffset, logAppendTimeMs, partition.log.logStartOffset, null);
    }
    return true;
  };

  private flushNow(partition: ShardPartition): void {
    if (partition.state !== 'online') return;
    this.groupCommit.add(partition);
    this.groupCommit.run(this.failFlush);
    this.publish();
  }

  private fail(partition: ShardPartition, error: StorageError): void {
    this.awaitingInterval.delete(partition);
    this.lifecycle.fail(partition, error);
  }

  // --- waiting and closing

  private msUntilNextDuty(): number {
    const nowMs = this.parts.clock.monotonicMs();
    let dueMs = Math.min(this.housekeeping.nextDutyMs, this.lifecycle.nextDutyMs);
    for (const { log, config } of this.awaitingInterval) {
      if (log !== null) dueMs = Math.min(dueMs, log.unflushedSinceMs + config.flushIntervalMs);
    }
    return Math.max(0, dueMs - nowMs);
  }

  private close(requestId: number): void {
    let failed: string | undefined;
    for (const partition of this.partitions) {
      if (partition?.log == null) continue;
      if (partition.state !== 'online') {
        failed ??= partition.failure ?? 'recovery had not ended';
        continue;
      }
      try {
        partition.log.write();
        partition.log.close();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        failed ??= error.message;
        partition.failure = error.message;
      }
      partition.refreshRow();
      this.parts.board.write(partition.slot, partition.row);
    }
    this.acknowledgements.settle(this.settleNow);
    this.openFiles.closeAll();
    this.groupCommit.close();
    writeReply(
      this.parts.completions,
      requestId,
      failed === undefined ? { error: 'NONE' } : { error: 'KAFKA_STORAGE_ERROR', message: failed },
    );
    this.closing = true;
  }
}
