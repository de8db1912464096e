/** One partition of `__share_group_state` with what it says of share groups' partitions: replayed from it, written to it. Main thread. */
import type { Clock } from '../../base/clock.js';
import type { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import { KafkaError } from '../../base/kafka-error.js';
import type { Logger } from '../../base/logger.js';
import type { LeaderEpoch, Offset } from '../../base/units.js';
import type { InternalLog, InternalRecord } from '../../partition/internal-log.js';
import { MalformedRequestError } from '../../protocol/malformed-request-error.js';
import { GatheredAppends } from '../gathered-appends.js';
import { SharePartition } from './share-partition.js';
import {
  decodeShareStateRecord,
  encodeShareStateRecord,
  type ShareStateId,
  type ShareStateRecord,
  shareStateName,
} from './share-state-record.js';
import { ShareWindow, type StateBatch } from './share-window.js';

const READ_RETRY_MS = 1000;
/** Deleting fewer records than this is not worth a checkpoint. */
const PRUNED_MIN = 1000;

export interface ShareStateLogOptions {
  readonly index: number;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  /** Opens the partition's log, making the topic where it is not there. */
  readonly openLog: (partition: number) => Promise<InternalLog>;
  /** Deletes the log's records in front of an offset. */
  readonly deleteBefore: (partition: number, offset: Offset) => Promise<void>;
  readonly batchBytesMax: number;
  /** Changes that are written before all is written anew. */
  readonly updatesPerSnapshot: number;
  readonly leaderEpoch: () => LeaderEpoch;
  /** What was known of it may not be on disk: who holds it lets go. */
  readonly onLost: (partition: SharePartition) => void;
}

/** Every change is in memory before it is on disk, as with groups; where the disk refuses, all of it is read again. */
export class ShareStateLog {
  private states = new Map<string, SharePartition>();
  private readonly appends: GatheredAppends;
  private loaded = false;
  private closed = false;
  private log: InternalLog | null = null;
  /** Behind the last record that is known, and where the log was last cut off. */
  private endOffset: Offset = 0;
  private prunedOffset: Offset = 0;
  private prunedEndOffset: Offset = 0;

  constructor(private readonly options: ShareStateLogOptions) {
    const { batchBytesMax } = options;
    this.appends = new GatheredAppends({
      openLog: () => this.opened(),
      batchBytesMax,
      onFailed: (cause) => this.fail(cause),
    });
  }

  /** NONE where it may be asked now. */
  get availability(): ErrorName {
    if (this.closed) return 'COORDINATOR_NOT_AVAILABLE';
    return this.loaded ? 'NONE' : 'COORDINATOR_LOAD_IN_PROGRESS';
  }

  /** There is no log yet, so there is nothing to read. */
  startEmpty(): void {
    this.loaded = true;
  }

  /** Resolves once all is as the log has it; tries until it can be read. */
  async load(): Promise<void> {
    const { logger, index, deadlines } = this.options;
    while (!this.closed) {
      const states = new Map<string, SharePartition>();
      try {
        const log = await this.opened();
        await log.replay((raw, offset) => {
          this.endOffset = offset + 1;
          const record = this.decode(raw, offset);
          if (record !== null) replay(states, record, offset);
        });
        this.states = states;
        this.loaded = true;
        return;
      } catch (error) {
        logger.warn({ err: error, partition: index }, 'the state of share groups could not be read; trying again');
        await deadlines.pause(READ_RETRY_MS);
      }
    }
  }

  get(id: ShareStateId): SharePartition | undefined {
    return this.states.get(shareStateName(id));
  }

  getOrMake(id: ShareStateId): SharePartition {
    const name = shareStateName(id);
    let state = this.states.get(name);
    if (state === undefined) {
      state = new SharePartition(id);
      this.states.set(name, state);
    }
    return state;
  }

  all(): IterableIterator<SharePartition> {
    return this.states.values();
  }

  /** Applies `changes` at once and resolves when they are on disk: with NONE, or with what to answer where they are not. */
  change(partition: SharePartition, changes: readonly StateBatch[]): Promise<ErrorName> {
    const { window } = partition;
    if (window === null || partition.isLost) return Promise.resolve('INVALID_RECORD_STATE');
    window.replay(changes);
    if (partition.updatesSinceSnapshot >= this.options.updatesPerSnapshot) return this.writeSnapshot(partition);
    partition.updatesSinceSnapshot++;
    const { startOffset, deliveryCompleteCount } = window;
    const { snapshotEpoch } = partition;
    const leaderEpoch = this.options.leaderEpoch();
    const value = { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches: changes };
    return this.append([{ type: 'update', id: partition.id, value }]);
  }

  /** Resolves once all that shows here is on disk, as `change` does. */
  settled(): Promise<ErrorName> {
    return this.appends.settled();
  }

  /** Writes all that is known of the partition, which has a window. */
  writeSnapshot(partition: SharePartition): Promise<ErrorName> {
    const { window } = partition;
    if (window === null || partition.isLost) return Promise.resolve('INVALID_RECORD_STATE');
    const nowMs = this.options.clock.nowMs();
    if (partition.snapshotAtMs === 0) partition.snapshotAtMs = nowMs;
    partition.snapshotEpoch++;
    partition.updatesSinceSnapshot = 0;
    const value = {
      snapshotEpoch: partition.snapshotEpoch,
      stateEpoch: partition.stateEpoch,
      leaderEpoch: this.options.leaderEpoch(),
      startOffset: window.startOffset,
      deliveryCompleteCount: window.deliveryCompleteCount,
      createTimestamp: partition.snapshotAtMs,
      writeTimestamp: nowMs,
      stateBatches: window.snapshot(),
    };
    return this.append([{ type: 'snapshot', id: partition.id, value }], (offset) => {
      partition.snapshotOffset = offset;
    });
  }

  /** Forgets the partition, here and in the log. */
  remove(partition: SharePartition): Promise<ErrorName> {
    const { id } = partition;
    this.states.delete(shareStateName(id));
    this.lose(partition);
    // Nothing of it was ever written.
    if (partition.window === null) return Promise.resolve('NONE');
    return this.append([
      { type: 'update', id, value: null },
      { type: 'snapshot', id, value: null },
    ]);
  }

  /** Deletes records in front of all that is still needed; what holds back a log that grows is written anew for the next time. */
  async prune(): Promise<void> {
    if (!this.loaded || this.closed || this.endOffset - this.prunedOffset < PRUNED_MIN) return;
    const { index, logger, deleteBefore } = this.options;
    let needed = this.endOffset;
    for (const partition of this.states.values()) {
      if (partition.window === null) continue;
      // The first one of all that is on its way will lie behind the end that is known; others count once they are on disk.
      if (partition.snapshotOffset >= 0) needed = Math.min(needed, partition.snapshotOffset);
      if (partition.snapshotOffset < this.prunedEndOffset) void this.writeSnapshot(partition);
    }
    this.prunedEndOffset = this.endOffset;
    if (needed - this.prunedOffset < PRUNED_MIN) return;
    try {
      await deleteBefore(index, needed);
      this.prunedOffset = needed;
    } catch (error) {
      logger.warn({ err: error, partition: index }, 'old state of share groups could not be deleted; later again');
    }
  }

  /** Nothing is taken any more; resolves when all that was is on disk, or has failed. */
  async close(): Promise<void> {
    this.closed = true;
    await this.appends.settled();
  }

  private async opened(): Promise<InternalLog> {
    this.log ??= await this.options.openLog(this.options.index);
    return this.log;
  }

  private append(records: readonly ShareStateRecord[], placed?: (offset: Offset) => void): Promise<ErrorName> {
    const encoded = records.map(encodeShareStateRecord);
    return this.appends.append(encoded, (offset) => {
      this.endOffset = Math.max(this.endOffset, offset + encoded.length);
      placed?.(offset);
    });
  }

  private lose(partition: SharePartition): void {
    if (partition.isLost) return;
    partition.isLost = true;
    this.options.onLost(partition);
  }

  private fail(cause: unknown): ErrorName {
    const { logger, index } = this.options;
    logger.error({ err: cause, partition: index }, 'state of share groups could not be written; it is read again');
    this.loaded = false;
    for (const partition of this.states.values()) this.lose(partition);
    this.states.clear();
    void this.load();
    return cause instanceof KafkaError && cause.error === 'KAFKA_STORAGE_ERROR'
      ? 'KAFKA_STORAGE_ERROR'
      : 'COORDINATOR_NOT_AVAILABLE';
  }

  private decode(raw: InternalRecord, offset: Offset): ShareStateRecord | null {
    try {
      return decodeShareStateRecord(raw);
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      const { logger, index } = this.options;
      logger.error({ err: error, partition: index, offset }, 'a record of __share_group_state cannot be understood');
      return null;
    }
  }
}

function replay(states: Map<string, SharePartition>, { type, id, value }: ShareStateRecord, offset: Offset): void {
  const name = shareStateName(id);
  if (value === null) {
    if (type === 'snapshot') states.delete(name);
    return;
  }
  if (type === 'update') {
    const state = states.get(name);
    if (!state?.window) return;
    state.updatesSinceSnapshot++;
    state.window.replay(value.stateBatches);
    if (value.startOffset >= 0) state.window.startAt(value.startOffset);
    return;
  }
  const state = new SharePartition(id);
  state.snapshotEpoch = value.snapshotEpoch;
  state.stateEpoch = value.stateEpoch;
  state.snapshotAtMs = value.createTimestamp;
  state.snapshotOffset = offset;
  if (value.startOffset >= 0) {
    state.window = new ShareWindow(value.startOffset);
    state.window.replay(value.stateBatches);
  }
  states.set(name, state);
}
