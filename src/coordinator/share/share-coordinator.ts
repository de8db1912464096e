/** Deals records out to the members of share groups and hears what became of them (KIP-932). Main thread. */
import type { Clock } from '../../base/clock.js';
import { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import type { FileRecords } from '../../base/file-slice.js';
import type { Logger } from '../../base/logger.js';
import type { TimerWheel } from '../../base/timer-wheel.js';
import type { LeaderEpoch, Offset } from '../../base/units.js';
import type { Uuid } from '../../base/uuid.js';
import { offsetResetDurationMs } from '../../config/group-settings.js';
import type { BrokerConfig } from '../../config/load.js';
import type { GroupValues } from '../../metadata/group-configs.js';
import { SHARE_STATE_TOPIC } from '../../metadata/internal-topics.js';
import type { Topic } from '../../metadata/topic.js';
import type { InternalLog } from '../../partition/internal-log.js';
import type { PartitionHandle, Partitions } from '../../partition/partitions.js';
import type { Purgatory } from '../../partition/purgatory.js';
import { partitionOf } from '../partition-of.js';
import type { SessionLock, SharePartition } from './share-partition.js';
import { type SessionPartition, type ShareSession, ShareSessions, sessionPartitionKey } from './share-sessions.js';
import { ShareStateLog } from './share-state-log.js';
import { type ShareStateId, shareStateName } from './share-state-record.js';
import { type AcknowledgementBatch, type AcquiredRecords, ARCHIVED, ShareWindow } from './share-window.js';

/** The catalogue, as far as it is needed here. */
export interface SharedTopics {
  get(name: string): Topic | undefined;
  byId(id: Uuid): Topic | undefined;
  onDeleted(listener: (topic: Topic) => void): void;
  readonly nodeEpoch: LeaderEpoch;
}

export interface ShareCoordinatorOptions {
  readonly config: Pick<BrokerConfig, 'get'>;
  readonly groupConfigs: GroupValues;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly logger: Logger;
  readonly topics: SharedTopics;
  readonly partitions: Pick<Partitions, 'watermarks' | 'readRecords' | 'offsetAtTime'>;
  readonly purgatory: Purgatory;
  /** Opens a partition of `__share_group_state`, making the topic where it is not there. */
  readonly openLog: (partition: number) => Promise<InternalLog>;
  readonly deleteBefore: (partition: number, offset: Offset) => Promise<void>;
}

export interface FetchLimits {
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly bytesMin: number;
  /** Never more than `recordsMax`; else whole batches are given. */
  readonly isStrict: boolean;
  readonly waitMs: number;
  readonly connectionClosed: AbortSignal;
}

/** What a member is given of one partition, or why it is not. */
export interface FetchedShare {
  readonly partition: SessionPartition;
  readonly error: ErrorName;
  readonly handle: PartitionHandle | null;
  /** Whole batches: of their records only those that are `acquired` are the member's. */
  readonly records: FileRecords | null;
  readonly acquired: readonly AcquiredRecords[];
}

export interface AcknowledgeOutcome {
  readonly error: ErrorName;
  readonly message: string | null;
}

export interface ShareOffsets {
  readonly error: ErrorName;
  /** -1 where nobody has fetched yet. */
  readonly startOffset: Offset;
  readonly leaderEpoch: LeaderEpoch;
  /** Records that are neither over nor given up; -1 where that is not known. */
  readonly lag: number;
}

/** A partition as it was when its records were looked for. */
interface Look {
  readonly state: SharePartition;
  readonly handle: PartitionHandle;
  readonly changes: number;
  readonly highWatermark: Offset;
}

interface Read {
  readonly partition: SessionPartition;
  readonly state: SharePartition;
  readonly handle: PartitionHandle;
  readonly offset: Offset;
  readonly endOffset: Offset;
  readonly records: FileRecords;
}

const ACKNOWLEDGED_ALL: AcknowledgeOutcome = { error: 'NONE', message: null };

export class ShareCoordinator {
  private readonly deadlines: Deadlines;
  private readonly pruning;
  readonly sessions: ShareSessions;
  /** Empty until `load` is called. */
  private logs: readonly ShareStateLog[] = [];

  constructor(private readonly options: ShareCoordinatorOptions) {
    const { config, wheel, topics } = options;
    this.deadlines = new Deadlines(wheel);
    this.pruning = this.deadlines.create(() => this.prune());
    this.sessions = new ShareSessions(config.get('group.share.max.share.sessions'), (session, inOrder) =>
      this.release(session, inOrder),
    );
    topics.onDeleted(({ id }) => void this.forgetWhere(({ topicId }) => topicId === id));
  }

  /** Reads what is known of share groups' partitions; call it once the topics are. Until then nothing is given out. */
  async load(): Promise<void> {
    const { clock, logger, topics, openLog, deleteBefore, config } = this.options;
    const topic = topics.get(SHARE_STATE_TOPIC);
    const count = topic?.partitions.length ?? config.get('share.coordinator.state.topic.num.partitions');
    this.logs = Array.from({ length: count }, (_, index) => {
      return new ShareStateLog({
        index,
        clock,
        deadlines: this.deadlines,
        logger,
        openLog,
        deleteBefore,
        batchBytesMax: config.get('message.max.bytes'),
        updatesPerSnapshot: config.get('share.coordinator.snapshot.update.records.per.snapshot'),
        leaderEpoch: () => topics.nodeEpoch,
        onLost: (state) => this.letGo(state),
      });
    });
    this.deadlines.set(this.pruning, config.get('share.coordinator.state.topic.prune.interval.ms'));
    if (topic === undefined) {
      for (const log of this.logs) log.startEmpty();
      return;
    }
    await Promise.all(this.logs.map((log) => log.load()));
    // Topics may have gone while nobody watched.
    void this.forgetWhere(({ topicId }) => topics.byId(topicId) === undefined);
  }

  /** Resolves when everything that was decided is on disk. */
  async close(): Promise<void> {
    this.deadlines.close();
    await Promise.all(this.logs.map((log) => log.close()));
  }

  /**
   * Acquires records for the session's member in the partitions it reads; waits for some where there are none. What it is
   * given is kept for it until it says what became of it, its lock ends, or its session does.
   */
  async fetch(
    session: ShareSession,
    mayRead: (partition: SessionPartition) => boolean,
    limits: FetchLimits,
  ): Promise<FetchedShare[]> {
    const { clock, partitions, purgatory } = this.options;
    const deadlineMs = purgatory.deadlineMs(limits.waitMs);
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs();
      const isLast = leftMs <= 0 || purgatory.closed;
      const looks: Look[] = [];
      const fetched = await this.look(session, mayRead, isLast ? { ...limits, bytesMin: 0 } : limits, looks);
      if (fetched.length > 0 || isLast || session.isClosed || limits.connectionClosed.aborted) return fetched;
      // Something may have come while other partitions were being looked at: then there is nothing to wait for.
      const hasMoved = looks.some(
        ({ state, handle, changes, highWatermark }) =>
          state.changes !== changes || partitions.watermarks(handle).highWatermark !== highWatermark,
      );
      if (hasMoved) continue;
      await new Promise<void>((resolve) => {
        const waitMs = Math.max(0, deadlineMs - clock.monotonicMs());
        const handles = looks.map(({ handle }) => handle);
        const states = looks.map(({ state }) => state);
        purgatory.park(handles, waitMs, limits.connectionClosed, resolve, states);
      });
    }
  }

  /** One after the other: most fetches have enough before they have asked everywhere. */
  private async look(
    session: ShareSession,
    mayRead: (partition: SessionPartition) => boolean,
    limits: FetchLimits,
    looks: Look[],
  ): Promise<FetchedShare[]> {
    const fetched: FetchedShare[] = [];
    const reads: Read[] = [];
    let recordsLeft = limits.recordsMax;
    let bytesLeft = limits.bytesMax;
    try {
      for (const partition of [...session.partitions.values()]) {
        if (recordsLeft <= 0 || (bytesLeft <= 0 && reads.length > 0)) break;
        const found = await this.find(session.groupId, partition, mayRead, recordsLeft, bytesLeft, looks);
        if (found === null) continue;
        if (typeof found === 'string') {
          fetched.push({ partition, error: found, handle: null, records: null, acquired: [] });
          continue;
        }
        reads.push(found);
        recordsLeft -= found.endOffset - found.offset;
        bytesLeft -= found.records.byteLength;
      }
      if (session.isClosed || limits.bytesMax - bytesLeft < limits.bytesMin) return fetched;
      let toAcquire = limits.isStrict ? limits.recordsMax : Number.POSITIVE_INFINITY;
      for (const read of reads) {
        const acquired = this.acquire(session, read, toAcquire);
        for (const { firstOffset, lastOffset } of acquired) toAcquire -= lastOffset - firstOffset + 1;
        if (acquired.length === 0) continue;
        const { partition, handle, records } = read;
        fetched.push({ partition, error: 'NONE', handle, records, acquired });
        // Whoever had its say goes to the end, so that a full answer starves nobody.
        const key = sessionPartitionKey(partition);
        if (session.partitions.delete(key)) session.partitions.set(key, partition);
      }
      return fetched;
    } finally {
      for (const { state } of reads) state.isBeingRead = false;
      // Others waited for their turn; where nothing was acquired for want of more, there is nothing for them either.
      if (session.isClosed || fetched.length > 0) for (const { state, handle } of reads) this.tell(state, handle);
    }
  }

  /** Records of one partition, which is then `isBeingRead`; null where there are none now. */
  private async find(
    groupId: string,
    partition: SessionPartition,
    mayRead: (partition: SessionPartition) => boolean,
    recordsMax: number,
    bytesMax: number,
    looks: Look[],
  ): Promise<Read | ErrorName | null> {
    const { topics, partitions } = this.options;
    const topic = topics.byId(partition.topicId);
    if (topic === undefined) return 'UNKNOWN_TOPIC_ID';
    const handle = topic.partitions[partition.index];
    if (handle === undefined || !mayRead(partition)) return 'UNKNOWN_TOPIC_OR_PARTITION';
    if (handle.state !== 'online') return handle.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER';
    const id = { groupId, topicId: partition.topicId, partition: partition.index };
    const log = this.logOf(id);
    if (log.availability !== 'NONE') return 'NOT_LEADER_OR_FOLLOWER';
    const state = log.getOrMake(id);
    if (state.window === null) {
      state.beginning ??= this.begin(state, log, handle).finally(() => {
        state.beginning = null;
      });
      await state.beginning;
    }
    const { window } = state;
    if (window === null || state.isLost) return 'NOT_LEADER_OR_FOLLOWER';
    const { highWatermark, logStartOffset } = partitions.watermarks(handle);
    this.fitToLog(state, log, logStartOffset, highWatermark);
    looks.push({ state, handle, changes: state.changes, highWatermark });
    if (state.isBeingRead) return null;
    const next = window.next(highWatermark, this.inFlightMax(groupId));
    if (next === null) return null;
    const { offset, upTo } = next;
    state.isBeingRead = true;
    let found: Read | null = null;
    try {
      const { error, records, endOffset } = await partitions.readRecords(handle, offset, upTo, {
        bytesMax,
        recordsMax,
      });
      if (state.isLost) return 'NOT_LEADER_OR_FOLLOWER';
      if (error !== 'NONE') return error === 'OFFSET_OUT_OF_RANGE' ? null : error;
      if (records !== null) {
        found = { partition, state, handle, offset, endOffset, records };
        return found;
      }
      // Offsets without records, as compaction leaves them: nobody can be given any.
      const [firstOffset, lastOffset] = [Math.max(offset, window.startOffset), endOffset - 1];
      if (firstOffset <= lastOffset) {
        void this.change(state, log, [{ firstOffset, lastOffset, deliveryState: ARCHIVED, deliveryCount: 0 }]);
      }
      return null;
    } finally {
      // Whoever was given something to acquire ends this itself.
      state.isBeingRead = found !== null;
    }
  }

  private acquire(session: ShareSession, read: Read, recordsMax: number): readonly AcquiredRecords[] {
    const { state, offset, endOffset } = read;
    const { window } = state;
    if (window === null || state.isLost || recordsMax <= 0) return [];
    const lock = this.newLock(state, session);
    const acquired = window.acquire(Math.max(offset, window.startOffset), endOffset, recordsMax, lock);
    this.dropIdleLocks(state);
    return acquired;
  }

  private newLock(state: SharePartition, session: ShareSession): SessionLock {
    const { memberId, groupId } = session;
    const deadline = this.deadlines.create(() => this.expire(state, lock));
    const lock: SessionLock = { session, memberId, held: 0, deadline };
    state.locks.add(lock);
    session.acquiredFrom.add(state);
    this.deadlines.set(deadline, this.lockDurationMs(groupId));
    return lock;
  }

  /** How long records are kept for who acquired them. */
  lockDurationMs(groupId: string): number {
    return this.options.groupConfigs.value(groupId, 'share.record.lock.duration.ms');
  }

  /** What a member says of records that it was given: all of it counts, or none. Resolves when it is on disk. */
  async acknowledge(
    groupId: string,
    session: ShareSession,
    { topicId, index }: SessionPartition,
    batches: readonly AcknowledgementBatch[],
  ): Promise<AcknowledgeOutcome> {
    const { groupConfigs, topics } = this.options;
    if (topics.byId(topicId)?.partitions[index] === undefined) return failed('UNKNOWN_TOPIC_OR_PARTITION');
    const id = { groupId, topicId, partition: index };
    const log = this.logOf(id);
    if (log.availability !== 'NONE') return failed('NOT_LEADER_OR_FOLLOWER');
    const state = log.get(id);
    if (!state?.window) return failed('INVALID_RECORD_STATE');
    const decision = state.window.decideAcknowledgement(session.memberId, batches, this.deliveriesMax(groupId));
    if (decision.error !== 'NONE') return decision;
    const { changes, renewals } = decision;
    if (renewals.length > 0) {
      if (!groupConfigs.value(groupId, 'share.renew.acknowledge.enable')) {
        return failed('INVALID_REQUEST', 'share.renew.acknowledge.enable is false for this group.');
      }
      const lock = this.newLock(state, session);
      for (const { firstOffset, lastOffset } of renewals) state.window.relock(firstOffset, lastOffset, lock);
      this.dropIdleLocks(state);
    }
    // What is over already may not be on disk yet.
    const error = await (changes.length > 0 ? this.change(state, log, changes) : log.settled());
    return error === 'NONE' ? ACKNOWLEDGED_ALL : failed(error);
  }

  /** How far the group has come in a partition. */
  offsets(groupId: string, handle: PartitionHandle): ShareOffsets {
    const { partitions } = this.options;
    const id = { groupId, topicId: handle.topicId, partition: handle.index };
    const log = this.logOf(id);
    const error = log.availability;
    const none = { startOffset: -1, leaderEpoch: 0, lag: -1 };
    if (error !== 'NONE') return { error, ...none };
    const window = log.get(id)?.window;
    if (!window || handle.state !== 'online') return { error, ...none };
    const { highWatermark, leaderEpoch } = partitions.watermarks(handle);
    const { startOffset, deliveryCompleteCount } = window;
    return { error, startOffset, leaderEpoch, lag: Math.max(0, highWatermark - startOffset - deliveryCompleteCount) };
  }

  /** The group, which has no members, goes on from another offset; what it was about is forgotten. */
  setOffset(groupId: string, handle: PartitionHandle, startOffset: Offset): Promise<ErrorName> {
    const id = { groupId, topicId: handle.topicId, partition: handle.index };
    const log = this.logOf(id);
    if (log.availability !== 'NONE') return Promise.resolve(log.availability);
    const state = log.getOrMake(id);
    for (const lock of state.locks) this.deadlines.clear(lock.deadline);
    state.locks.clear();
    state.window = new ShareWindow(startOffset);
    state.stateEpoch++;
    state.changed();
    return log.writeSnapshot(state);
  }

  /** Forgets the group's state in all partitions of the topics; resolves once that is on disk, or with why it is not. */
  forget(groupId: string, topicIds: ReadonlySet<Uuid>): Promise<ErrorName> {
    return this.forgetWhere((id) => id.groupId === groupId && topicIds.has(id.topicId));
  }

  private async forgetWhere(isOver: (id: ShareStateId) => boolean): Promise<ErrorName> {
    const unavailable = this.logs.find(({ availability }) => availability !== 'NONE')?.availability;
    if (unavailable !== undefined) return unavailable;
    const removals = this.logs.flatMap((log) =>
      [...log.all()].filter(({ id }) => isOver(id)).map((state) => log.remove(state)),
    );
    return (await Promise.all(removals)).find((error) => error !== 'NONE') ?? 'NONE';
  }

  private logOf(id: ShareStateId): ShareStateLog {
    return this.logs[partitionOf(shareStateName(id), this.logs.length)];
  }

  private inFlightMax(groupId: string): number {
    return this.options.groupConfigs.value(groupId, 'share.partition.max.record.locks');
  }

  private deliveriesMax(groupId: string): number {
    return this.options.groupConfigs.value(groupId, 'share.delivery.count.limit');
  }

  /** Decides where a group begins in a partition, and has it written down: a group that begins at the end misses nothing from now on. */
  private async begin(state: SharePartition, log: ShareStateLog, handle: PartitionHandle): Promise<void> {
    const { partitions, groupConfigs, clock } = this.options;
    const reset = groupConfigs.value(state.id.groupId, 'share.auto.offset.reset');
    const { logStartOffset, highWatermark } = partitions.watermarks(handle);
    let offset = reset === 'earliest' ? logStartOffset : highWatermark;
    const durationMs = offsetResetDurationMs(reset);
    if (durationMs !== null) {
      const found = await partitions.offsetAtTime(handle, Math.max(0, clock.nowMs() - durationMs));
      if (found.error !== 'NONE') return;
      if (found.offset >= 0) offset = found.offset;
    }
    if (state.isLost || state.window !== null) return;
    state.window = new ShareWindow(offset);
    await log.writeSnapshot(state);
  }

  /** Records may have been deleted, or lost in a crash of the machine. */
  private fitToLog(state: SharePartition, log: ShareStateLog, logStartOffset: Offset, highWatermark: Offset): void {
    const window = state.window as ShareWindow;
    if (window.endOffset > highWatermark) {
      this.options.logger.warn(
        { ...state.id, endOffset: window.endOffset, highWatermark },
        'a share group knows records that its log has lost; it will read those that come in their place',
      );
      window.endAt(highWatermark);
      this.dropIdleLocks(state);
      void log.writeSnapshot(state);
    }
    if (window.startOffset >= logStartOffset) return;
    window.startAt(logStartOffset);
    this.dropIdleLocks(state);
    void log.change(state, []);
  }

  private change(
    state: SharePartition,
    log: ShareStateLog,
    changes: Parameters<ShareStateLog['change']>[1],
  ): Promise<ErrorName> {
    const { topicId, partition } = state.id;
    const written = log.change(state, changes);
    this.dropIdleLocks(state);
    this.tell(state, this.options.topics.byId(topicId)?.partitions[partition]);
    return written;
  }

  /** Wakes who waits, where there is something to be had. */
  private tell(state: SharePartition, handle: PartitionHandle | undefined): void {
    if (handle === undefined || state.window === null) return;
    const { highWatermark } = this.options.partitions.watermarks(handle);
    if (state.window.next(highWatermark, this.inFlightMax(state.id.groupId)) !== null) state.changed();
  }

  private dropIdleLocks(state: SharePartition): void {
    for (const lock of state.locks) {
      if (lock.held > 0) continue;
      this.deadlines.clear(lock.deadline);
      state.locks.delete(lock);
    }
  }

  /** Its member took too long: others get their turn. */
  private expire(state: SharePartition, lock: SessionLock): void {
    this.giveBack(state, (candidate) => candidate === lock, true);
  }

  /** A member that dies over a record must not have it for ever: for it that counts as a delivery. */
  private release(session: ShareSession, inOrder: boolean): void {
    for (const state of session.acquiredFrom) {
      this.giveBack(state, (lock) => (lock as SessionLock).session === session, !inOrder);
    }
    session.acquiredFrom.clear();
  }

  private giveBack(
    state: SharePartition,
    isLost: Parameters<ShareWindow['decideRelease']>[0],
    delivered: boolean,
  ): void {
    const { window, id } = state;
    if (window === null || state.isLost) return;
    const changes = window.decideRelease(isLost, delivered, this.deliveriesMax(id.groupId));
    // Nobody waits for this; after a crash it is all available anyway.
    if (changes.length > 0) void this.change(state, this.logOf(id), changes);
    else this.dropIdleLocks(state);
  }

  private letGo(state: SharePartition): void {
    for (const lock of state.locks) this.deadlines.clear(lock.deadline);
    state.locks.clear();
    state.changed();
  }

  private prune(): void {
    this.deadlines.set(this.pruning, this.options.config.get('share.coordinator.state.topic.prune.interval.ms'));
    for (const log of this.logs) void log.prune();
  }
}

function failed(error: ErrorName, message: string | null = null): AcknowledgeOutcome {
  return { error, message };
}
