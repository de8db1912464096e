/** A coordinator with everything it stands on, all in memory, and short ways to ask it things. Test process. */
import { silentLogger } from '../../src/base/logger.js';
import { TimerWheel } from '../../src/base/timer-wheel.js';
import { randomUuid, type Uuid, ZERO_UUID } from '../../src/base/uuid.js';
import { loadConfig } from '../../src/config/load.js';
import { GroupCoordinator } from '../../src/coordinator/group/group-coordinator.js';
import type { JoinResponse, SyncResponse } from '../../src/coordinator/group/member.js';
import type { JoinRequest } from '../../src/coordinator/group/membership.js';
import type { AskedTopic, CommitRequest, GroupTopics } from '../../src/coordinator/group/offset-rules.js';
import { partitionOf } from '../../src/coordinator/partition-of.js';
import { OFFSETS_TOPIC } from '../../src/metadata/internal-topics.js';
import type { Topic } from '../../src/metadata/topic.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { encodeRecord } from '../../src/protocol/compile.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';
import { FakeClock, idle } from '../base/fake-clock.js';
import { OffsetsLog } from './offsets-log.js';

export const GROUP = 'readers';
export const OFFSETS_PARTITIONS = 50;

class FakeTopics implements GroupTopics {
  private readonly topics = new Map<string, Topic>();
  private readonly listeners: ((topic: Topic) => void)[] = [];
  /** Of topics that come or grow. */
  private readonly changeListeners: ((topic: Topic) => void)[] = [];

  add(name: string, partitions: number, id = randomUuid()): Topic {
    return this.put(name, partitions, id);
  }

  /** The same topic with more partitions. */
  grow(name: string, partitions: number): Topic {
    return this.put(name, partitions, this.topics.get(name)?.id ?? randomUuid());
  }

  private put(name: string, partitions: number, id: Uuid): Topic {
    const handles = Array.from({ length: partitions }, (_, index) => ({ topic: name, index }) as PartitionHandle);
    const topic: Topic = {
      name,
      id,
      internal: name === OFFSETS_TOPIC,
      partitions: handles,
      configs: new Map(),
      logConfig: {} as Topic['logConfig'],
    };
    this.topics.set(name, topic);
    for (const listener of this.changeListeners) listener(topic);
    return topic;
  }

  /** `told` false: as when the process died before anyone heard of it. */
  delete(name: string, told = true): void {
    const topic = this.topics.get(name);
    this.topics.delete(name);
    if (topic && told) for (const listener of this.listeners) listener(topic);
  }

  /** What a new process knows: the topics, and nobody who listens. */
  forgetListeners(): void {
    this.listeners.length = 0;
    this.changeListeners.length = 0;
  }

  get(name: string): Topic | undefined {
    return this.topics.get(name);
  }

  byId(id: Uuid): Topic | undefined {
    return [...this.topics.values()].find((topic) => topic.id === id);
  }

  all(): Iterable<Topic> {
    return this.topics.values();
  }

  onCreated(listener: (topic: Topic) => void): void {
    this.changeListeners.push(listener);
  }

  onGrown(listener: (topic: Topic) => void): void {
    this.changeListeners.push(listener);
  }

  onDeleted(listener: (topic: Topic) => void): void {
    this.listeners.push(listener);
  }
}

export interface JoinAs extends Partial<JoinRequest> {
  readonly version?: number;
  readonly clientId?: string;
}

export class GroupWorld {
  readonly clock = new FakeClock();
  readonly topics = new FakeTopics();
  readonly logs = new Map<number, OffsetsLog>();
  /** What groups set themselves. */
  readonly groupConfigs = new Map<string, ReadonlyMap<string, string>>();
  groups: GroupCoordinator;
  private life = 1;

  private constructor(private readonly overrides: Readonly<Record<string, string>>) {
    this.topics.add('logs', 4);
    this.topics.add('other', 2);
    this.groups = this.coordinator();
  }

  /** A coordinator that has loaded. Its first rebalances begin at once unless `overrides` say otherwise. */
  static async start(overrides: Readonly<Record<string, string>> = {}): Promise<GroupWorld> {
    const world = new GroupWorld({ 'group.initial.rebalance.delay.ms': '0', ...overrides });
    await world.groups.load();
    return world;
  }

  private coordinator(): GroupCoordinator {
    const { config } = loadConfig({ overrides: this.overrides });
    return new GroupCoordinator({
      config,
      groupConfigs: {
        value: (group, name) => config.groupValue(name, this.groupConfigs.get(group) ?? new Map()),
      },
      clock: this.clock,
      wheel: new TimerWheel(this.clock),
      logger: silentLogger,
      topics: this.topics,
      openLog: async (partition) => {
        if (!this.topics.get(OFFSETS_TOPIC)) this.topics.add(OFFSETS_TOPIC, OFFSETS_PARTITIONS);
        return this.log(partition);
      },
      offsetsPartitions: OFFSETS_PARTITIONS,
      shareStates: { forget: async () => 'NONE' },
    });
  }

