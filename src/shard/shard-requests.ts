/** What a shard is asked for besides appends: places in its logs, and the rare requests that are JSON. Shard thread. */
import type { Clock } from '../base/clock.js';
import type { ErrorName } from '../base/error-code.js';
import { KafkaError } from '../base/kafka-error.js';
import type { LogConfig } from '../config/log-config.js';
import type { PartitionLog } from '../log/partition-log.js';
import { StorageError } from '../log/storage-error.js';
import {
  locateAheadAt,
  locateBytesMaxAt,
  locateOffsetAt,
  requestIdAt,
  type ShardRequest,
  slotAt,
} from '../ring/commands.js';
import { type ShardReply, writeReply } from '../ring/completions.js';
import type { Pulse } from '../ring/pulse.js';
import type { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import { emptyRow, type WatermarkBoard } from '../ring/watermarks.js';
import { Compactions } from './compactions.js';
import type { Housekeeping } from './housekeeping.js';
import { locateRuns } from './locate-runs.js';
import type { PartitionLifecycle } from './partition-lifecycle.js';
import type { ShardNotices } from './shard-notices.js';
import { ShardPartition } from './shard-partition.js';
import { survey, surveyOf } from './survey.js';

export interface ShardRequestsParts {
  readonly clock: Clock;
  readonly pulse: Pulse;
  readonly completions: RingProducer;
  readonly board: WatermarkBoard;
  /** Carries what a ring cannot: pages of the board. */
  readonly receivePage: () => SharedArrayBuffer;
  /** By slot; null where nobody sits. */
  readonly partitions: (ShardPartition | null)[];
  readonly notices: ShardNotices;
  readonly lifecycle: PartitionLifecycle;
  readonly housekeeping: Housekeeping;
  /** Puts the partition's row on the board. */
  readonly show: (partition: ShardPartition) => void;
  readonly fail: (partition: ShardPartition, error: StorageError) => void;
  /** Everything that was written to it is on disk afterwards, or it has failed. */
  readonly flush: (partition: ShardPartition) => void;
  /** Whatever is under way for it, or due, ends. */
  readonly forget: (partition: ShardPartition) => void;
  /** Answers once everything is on disk, and ends the shard. */
  readonly close: (requestId: number) => void;
}

export class ShardRequests {
  private readonly compactions: Compactions;
  /** What takes segments away or counts them, put off until nothing is staged that relies on them. */
  private readonly betweenTurns: (() => void)[] = [];

  constructor(private readonly parts: ShardRequestsParts) {
    this.compactions = new Compactions(parts);
  }

  /** The place that the entry under `commands` asks for. */
  locate(commands: RingConsumer): void {
    const requestId = requestIdAt(commands);
    const partition = this.parts.partitions[slotAt(commands)];
    const offset = locateOffsetAt(commands);
    this.reply(requestId, partition, (log) => {
      const { highWatermark } = (partition as ShardPartition).row;
      if (offset < log.logStartOffset || offset > log.logEndOffset) return { error: 'OFFSET_OUT_OF_RANGE' };
      return locateRuns(log, offset, locateBytesMaxAt(commands), highWatermark, locateAheadAt(commands));
    });
  }

  /** Answers one request; what must not happen in the middle of a turn waits for {@link actBetweenTurns}. */
  answer(request: ShardRequest, requestId: number, slot: number): void {
    const { partitions, lifecycle, housekeeping, completions, board, clock } = this.parts;
    const partition = partitions[slot];
    switch (request.kind) {
      case 'open':
        partitions[slot] = new ShardPartition(slot, request, requestId);
        lifecycle.open(partitions[slot]);
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
        this.betweenTurns.push(() => this.deleteRecords(requestId, partitions[slot], request.offset));
        break;
      case 'survey':
        writeReply(completions, requestId, {
          error: 'NONE',
          survey: survey(partitions, request.fromSlot),
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
          this.parts.show(known);
          return { error: 'NONE' };
        });
        break;
      case 'evict':
        this.replyBetweenTurns(requestId, slot, (log, known) => {
          housekeeping.evict(known, request.delayMs);
          return { error: 'NONE', surveyed: surveyOf(slot, log) };
        });
        break;
      case 'compactionNeeds':
        this.betweenTurns.push(() => {
          writeReply(completions, requestId, this.compactions.needs(clock.nowMs()));
        });
        break;
      case 'planCompaction':
        this.replyBetweenTurns(requestId, slot, (log, known) => this.compactions.plan(known, log, clock.nowMs()));
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
          const checked = log.checks.examineSmall(request.offset);
          if (checked !== null) return { error: 'NONE', checked };
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
          const known = partitions[slot];
          if (known != null) this.reconfigure(known, request.config);
          writeReply(completions, requestId, { error: 'NONE' });
        });
        break;
      case 'remove':
        writeReply(completions, requestId, this.remove(slot));
        break;
      case 'boardPage':
        board.addPage(this.parts.receivePage());
        writeReply(completions, requestId, { error: 'NONE' });
        break;
      case 'close':
        this.parts.close(requestId);
        break;
    }
  }

  /** To be called while nothing is staged. */
  actBetweenTurns(): void {
    if (this.betweenTurns.length > 0) for (const act of this.betweenTurns.splice(0)) act();
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
        this.parts.fail(partition, error);
        reply = { error: 'KAFKA_STORAGE_ERROR', message: error.message };
      }
    }
    // Whoever hears the answer finds on the board that something of the log has turned out to be damaged.
    if (partition.log.checks.damagedRanges !== partition.row.damagedRanges) this.parts.show(partition);
    writeReply(this.parts.completions, requestId, reply);
  }

  private replyBetweenTurns(
    requestId: number,
    slot: number,
    produce: (log: PartitionLog, partition: ShardPartition) => ShardReply,
  ): void {
    this.betweenTurns.push(() => {
      const partition = this.parts.partitions[slot];
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
        this.parts.flush(partition as ShardPartition);
        const { failure } = partition as ShardPartition;
        if (failure !== null) return { error: 'KAFKA_STORAGE_ERROR', message: failure };
      }
      this.parts.notices.retired(
        log.deleteRecordsBefore(offset),
        spec.topic,
        'DeleteRecords',
        config.fileDeleteDelayMs,
      );
      this.parts.show(partition as ShardPartition);
      return { error: 'NONE', offset: log.logStartOffset };
    });
  }

  /** A new flush mode finds everything flushed: what consumers could read by the rules of the old one stays readable. */
  private reconfigure(partition: ShardPartition, config: LogConfig): void {
    if (partition.config.flush !== config.flush && config.flush !== 'never') this.parts.flush(partition);
    partition.config = config;
    partition.log?.reconfigure(config);
    this.parts.show(partition);
  }

  private remove(slot: number): ShardReply {
    const { partitions, board, lifecycle, forget } = this.parts;
    const partition = partitions[slot];
    if (partition == null) return { error: 'NONE' };
    partition.state = 'offline';
    partition.isRemoved = true;
    // The row is the next partition's; whoever reads it before that one is open must not take it for its own.
    board.write(slot, emptyRow());
    forget(partition);
    partition.failure = 'the topic was deleted';
    try {
      const garbage = partition.log === null ? lifecycle.retire(partition) : partition.log.remove();
      partition.log = null;
      // Until the folder is out of the way the slot stays taken: whoever comes again finds what is to be tried again.
      partitions[slot] = null;
      return { error: 'NONE', garbage };
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { error: 'KAFKA_STORAGE_ERROR', message: error.message };
    }
  }
}
