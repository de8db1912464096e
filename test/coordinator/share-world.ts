/** A share coordinator with everything it stands on, all in memory, and short ways to ask it things. Test process. */
import assert from 'node:assert/strict';
import { silentLogger } from '../../src/base/logger.js';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import { randomUuid, type Uuid } from '../../src/base/uuid.js';
import { loadConfig } from '../../src/config/load.js';
import { type FetchLimits, ShareCoordinator } from '../../src/coordinator/share/share-coordinator.js';
import type { ShareSession } from '../../src/coordinator/share/share-sessions.js';
import { SHARE_STATE_TOPIC } from '../../src/metadata/internal-topics.js';
import type { Topic } from '../../src/metadata/topic.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { Purgatory } from '../../src/partition/purgatory.js';
import { FakeClock, idle } from '../base/fake-clock.js';
import { OffsetsLog } from './offsets-log.js';

export const GROUP = 'queue';
const STATE_PARTITIONS = 4;
/** Records lie in batches of so many. */
const BATCH = 5;

/** One topic of two partitions, and a disk that outlives its coordinator. */
export class ShareWorld {
  readonly clock = new FakeClock();
  readonly logs = Array.from({ length: STATE_PARTITIONS }, () => new OffsetsLog());
  readonly handles: { topic: string; topicId: Uuid; index: number; state: string; traffic: object }[];
  /** Of each record. */
  recordBytes = 10;
  readonly ends = [
    { start: 0, end: 0 },
    { start: 0, end: 0 },
  ];
  readonly groupConfig = new Map([['share.auto.offset.reset', 'earliest']]);
  readonly deleted: { partition: number; offset: number }[] = [];
  private readonly connections = new Map<ShareSession, AbortController>();
  private progressListeners = new Set<() => void>();
  private deletedListeners: ((topic: Topic) => void)[] = [];
  private stateTopicExists = false;
  topicExists = true;
  /** No offset below has a record. */
  emptyBelow = 0;
  purgatory!: Purgatory;
  shares!: ShareCoordinator;

  static async start(overrides: Readonly<Record<string, string>> = {}, topicId = randomUuid()): Promise<ShareWorld> {
    const world = new ShareWorld(overrides, topicId);
    await world.restart();
    return world;
  }

  private constructor(
    private readonly overrides: Readonly<Record<string, string>>,
    readonly topicId: Uuid,
  ) {
    this.handles = [0, 1].map((index) => ({
      topic: 'jobs',
      topicId,
      index,
      state: 'online',
      traffic: { readBytes: 0 },
    }));
  }

  /** Whoever was there before is dead: it writes nothing any more. */
  async restart(): Promise<void> {
    const { config } = loadConfig({
      overrides: {
        'share.coordinator.state.topic.num.partitions': String(STATE_PARTITIONS),
        ...this.overrides,
      },
    });
    void this.shares?.close();
    this.connections.clear();
    this.progressListeners = new Set();
    this.deletedListeners = [];
    const { clock } = this;
    const wheel = new TimerWheel(clock);
    this.purgatory = new Purgatory(
      {
        onProgress: (_handle, listener) => {
          this.progressListeners.add(listener);
          return () => this.progressListeners.delete(listener);
        },
      },
      clock,
      wheel,
    );
    const stateTopic = { name: SHARE_STATE_TOPIC, partitions: this.logs } as unknown as Topic;
    this.shares = new ShareCoordinator({
      config,
      groupConfigs: { value: (_group, name) => config.groupValue(name, this.groupConfig) },
      clock,
      wheel,
      logger: silentLogger,
      topics: {
        nodeEpoch: 0,
        get: (name) => (name === SHARE_STATE_TOPIC && this.stateTopicExists ? stateTopic : undefined),
        byId: (id) => (this.topicExists && id === this.topicId ? this.topic : undefined),
        onDeleted: (listener) => void this.deletedListeners.push(listener),
      },
      partitions: {
        watermarks: ({ index }) => {
          const { start, end } = this.ends[index];
          return {
            logStartOffset: start,
            flushedEndOffset: end,
            highWatermark: end,
            lastStableOffset: end,
            logEndOffset: end,
            leaderEpoch: 0,
          };
        },
        readRecords: async ({ index }, offset, upTo, { recordsMax }) => {
          await idle();
          if (offset < this.emptyBelow) {
            return { error: 'NONE', records: null, endOffset: Math.min(upTo, this.emptyBelow) };
          }
          const batches = Math.ceil(((offset % BATCH) + recordsMax) / BATCH);
          const wanted = offset - (offset % BATCH) + batches * BATCH;
          const inRange = Math.ceil(upTo / BATCH) * BATCH;
          const endOffset = Math.min(wanted, inRange, this.ends[index].end);
          const byteLength = (endOffset - offset) * this.recordBytes;
          return { error: 'NONE', records: { byteLength, slices: [] }, endOffset };
        },
        offsetAtTime: async () => ({ error: 'NONE', offset: 7, timestampMs: 0, leaderEpoch: 0 }),
      },
      purgatory: this.purgatory,
      openLog: async (partition) => {
        this.stateTopicExists = true;
        return this.logs[partition];
      },
      deleteBefore: async (partition, offset) => void this.deleted.push({ partition, offset }),
    });
    await this.shares.load();
  }

  get topic(): Topic {
    return { name: 'jobs', id: this.topicId, partitions: this.handles } as unknown as Topic;
  }

  produce(records: number, index = 0): void {
    this.ends[index].end += records;
    for (const listener of [...this.progressListeners]) listener();
  }

  deleteTopic(): void {
    this.topicExists = false;
    for (const listener of this.deletedListeners) listener({ id: this.topicId } as Topic);
  }

  open(memberId: string, ...indexes: number[]): ShareSession {
    const connection = new AbortController();
    const session = this.shares.sessions.open(GROUP, memberId, connection.signal);
    assert.ok(typeof session === 'object', String(session));
    this.connections.set(session, connection);
    for (const index of indexes.length > 0 ? indexes : [0]) {
      session.partitions.set(`${this.topicId}:${index}`, { topicId: this.topicId, index });
    }
    return session;
  }

  disconnect(session: ShareSession): void {
    this.connections.get(session)?.abort();
  }

  /** What is acquired, as `partition:first-last×deliveries`. */
  async fetch(session: ShareSession, limits: Partial<FetchLimits> = {}): Promise<string> {
    const fetched = await this.shares.fetch(session, () => true, {
      recordsMax: 500,
      bytesMax: 1_000_000,
      bytesMin: 1,
      isStrict: false,
      waitMs: 0,
      connectionClosed: this.connections.get(session)?.signal ?? new AbortController().signal,
      ...limits,
    });
    return fetched
      .flatMap(({ partition: { index }, error, acquired }) =>
        error === 'NONE'
          ? acquired.map((each) => `${index}:${each.firstOffset}-${each.lastOffset}×${each.deliveryCount}`)
          : [`${index}:${error}`],
      )
      .join(' ');
  }

  async say(session: ShareSession, firstOffset: number, lastOffset: number, type: number, index = 0): Promise<string> {
    const batches = [{ firstOffset, lastOffset, acknowledgeTypes: [type] }];
    const { error } = await this.shares.acknowledge(GROUP, session, { topicId: this.topicId, index }, batches);
    return error;
  }

  offsets(index = 0) {
    const { startOffset, lag } = this.shares.offsets(GROUP, this.handles[index] as unknown as PartitionHandle);
    return { startOffset, lag };
  }
}
