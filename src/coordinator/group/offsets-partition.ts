/** One partition of `__consumer_offsets` with the groups that live in it: replayed from it, written to it. Main thread. */
import type { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import { KafkaError } from '../../base/kafka-error.js';
import type { Logger } from '../../base/logger.js';
import type { InternalLog, InternalRecord } from '../../partition/internal-log.js';
import { MalformedRequestError } from '../../protocol/malformed-request-error.js';
import { GatheredAppends } from '../gathered-appends.js';
import { ClassicGroup } from './classic-group.js';
import { type Group, replayed } from './group.js';
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group-record.js';

const READ_RETRY_MS = 1000;
const NAMED_GROUPS_MAX = 20;

export interface OffsetsPartitionOptions {
  readonly index: number;
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  /** Opens the partition's log, making the topic where it is not there. */
  readonly openLog: (partition: number) => Promise<InternalLog>;
  /** Largest batch that the log takes. */
  readonly batchBytesMax: number;
  /** A group was read from the log: its members count as alive from now on. */
  readonly onRead: (group: Group) => void;
  /** What the group showed may not be in the log: it will be read again, and what waits in it is answered with `error`. */
  readonly onLost: (group: Group, error: ErrorName) => void;
}

export class OffsetsPartition {
  private readonly groups = new Map<string, Group>();
  private readonly appends: GatheredAppends;
  /** By group: the outcome of the last change that is under way. */
  private readonly pending = new Map<string, Promise<ErrorName>>();
  private readonly rereading = new Set<string>();
  private loaded = false;
  private closed = false;
  private log: InternalLog | null = null;

  constructor(private readonly options: OffsetsPartitionOptions) {
    this.appends = new GatheredAppends({
      openLog: async () => {
        this.log ??= await options.openLog(options.index);
        return this.log;
      },
      batchBytesMax: options.batchBytesMax,
      onFailed: (cause) => this.fail(cause),
    });
  }

  /** NONE where `groupId` may be asked for now. */
  availability(groupId: string): ErrorName {
    if (this.closed) return 'COORDINATOR_NOT_AVAILABLE';
    return this.loaded && !this.rereading.has(groupId) ? 'NONE' : 'COORDINATOR_LOAD_IN_PROGRESS';
  }

  get isLoaded(): boolean {
    return this.loaded;
  }

  get(groupId: string): Group | undefined {
    return this.groups.get(groupId);
  }

  getOrCreate(groupId: string): Group {
    let group = this.groups.get(groupId);
    if (!group) {
      group = new ClassicGroup(groupId);
      this.groups.set(groupId, group);
    }
    return group;
  }

  all(): IterableIterator<Group> {
    return this.groups.values();
  }

  forget(group: Group): void {
    if (this.groups.get(group.id) === group) this.groups.delete(group.id);
  }

  /** There is no log yet, so there is nothing to read. */
  startEmpty(): void {
    this.loaded = true;
  }

  /** Resolves once every group is as the log has it. Until then nothing is answered. */
  async load(): Promise<void> {
    const found = await this.read(null);
    if (this.closed) return;
    for (const group of found.values()) this.groups.set(group.id, group);
    this.loaded = true;
    for (const group of found.values()) this.options.onRead(group);
    this.tellOfOpen(found.values());
  }

  /**
   * Replays `records` into `group` at once, which may make it a group of the other type (ask for it anew), and resolves when they are on disk: with NONE, or with what to answer
   * where they are not, in which case the group is read again from the log.
   */
  write(group: Group, records: readonly GroupRecord[]): Promise<ErrorName> {
    const encoded = records.map(encodeGroupRecord);
    const bytes = GatheredAppends.bytesOf(encoded);
    if (bytes > this.options.batchBytesMax) {
      this.options.logger.warn({ group: group.id, bytes }, 'a group’s change is larger than a batch may be');
      void this.reread(new Set([group.id]), 'UNKNOWN_SERVER_ERROR');
      return Promise.resolve('UNKNOWN_SERVER_ERROR');
    }
    let changed = group;
    for (const record of records) changed = replayed(changed, record);
    if (changed !== group && this.groups.get(group.id) === group) this.groups.set(group.id, changed);
    if (changed.isForgettable) this.forget(changed);
    const outcome = this.appends.append(encoded);
    // Many changes of one group share a batch, and so an outcome.
    if (this.pending.get(group.id) !== outcome) {
      this.pending.set(group.id, outcome);
      void outcome.then(() => {
        if (this.pending.get(group.id) === outcome) this.pending.delete(group.id);
      });
    }
    return outcome;
  }

  /** The outcome of the last write that touched `groupId` and is still under way; null where there is none. */
  settled(groupId: string): Promise<ErrorName> | null {
    return this.pending.get(groupId) ?? null;
  }

  /** Nothing is taken any more; resolves when all that was is on disk, or has failed. */
  async close(): Promise<void> {
    this.closed = true;
    for (const group of this.groups.values()) this.options.onLost(group, 'COORDINATOR_NOT_AVAILABLE');
    await this.appends.settled();
  }

  private fail(cause: unknown): ErrorName {
    const { logger, index } = this.options;
    logger.error({ err: cause, partition: index }, 'group changes could not be written; the groups are read again');
    const answer = answerFor(cause);
    void this.reread(new Set(this.pending.keys()), answer);
    return answer;
  }

  private async reread(ids: ReadonlySet<string>, error: ErrorName): Promise<void> {
    const lost = new Map<string, Group>();
    for (const id of ids) {
      this.rereading.add(id);
      const group = this.groups.get(id);
      if (!group) continue;
      lost.set(id, group);
      this.groups.delete(id);
      this.options.onLost(group, error);
    }
    const found = await this.read(ids);
    for (const id of ids) this.rereading.delete(id);
    if (this.closed) return;
    for (const group of found.values()) {
      const before = lost.get(group.id);
      if (before instanceof ClassicGroup && group instanceof ClassicGroup) group.continueFrom(before);
      this.groups.set(group.id, group);
      this.options.onRead(group);
    }
  }

  /** The groups in the log, or only those of `ids`. Tries until the log can be read. */
  private async read(ids: ReadonlySet<string> | null): Promise<Map<string, Group>> {
    const { openLog, index, deadlines, logger } = this.options;
    while (!this.closed) {
      const groups = new Map<string, Group>();
      /** Who has something in the open transaction of each producer. */
      const writers = new Map<number, Set<string>>();
      try {
        this.log ??= await openLog(index);
        await this.log.replay(
          (raw, offset, producerId) => {
            const record = this.decode(raw, offset);
            if (record === null || (ids !== null && !ids.has(record.group))) return;
            const group = groups.get(record.group) ?? new ClassicGroup(record.group);
            if (producerId === null || record.type !== 'offset' || record.value === null) {
              groups.set(record.group, replayed(group, record));
              return;
            }
            groups.set(record.group, group);
            group.offsets.setOpen(producerId, record.topic, record.partition, record.value);
            const writing = writers.get(producerId);
            if (writing) writing.add(record.group);
            else writers.set(producerId, new Set([record.group]));
          },
          (producerId, end) => {
            for (const id of writers.get(producerId) ?? []) groups.get(id)?.offsets.endTransaction(producerId, end);
            writers.delete(producerId);
          },
        );
        for (const group of groups.values()) if (group.isForgettable) groups.delete(group.id);
        return groups;
      } catch (error) {
        logger.warn({ err: error, partition: index }, 'groups could not be read from their log; trying again');
        await deadlines.pause(READ_RETRY_MS);
      }
    }
    return new Map();
  }

  private tellOfOpen(groups: Iterable<Group>): void {
    const open: string[] = [];
    for (const { id, offsets } of groups) if (offsets.hasOpen) open.push(id);
    if (open.length === 0) return;
    this.options.logger.warn(
      { partition: this.options.index, groups: open.slice(0, NAMED_GROUPS_MAX), count: open.length },
      'offsets of transactions that were never ended: what was committed before them counts',
    );
  }

  private decode(raw: InternalRecord, offset: number): GroupRecord | null {
    try {
      return decodeGroupRecord(raw);
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      // The batch's checksum was right, so this is how it was written, by something newer or broken: the rest still counts.
      const { logger, index } = this.options;
      logger.error({ err: error, partition: index, offset }, 'a record of __consumer_offsets cannot be understood');
      return null;
    }
  }
}

/** What members are told where the log refused: something that makes them ask again, as far as asking again can help. */
function answerFor(cause: unknown): ErrorName {
  if (!(cause instanceof KafkaError)) return 'UNKNOWN_SERVER_ERROR';
  switch (cause.error) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return 'UNKNOWN_SERVER_ERROR';
    case 'KAFKA_STORAGE_ERROR':
    case 'NOT_LEADER_OR_FOLLOWER':
      return 'NOT_COORDINATOR';
    default:
      return 'COORDINATOR_NOT_AVAILABLE';
  }
}
