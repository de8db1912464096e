/** A shard: one worker thread's loop over its partitions: poll, stage, write, flush, acknowledge, wait. Synchronous throughout. */
import type { Clock } from '../base/clock.js';
import { type ErrorName, errorCode } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import type { LogConfig } from '../config/log-config.js';
import { type AppendOutcome, emptyOutcome } from '../log/append-outcome.js';
import type { FileSystem } from '../log/file-system.js';
import { OpenFiles } from '../log/open-files.js';
import type { PartitionLog } from '../log/partition-log.js';
import { TURN_BYTES_MAX } from '../log/staged-turn.js';
import { StorageError } from '../log/storage-error.js';
import type { Histogram } from '../metrics/histogram.js';
import {
  APPEND,
  batchBytesAt,
  batchStartAt,
  fromClientAt,
  LOCATE,
  locateAheadAt,
  locateBytesMaxAt,
  locateOffsetAt,
  readRequest,
  requestIdAt,
  type ShardRequest,
  slotAt,
} from '../ring/commands.js';
import { type ShardReply, writeAppended, writeProgress, writeReply } from '../ring/completions.js';
import type { Pulse } from '../ring/pulse.js';
import type { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { emptyRow, type WatermarkBoard } from '../ring/watermarks.js';
import { Acknowledgements } from './acknowledgements.js';
import { Compactions } from './compactions.js';
import { GroupCommit } from './group-commit.js';
import { Housekeeping } from './housekeeping.js';
import { locateRuns } from './locate-runs.js';
import { PartitionLifecycle } from './partition-lifecycle.js';
import { ShardNotices } from './shard-notices.js';
import { ShardPartition } from './shard-partition.js';
import { survey, surveyOf } from './survey.js';

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
  /** What takes segments away or counts them, put off until nothing is staged that relies on them. */
  private readonly betweenTurns: (() => void)[] = [];
  private readonly groupCommit: GroupCommit;
  private readonly lifecycle: PartitionLifecycle;
  private readonly housekeeping: Housekeeping;
  private readonly compactions: Compactions;
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
    this.compactions = new Compactions({
      notices: this.notices,
      partitions: this.partitions,
      show: (partition) => this.show(partition),
      fail: (partition, error) => this.fail(partition, error),
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
    if (this.betweenTurns.length > 0) for (const act of this.betweenTurns.splice(0)) act();
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
      else if (commands.type === LOCATE) this.locate();
      else this.answer(readRequest(commands), requestIdAt(commands), slotAt(commands));
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
        this.notices.sealed(partition.slot, partition.log.takeSealed());
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

  // --- reads and rare requests

  private locate(): void {
    const { commands } = this.parts;
    const requestId = requestIdAt(commands);
    const partition = this.partitions[slotAt(commands)];
    const offset = locateOffsetAt(commands);
    this.reply(requestId, partition, (log) => {
      const { highWatermark } = (partition as ShardPartition).row;
      if (offset < log.logStartOffset || offset > log.logEndOffset) return { error: 'OFFSET_OUT_OF_RANGE' };
      return locateRuns(log, offset, locateBytesMaxAt(commands), highWatermark, locateAheadAt(commands));
    });
  }

  private reply(
    requestId: number,
    partition: ShardPartition | null | undefined,
    produce: (log: PartitionLog) => ShardReply,
  ): void {
    if (partition == null || partition.state !== 'online' || partition.log === null) {
      const error: ErrorName = partition?.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
      writeReply(this.parts.completions, requestId, { error, message: partition?.failure ?? undefined });
      return;
    }
    let reply: ShardReply;
    this.parts.pulse.concerns(partition.slot);
    try {
      reply = produce(partition.log);
    } catch (error) {
      if (error instanceof KafkaError) {
        reply = { error: error.error, message: error.message };
      } else {
        if (!(error instanceof StorageError)) throw error;
        this.fail(partition, error);
        reply = { error: 'KAFKA_STORAGE_ERROR', message: error.message };
      }
    }
    // Whoever hears the answer finds on the board that something of the log has turned out to be damaged.
    if (partition.log.checks.damagedRanges !== partition.row.damagedRanges) this.show(partition);
    writeReply(this.parts.completions, requestId, reply);
  }

  private answer(request: ShardRequest, requestId: number, slot: number): void {
    const partition = this.partitions[slot];
    switch (request.kind) {
      case 'open':
        this.partitions[slot] = new ShardPartition(slot, request, requestId);
        this.lifecycle.open(this.partitions[slot]);
        break;
      case 'offsetAtTime':
        this.reply(requestId, partition, (log) => {
          const { highWatermark } = (partition as ShardPartition).row;
          const found =
            request.timestampMs >= 0
              ? log.offsetAtTime(request.timestampMs, highWatermark)
              : log.maxTimestamp(highWatermark);
          if (found === null) return { error: 'NONE', offset: -1, timestampMs: -1, leaderEpoch: -1 };
          return { error: 'NONE', ...found };
        });
        break;
      case 'endOfEpoch':
        this.reply(requestId, partition, (log) => {
          const end = log.endOfEpoch(request.epoch);
          return { error: 'NONE', leaderEpoch: end.leaderEpoch, offset: end.endOffset };
        });
        break;
      case 'records':
        this.reply(requestId, partition, (log) => {
          const upTo = Math.min(request.upTo, (partition as ShardPartition).row.highWatermark);
          const { error, slices, endOffset } = log.locateRecords(request.offset, upTo, request);
          return { error, slices, offset: endOffset };
        });
        break;
      case 'deleteRecords':
        this.betweenTurns.push(() => this.deleteRecords(requestId, this.partitions[slot], request.offset));
        break;
      case 'survey':
        writeReply(this.parts.completions, requestId, {
          error: 'NONE',
          survey: survey(this.partitions, request.fromSlot),
        });
        break;
      case 'producers':
        this.reply(requestId, partition, (log) => ({ error: 'NONE', producers: log.activeProducers() }));
        break;
      case 'sealedFlushed':
        this.replyBetweenTurns(requestId, slot, (log, known) => {
          if (request.failure !== null) {
            throw new StorageError(request.failure, known.spec.directory, undefined, 'flush failed');
          }
          log.onSealedFlushed(request.segmentBase);
          this.show(known);
          return { error: 'NONE' };
        });
        break;
      case 'evict':
        this.replyBetweenTurns(requestId, slot, (log, known) => {
          this.housekeeping.evict(known, request.delayMs);
          return { error: 'NONE', surveyed: surveyOf(slot, log) };
        });
        break;
      case 'compactionNeeds':
        this.betweenTurns.push(() => {
          writeReply(this.parts.completions, requestId, this.compactions.needs(this.parts.clock.nowMs()));
        });
        break;
      case 'planCompaction':
        this.replyBetweenTurns(requestId, slot, (log, known) =>
          this.compactions.plan(known, log, this.parts.clock.nowMs()),
        );
        break;
      case 'swapCompacted':
        this.replyBetweenTurns(requestId, slot, (log, known) =>
          this.compactions.swap(known, log, request.segment, request.generation),
        );
        break;
      case 'endCompaction':
        this.replyBetweenTurns(requestId, slot, (log) => this.compactions.end(log, request.firstDirtyOffset));
        break;
      case 'planCheck':
        this.replyBetweenTurns(requestId, slot, (log) => {
          return { error: 'NONE', check: log.checks.plan(request.offset) ?? undefined };
        });
        break;
      case 'planScrub':
        this.replyBetweenTurns(requestId, slot, (log) => {
          return { error: 'NONE', check: log.checks.planBelow(request.offset) ?? undefined };
        });
        break;
      case 'endCheck':
        this.replyBetweenTurns(requestId, slot, (log) => {
          return { error: 'NONE', checked: log.checks.end(request.segmentBase, request.damaged) ?? undefined };
        });
        break;
      case 'reconfigure':
        this.betweenTurns.push(() => {
          const known = this.partitions[slot];
          if (known != null) this.reconfigure(known, request.config);
          writeReply(this.parts.completions, requestId, { error: 'NONE' });
        });
        break;
      case 'remove':
        writeReply(this.parts.completions, requestId, this.remove(slot));
        break;
      case 'boardPage':
        this.parts.board.addPage(this.parts.receivePage());
        writeReply(this.parts.completions, requestId, { error: 'NONE' });
        break;
      case 'close':
        this.close(requestId);
        break;
    }
  }

  private replyBetweenTurns(
    requestId: number,
    slot: number,
    produce: (log: PartitionLog, partition: ShardPartition) => ShardReply,
  ): void {
    this.betweenTurns.push(() => {
      const partition = this.partitions[slot];
      this.reply(requestId, partition, (log) => produce(log, partition as ShardPartition));
    });
  }

  private deleteRecords(requestId: number, partition: ShardPartition | null | undefined, wanted: number): void {
    this.reply(requestId, partition, (log) => {
      const { row, config, spec } = partition as ShardPartition;
      const offset = wanted === -1 ? row.highWatermark : wanted;
      if (offset < 0 || offset > row.highWatermark) return { error: 'OFFSET_OUT_OF_RANGE' };
      // A log start that is on disk in front of an end that is not would leave a log that ends before it begins.
      if (offset > log.flushedEndOffset) {
        this.flushNow(partition as ShardPartition);
        const { failure } = partition as ShardPartition;
        if (failure !== null) return { error: 'KAFKA_STORAGE_ERROR', message: failure };
      }
      this.notices.retired(log.deleteRecordsBefore(offset), spec.topic, 'DeleteRecords', config.fileDeleteDelayMs);
      this.show(partition as ShardPartition);
      return { error: 'NONE', offset: log.logStartOffset };
    });
  }

  /** A new flush mode finds everything flushed: what consumers could read by the rules of the old one stays readable. */
  private reconfigure(partition: ShardPartition, config: LogConfig): void {
    if (partition.config.flush !== config.flush && config.flush !== 'never') this.flushNow(partition);
    partition.config = config;
    partition.log?.reconfigure(config);
    this.show(partition);
  }

  private flushNow(partition: ShardPartition): void {
    if (partition.state !== 'online') return;
    this.groupCommit.add(partition);
    this.groupCommit.run(this.failFlush);
    this.publish();
  }

  private remove(slot: number): ShardReply {
    const partition = this.partitions[slot];
    if (partition == null) return { error: 'NONE' };
    partition.state = 'offline';
    partition.isRemoved = true;
    // The row is the next partition's; whoever reads it before that one is open must not take it for its own.
    this.parts.board.write(slot, emptyRow());
    this.awaitingInterval.delete(partition);
    this.lifecycle.forget(partition);
    partition.failure = 'the topic was deleted';
    try {
      const garbage = partition.log === null ? this.lifecycle.retire(partition) : partition.log.remove();
      partition.log = null;
      // Until the folder is out of the way the slot stays taken: whoever comes again finds what is to be tried again.
      this.partitions[slot] = null;
      return { error: 'NONE', garbage };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { error: 'KAFKA_STORAGE_ERROR', message: error.message };
    }
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