  /** A process that died, and a new one over the same logs, which were compacted meanwhile: some to the end, some in part. */
  async restart(): Promise<void> {
    this.beginRestart();
    await this.groups.load();
  }

  beginRestart(): void {
    const dead = this.groups;
    this.topics.forgetListeners();
    void dead.close();
    const life = this.life++;
    for (const log of this.logs.values()) {
      if (life % 3 > 0) log.compact(Math.ceil((log.records.length * (life % 3)) / 2), life % 2 === 0);
    }
    this.groups = this.coordinator();
  }

  log(partition = partitionOf(GROUP, OFFSETS_PARTITIONS)): OffsetsLog {
    let log = this.logs.get(partition);
    if (!log) {
      log = new OffsetsLog();
      this.logs.set(partition, log);
    }
    return log;
  }

  async join({ version = 9, clientId = 'client', ...request }: JoinAs = {}): Promise<JoinResponse> {
    return this.groups.join(
      {
        groupId: GROUP,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        memberId: '',
        groupInstanceId: null,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: subscriptionTo('logs') }],
        reason: null,
        ...request,
      },
      { clientId, clientHost: '/127.0.0.1', idBeforeJoin: version >= 4, canSkipAssignment: version >= 9 },
    );
  }

  /** Takes both steps of KIP-394; what comes back waits for the join phase to end. */
  async enter(request: JoinAs = {}): Promise<{ memberId: string; joined: Promise<JoinResponse> }> {
    const { memberId } = await this.join(request);
    const joined = this.join({ ...request, memberId });
    await idle();
    return { memberId, joined };
  }

  async sync(
    memberId: string,
    generationId: number,
    assignments: Readonly<Record<string, string>> = {},
    groupInstanceId: string | null = null,
  ): Promise<SyncResponse> {
    return this.groups.sync({
      groupId: GROUP,
      generationId,
      memberId,
      groupInstanceId,
      protocolType: null,
      protocolName: null,
      assignments: Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) })),
    });
  }

  heartbeat(memberId: string, generationId: number, groupInstanceId: string | null = null) {
    return this.groups.heartbeat({ groupId: GROUP, memberId, generationId, groupInstanceId });
  }

  leave(...memberIds: string[]) {
    return this.groups.leave(
      GROUP,
      memberIds.map((memberId) => ({ memberId, groupInstanceId: null, reason: null })),
    );
  }

  /** A stable group of `count` members, the leader first. Returns their ids and the generation. */
  async stableGroup(count: number, request: JoinAs = {}): Promise<{ ids: string[]; generation: number }> {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) ids.push((await this.join(request)).memberId);
    const joining = ids.map((memberId) => this.join({ ...request, memberId }));
    await this.clock.advanceAndIdle(this.groupDelayMs());
    const joined = await Promise.all(joining);
    const generation = joined[0].generationId ?? -1;
    const assignments = Object.fromEntries(ids.map((id, i) => [id, `part ${i}`]));
    await Promise.all(ids.map((id) => this.sync(id, generation, id === joined[0].leader ? assignments : {})));
    return { ids, generation };
  }

  private groupDelayMs(): number {
    return Number(this.overrides['group.initial.rebalance.delay.ms']);
  }

  state(groupId = GROUP): string {
    return this.groups.describe(groupId, 'NONE').groupState;
  }

  commitRequest(offset: number, request: Partial<CommitRequest> = {}): CommitRequest {
    return {
      groupId: GROUP,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [topicToCommit('logs', 0, offset)],
      ...request,
    };
  }

  /** The error of the first partition. */
  async commit(offset: number, request: Partial<CommitRequest> = {}, version = 9) {
    const topics = await this.groups.commitOffsets(this.commitRequest(offset, request), {
      byId: version >= 10,
      hasMemberEpoch: version >= 9,
      unknownGroup: version >= 9 ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION',
    });
    return topics[0].partitions[0].errorCode;
  }

  /** -1 where there is none. */
  async committed(topic = 'logs', partition = 0, groupId = GROUP): Promise<number> {
    const asked: AskedTopic[] = [{ name: topic, topicId: ZERO_UUID, partitionIndexes: [partition] }];
    const { topics } = await this.groups.fetchOffsets(groupId, asked);
    return topics[0].partitions[0].committedOffset;
  }
}

export function topicToCommit(
  name: string,
  partitionIndex: number,
  committedOffset: number,
  metadata: string | null = '',
) {
  const partition = { partitionIndex, committedOffset, committedLeaderEpoch: -1, committedMetadata: metadata };
  return { name, topicId: ZERO_UUID, partitions: [partition] };
}

export function subscriptionTo(...topics: string[]): Buffer {
  return encodeRecord(consumerProtocolSubscription, 1, { topics, ownedPartitions: [] });
}
