/** The coordinator of all groups, classic ones, those of KIP-848 and share groups: finds a request's group, lets the rules decide, answers when it is on disk. Main thread. */
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import type { Logger } from '../../base/logger.js';
import type { TimerWheel } from '../../base/timer-wheel.js';
import type { Uuid } from '../../base/uuid.js';
import type { BrokerConfig } from '../../config/load.js';
import type { GroupValues } from '../../metadata/group-configs.js';
import { OFFSETS_TOPIC } from '../../metadata/internal-topics.js';
import type { Topic } from '../../metadata/topic.js';
import type { InternalLog } from '../../partition/internal-log.js';
import type { describeGroups } from '../../protocol/messages/15-describe-groups.js';
import type { listGroups } from '../../protocol/messages/16-list-groups.js';
import type { ResponseOf } from '../../protocol/schema.js';
import { partitionOf } from '../partition-of.js';
import { ClassicGroup } from './classic-group.js';
import { ClassicMembers } from './classic-members.js';
import type { ConsumerHeartbeatRequest, HeartbeatContext } from './consumer-decisions.js';
import { ConsumerGroup } from './consumer-group.js';
import {
  type ConsumerGroupEnvironment,
  type ConsumerHeartbeatResponse,
  ConsumerMembership,
  type DescribedConsumerGroup,
  refused,
} from './consumer-membership.js';
import type { Group } from './group.js';
import { joinError, syncError } from './group-answers.js';
import type { GroupEnvironment } from './group-environment.js';
import type { GroupRecord } from './group-record.js';
import { type JoinResponse, NAME_CHARS_MAX, NO_BYTES, type SyncResponse } from './member.js';
import { MemberConnections } from './member-connections.js';
import {
  type HeartbeatRequest,
  hasKeepableNames,
  type JoinContext,
  type JoinRequest,
  type LeaveRequest,
  type LeaveResponse,
  Membership,
  type SyncRequest,
} from './membership.js';
import {
  type AskedTopic,
  type CommitRequest,
  type CommittedTopic,
  checkCommit,
  checkFetch,
  checkOffsetDelete,
  type DeletedTopic,
  decideCommit,
  decideOffsetDelete,
  type FetchedTopic,
  fetchOffsets,
  type GroupTopics,
  type OffsetDeleteRequest,
  refuseCommit,
  tombstonesOfExpired,
  tombstonesOfGroup,
  tombstonesOfLostTopics,
  tombstonesOfTopic,
  withCommitError,
} from './offset-rules.js';
import { OffsetsPartition } from './offsets-partition.js';
import { decideAdopting, decideForgetting, type ShareHeartbeatRequest } from './share-decisions.js';
import { ShareGroup } from './share-group.js';
import {
  type DescribedShareGroup,
  refusedShare,
  type ShareHeartbeatResponse,
  ShareMembership,
} from './share-membership.js';

const MS_PER_MINUTE = 60_000;
const DEAD_STATE = 'Dead';

export type ListedGroup = ResponseOf<typeof listGroups>['groups'][number];
export type DescribedGroup = ResponseOf<typeof describeGroups>['groups'][number];

export interface GroupCoordinatorOptions {
  readonly config: Pick<BrokerConfig, 'get'>;
  readonly groupConfigs: GroupValues;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly logger: Logger;
  readonly topics: GroupTopics;
  /** Opens one partition of `__consumer_offsets`, making the topic where it is not there. */
  readonly openLog: (partition: number) => Promise<InternalLog>;
  /** How many partitions `__consumer_offsets` gets when it is made. */
  readonly offsetsPartitions: number;
  readonly shareStates: ShareStates;
}

/** How a group's offsets are asked for, where not by anybody, by name, and as they are now. */
export interface FetchOptions {
  /** Topics are named by id (OffsetFetch 10). */
  readonly byId?: boolean;
  /** Who asks, from OffsetFetch 9 on. */
  readonly memberId?: string | null;
  readonly memberEpoch?: number;
  /** What a transaction may still change is refused (OffsetFetch 7). */
  readonly requireStable?: boolean;
}

/** What share groups keep outside of their own records: what became of each record that they read. */
export interface ShareStates {
  /** Forgets the group's state in all partitions of the topics; resolves once that is on disk, or with why it is not. */
  forget(groupId: string, topicIds: ReadonlySet<Uuid>): Promise<ErrorName>;
}

export interface FetchedOffsets {
  readonly errorCode: ErrorName;
  readonly topics: FetchedTopic[];
}

export class GroupCoordinator {
  private readonly deadlines: Deadlines;
  private readonly membership: Membership;
  private readonly consumers: ConsumerMembership;
  private readonly shares: ShareMembership;
  private readonly classicMembers: ClassicMembers;
  private readonly expiry;
  private readonly connections = new MemberConnections((groupId, memberId) => this.disconnected(groupId, memberId));
  /** Empty until `load` is called. */
  private partitions: readonly OffsetsPartition[] = [];

  constructor(private readonly options: GroupCoordinatorOptions) {
    const { config, groupConfigs, clock, wheel, logger, topics } = options;
    this.deadlines = new Deadlines(wheel);
    const env: GroupEnvironment = {
      config,
      groupConfigs,
      clock,
      logger,
      deadlines: this.deadlines,
      write: (group, records) => this.partitionFor(group.id).write(group, records),
      settled: (group) => this.partitionFor(group.id).settled(group.id),
      forget: (group) => this.partitionFor(group.id).forget(group),
    };
    this.membership = new Membership(env);
    const finding = {
      topics,
      find: (groupId: string) => this.partitionFor(groupId).get(groupId),
      findOrMake: (groupId: string) => this.partitionFor(groupId).getOrCreate(groupId),
    };
    this.shares = new ShareMembership({ ...env, ...finding });
    const consumerEnv: ConsumerGroupEnvironment = {
      ...env,
      ...finding,
      abandonClassic: (group) => this.membership.rebalance.abandon(group, 'REBALANCE_IN_PROGRESS'),
      startClassic: (group) => this.membership.rebalance.restart(group, 'the group was a consumer group'),
    };
    this.consumers = new ConsumerMembership(consumerEnv);
    this.classicMembers = new ClassicMembers(consumerEnv, this.consumers);
    this.expiry = this.deadlines.create(() => this.expireOffsets());
    topics.onCreated((topic) => this.topicChanged(topic));
    topics.onGrown((topic) => this.topicChanged(topic));
    topics.onDeleted((topic) => {
      this.topicChanged(topic);
      this.dropOffsetsOf(topic);
    });
  }

  /**
   * Reads the groups from their log; call it once the topics are known. Requests that come before a group's partition
   * is read are answered COORDINATOR_LOAD_IN_PROGRESS.
   */
  async load(): Promise<void> {
    const { logger, topics, openLog, offsetsPartitions, config } = this.options;
    const topic = topics.get(OFFSETS_TOPIC);
    const batchBytesMax = config.get('message.max.bytes');
    this.partitions = Array.from({ length: topic?.partitions.length ?? offsetsPartitions }, (_, index) => {
      return new OffsetsPartition({
        index,
        deadlines: this.deadlines,
        logger,
        openLog,
        batchBytesMax,
        onRead: (group) => this.takeOver(group),
        onLost: (group, error) => this.abandon(group, error),
      });
    });
    this.scheduleExpiry();
    if (topic) await Promise.all(this.partitions.map((partition) => partition.load()));
    else for (const partition of this.partitions) partition.startEmpty();
  }

  /** Answers all that waits, and resolves when everything that was decided is on disk. */
  async close(): Promise<void> {
    this.deadlines.close();
    await Promise.all(this.partitions.map((partition) => partition.close()));
  }

  join(request: JoinRequest, context: JoinContext): JoinResponse | Promise<JoinResponse> {
    const { groupId, memberId, sessionTimeoutMs } = request;
    const error = this.membershipError(groupId);
    if (error !== 'NONE') return joinError(error, memberId);
    const { config } = this.options;
    if (
      sessionTimeoutMs < config.get('group.min.session.timeout.ms') ||
      sessionTimeoutMs > config.get('group.max.session.timeout.ms')
    ) {
      return joinError('INVALID_SESSION_TIMEOUT', memberId);
    }
    if (!hasKeepableNames(request)) return joinError('INVALID_REQUEST', memberId);
    const partition = this.partitionFor(groupId);
    const found = partition.get(groupId);
    if (!found && memberId !== '') return joinError('UNKNOWN_MEMBER_ID', memberId);
    if (found instanceof ShareGroup) return joinError('INCONSISTENT_GROUP_PROTOCOL', memberId);
    if (found instanceof ConsumerGroup && found.members.size > 0) {
      return this.classicMembers.join(found, request, context);
    }
    // A consumer group that is empty becomes a classic one when a member of that protocol joins.
    if (found instanceof ConsumerGroup) this.writeUnasked(found, found.tombstones());
    const group = partition.getOrCreate(groupId);
    assert(group instanceof ClassicGroup, 'a group is classic until a record says otherwise');
    const answer = this.membership.join(group, request, context);
    // Where the first to ask was refused, there was never a group.
    if (group.isForgettable) partition.forget(group);
    return answer;
  }

  sync(request: SyncRequest): SyncResponse | Promise<SyncResponse> {
    const error = this.membershipError(request.groupId);
    if (error !== 'NONE') return syncError(error);
    const group = this.partitionFor(request.groupId).get(request.groupId);
    if (group instanceof ConsumerGroup) return this.classicMembers.sync(group, request);
    return group instanceof ClassicGroup ? this.membership.sync(group, request) : syncError('UNKNOWN_MEMBER_ID');
  }

  heartbeat(request: HeartbeatRequest): ErrorName {
    const error = this.membershipError(request.groupId);
    if (error !== 'NONE') return error;
    const group = this.partitionFor(request.groupId).get(request.groupId);
    if (group instanceof ConsumerGroup) return this.classicMembers.heartbeat(group, request);
    return group instanceof ClassicGroup ? this.membership.heartbeat(group, request) : 'UNKNOWN_MEMBER_ID';
  }

  /** The member spoke over a connection: by `group.leave.on.disconnect` it is gone when that closes. */
  heardOver(groupId: string, memberId: string, connection: { readonly closed: AbortSignal }): void {
    if (!this.options.config.get('group.leave.on.disconnect') || this.membershipError(groupId) !== 'NONE') return;
    const group = this.partitionFor(groupId).get(groupId);
    if (group?.members.has(memberId)) this.connections.heard(groupId, memberId, connection.closed);
  }

  private disconnected(groupId: string, memberId: string): void {
    if (this.membershipError(groupId) !== 'NONE') return;
    const reason = 'its connection closed';
    const group = this.partitionFor(groupId).get(groupId);
    if (group instanceof ClassicGroup) this.membership.disconnected(group, memberId, reason);
    else if (group instanceof ConsumerGroup) this.consumers.disconnected(group, memberId, reason);
    else if (group) this.shares.fence(group, memberId, reason);
  }

  async leave(groupId: string, members: LeaveRequest['members']): Promise<LeaveResponse> {
    const errorCode = this.membershipError(groupId);
    if (errorCode !== 'NONE') return { errorCode, members: [] };
    const group = this.partitionFor(groupId).get(groupId);
    if (group instanceof ConsumerGroup) return { errorCode, members: await this.classicMembers.leave(group, members) };
    if (group instanceof ClassicGroup) return { errorCode, members: this.membership.leave(group, members) };
    return { errorCode, members: members.map((member) => ({ ...member, errorCode: 'UNKNOWN_MEMBER_ID' as const })) };
  }

  /** A member of a consumer group joins, is alive, or leaves (KIP-848). */
  consumerHeartbeat(
    request: ConsumerHeartbeatRequest,
    context: HeartbeatContext,
  ): ConsumerHeartbeatResponse | Promise<ConsumerHeartbeatResponse> {
    const error = this.availability(request.groupId);
    if (error !== 'NONE') return refused(error);
    return this.consumers.heartbeat(request, context);
  }

  /** A member of a share group joins, is alive, or leaves (KIP-932). */
  shareHeartbeat(
    request: ShareHeartbeatRequest,
    context: { readonly clientId: string | null; readonly clientHost: string },
  ): ShareHeartbeatResponse | Promise<ShareHeartbeatResponse> {
    const error = this.availability(request.groupId);
    return error === 'NONE' ? this.shares.heartbeat(request, context) : refusedShare(error);
  }

  /**
   * `byId`: topics are named by id (OffsetCommit 10). `hasMemberEpoch`: OffsetCommit 9 and later. `unknownGroup`: what a
   * member of a group that is not there is told.
   */
  async commitOffsets(
    request: CommitRequest,
    { byId, hasMemberEpoch, unknownGroup }: { byId: boolean; hasMemberEpoch: boolean; unknownGroup: ErrorName },
  ): Promise<CommittedTopic[]> {
    const { groupId, generationIdOrMemberEpoch: generation, memberId } = request;
    const unavailable = this.availability(groupId);
    if (unavailable !== 'NONE') return refuseCommit(request, unavailable);
    const partition = this.partitionFor(groupId);
    const existing = partition.get(groupId);
    if (!existing && generation >= 0) return refuseCommit(request, unknownGroup);
    const refusal = existing ? checkCommit(existing, request, hasMemberEpoch) : 'NONE';
    if (refusal !== 'NONE') return refuseCommit(request, refusal);
    const { clock, config, topics } = this.options;
    const metadataBytesMax = config.get('offset.metadata.max.bytes');
    const decision = decideCommit(request, topics, { byId, nowMs: clock.nowMs(), metadataBytesMax });
    if (existing instanceof ClassicGroup) {
      const member = existing.members.get(memberId);
      if (member) this.membership.rebalance.watch(existing, member);
    }
    if (decision.records.length === 0) return decision.topics;
    const error = await partition.write(existing ?? partition.getOrCreate(groupId), decision.records);
    return error === 'NONE' ? decision.topics : withCommitError(decision.topics, error);
  }

  /** Answers only what is on disk. `asked` null: everything that the group has committed. */
  async fetchOffsets(
    groupId: string,
    asked: readonly AskedTopic[] | null,
    { byId = false, memberId = null, memberEpoch = -1, requireStable = false }: FetchOptions = {},
  ): Promise<FetchedOffsets> {
    const unavailable = this.availability(groupId);
    if (unavailable !== 'NONE') return { errorCode: unavailable, topics: [] };
    const partition = this.partitionFor(groupId);
    const refusal = checkFetch(partition.get(groupId), memberId, memberEpoch);
    if (refusal !== 'NONE') return { errorCode: refusal, topics: [] };
    const { topics: known, clock } = this.options;
    const terms = { byId, requireStable, nowMs: clock.nowMs() };
    const topics = fetchOffsets(partition.get(groupId), asked, known, terms);
    const errorCode = (await partition.settled(groupId)) ?? 'NONE';
    return { errorCode, topics: errorCode === 'NONE' ? topics : [] };
  }

  async deleteOffsets(request: OffsetDeleteRequest): Promise<{ errorCode: ErrorName; topics: DeletedTopic[] }> {
    const { groupId } = request;
    const unavailable = this.membershipError(groupId);
    if (unavailable !== 'NONE') return { errorCode: unavailable, topics: [] };
    const partition = this.partitionFor(groupId);
    const group = partition.get(groupId);
    const refusal = group ? checkOffsetDelete(group) : 'GROUP_ID_NOT_FOUND';
    if (!group || refusal !== 'NONE') return { errorCode: refusal, topics: [] };
    const { records, topics } = decideOffsetDelete(group, request, this.options.topics);
    const errorCode = records.length === 0 ? 'NONE' : await partition.write(group, records);
    return { errorCode, topics: errorCode === 'NONE' ? topics : [] };
  }

  async deleteGroup(groupId: string): Promise<ErrorName> {
    const unavailable = this.availability(groupId);
    if (unavailable !== 'NONE') return unavailable;
    const partition = this.partitionFor(groupId);
    const group = partition.get(groupId);
    if (!group) return 'GROUP_ID_NOT_FOUND';
    if (group.state !== 'Empty') return 'NON_EMPTY_GROUP';
    this.abandon(group, 'UNKNOWN_MEMBER_ID');
    if (group instanceof ShareGroup) {
      // What is forgotten in vain is forgotten again with the next attempt.
      const error = await this.options.shareStates.forget(groupId, new Set(group.topics.keys()));
      if (error !== 'NONE') return error;
      // Others had their turn meanwhile.
      if (partition.get(groupId) !== group) return this.deleteGroup(groupId);
      if (group.state !== 'Empty') return 'NON_EMPTY_GROUP';
    }
    return partition.write(group, tombstonesOfGroup(group));
  }

  /** Empty filters let everything through; case does not matter. The error is for groups that are not read yet. */
  list(states: readonly string[], types: readonly string[]): { errorCode: ErrorName; groups: ListedGroup[] } {
    const lower = (words: readonly string[]) => new Set(words.map((word) => word.toLowerCase()));
    const wantedStates = lower(states);
    const wantedTypes = lower(types);
    const isLoaded = this.partitions.length > 0 && this.partitions.every((partition) => partition.isLoaded);
    const groups: ListedGroup[] = [];
    for (const group of this.allGroups()) {
      const groupType = typeOf(group);
      const { state: groupState, protocolType } = group;
      if (wantedTypes.size > 0 && !wantedTypes.has(groupType)) continue;
      if (wantedStates.size > 0 && !wantedStates.has(groupState.toLowerCase())) continue;
      groups.push({ groupId: group.id, protocolType: protocolType ?? '', groupState, groupType });
    }
    return { errorCode: isLoaded ? 'NONE' : 'COORDINATOR_LOAD_IN_PROGRESS', groups };
  }

  /** `missing`: what is said of a group that is not there, or is no classic one; its state is Dead in any case. */
  describe(groupId: string, missing: ErrorName): DescribedGroup {
    const unavailable = this.availability(groupId);
    const found = unavailable === 'NONE' ? this.partitionFor(groupId).get(groupId) : undefined;
    const group = found instanceof ClassicGroup ? found : undefined;
    if (!group) {
      return {
        errorCode: unavailable === 'NONE' ? missing : unavailable,
        errorMessage: unavailable === 'NONE' && missing !== 'NONE' ? this.#notOfType(groupId, 'classic') : null,
        groupId,
        groupState: unavailable === 'NONE' ? DEAD_STATE : '',
        protocolType: '',
        protocolData: '',
        members: [],
      };
    }
    // Outside a stable generation nothing that members offered or were given counts.
    const isStable = group.state === 'Stable';
    return {
      errorCode: 'NONE',
      groupId,
      groupState: group.state,
      protocolType: group.protocolType ?? '',
      protocolData: (isStable && group.protocol) || '',
      members: [...group.members.values()].map((member) => ({
        memberId: member.id,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        memberMetadata: isStable ? member.metadataFor(group.protocol) : NO_BYTES,
        memberAssignment: isStable ? member.assignment : NO_BYTES,
      })),
    };
  }

  /** A group that is not there, or is a classic one, is answered GROUP_ID_NOT_FOUND. */
  describeConsumerGroup(groupId: string): DescribedConsumerGroup {
    const unavailable = this.availability(groupId);
    const group = unavailable === 'NONE' ? this.partitionFor(groupId).get(groupId) : undefined;
    if (group instanceof ConsumerGroup) return this.consumers.describe(group);
    return {
      errorCode: unavailable === 'NONE' ? 'GROUP_ID_NOT_FOUND' : unavailable,
      errorMessage: unavailable === 'NONE' ? this.#notOfType(groupId, 'consumer') : null,
      groupId,
      groupState: '',
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: '',
      members: [],
    };
  }

  /** Why a description of that type is not to be had, in the words that Kafka's tools show. */
  #notOfType(groupId: string, type: 'classic' | 'consumer' | 'share'): string {
    const found = this.partitionFor(groupId).get(groupId);
    return found ? `Group ${groupId} is not a ${type} group.` : `Group ${groupId} not found.`;
  }

  /** A group that is not there, or is of another type, is answered GROUP_ID_NOT_FOUND. */
  describeShareGroup(groupId: string): DescribedShareGroup {
    const unavailable = this.availability(groupId);
    const group = unavailable === 'NONE' ? this.share(groupId) : undefined;
    if (group) return this.shares.describe(group);
    return {
      errorCode: unavailable === 'NONE' ? 'GROUP_ID_NOT_FOUND' : unavailable,
      errorMessage: unavailable === 'NONE' ? this.#notOfType(groupId, 'share') : null,
      groupId,
      groupState: unavailable === 'NONE' ? DEAD_STATE : '',
      groupEpoch: 0,
      assignmentEpoch: 0,
      assignorName: '',
      members: [],
    };
  }

  /** The share group, or why there is none to be had. */
  shareGroup(groupId: string): ShareGroup | ErrorName {
    const unavailable = this.membershipError(groupId);
    if (unavailable !== 'NONE') return unavailable;
    return this.share(groupId) ?? 'GROUP_ID_NOT_FOUND';
  }

  /** An empty share group lets go of topics whose state is forgotten. */
  async forgetShared(group: ShareGroup, topicIds: ReadonlySet<Uuid>): Promise<ErrorName> {
    const records = decideForgetting(group, topicIds);
    return records.length === 0 ? 'NONE' : this.partitionFor(group.id).write(group, records);
  }

  /** A group without members, made where there is none, is about to keep state of topics that it may never have subscribed to. */
  async adoptShared(groupId: string, topics: readonly Topic[]): Promise<ErrorName> {
    const unavailable = this.membershipError(groupId);
    if (unavailable !== 'NONE') return unavailable;
    const partition = this.partitionFor(groupId);
    const found = partition.get(groupId);
    // What is left of another group of this name keeps it.
    if (found && !(found instanceof ShareGroup) && !found.isForgettable) return 'GROUP_ID_NOT_FOUND';
    const group = found instanceof ShareGroup ? found : new ShareGroup(groupId);
    if (group.state !== 'Empty') return 'NON_EMPTY_GROUP';
    const records = decideAdopting(group, topics);
    if (records.length === 0) return 'NONE';
    if (group !== found) {
      records.unshift({ type: 'share-epoch', group: groupId, value: { epoch: 1, metadataHash: 0 } });
    }
    return partition.write(partition.getOrCreate(groupId), records);
  }

  private availability(groupId: string): ErrorName {
    if (groupId.length > NAME_CHARS_MAX) return 'INVALID_GROUP_ID';
    return this.partitions.length === 0
      ? 'COORDINATOR_LOAD_IN_PROGRESS'
      : this.partitionFor(groupId).availability(groupId);
  }

  /** Only offsets may belong to a group without a name. */
  private membershipError(groupId: string): ErrorName {
    return groupId === '' ? 'INVALID_GROUP_ID' : this.availability(groupId);
  }

  private partitionFor(groupId: string): OffsetsPartition {
    return this.partitions[partitionOf(groupId, this.partitions.length)];
  }

  private share(groupId: string): ShareGroup | undefined {
    const group = this.partitionFor(groupId).get(groupId);
    return group instanceof ShareGroup ? group : undefined;
  }

  private abandon(group: Group, error: ErrorName): void {
    if (group instanceof ConsumerGroup) this.consumers.abandon(group);
    else if (group instanceof ShareGroup) this.shares.abandon(group);
    else this.membership.rebalance.abandon(group, error);
  }

  private topicChanged(topic: Topic): void {
    for (const group of this.allGroups()) {
      if (group instanceof ConsumerGroup) this.consumers.topicChanged(group, topic);
      if (group instanceof ShareGroup) this.shares.topicChanged(group, topic);
    }
  }

  *allGroups(): Generator<Group> {
    for (const partition of this.partitions) yield* partition.all();
  }

  private takeOver(group: Group): void {
    if (group instanceof ConsumerGroup) this.consumers.takeOver(group);
    else if (group instanceof ShareGroup) this.shares.takeOver(group);
    else for (const member of group.members.values()) this.membership.rebalance.watch(group, member);
    this.writeUnasked(group, tombstonesOfLostTopics(group, this.options.topics));
  }

  private dropOffsetsOf(topic: Topic): void {
    for (const group of [...this.allGroups()]) {
      this.writeUnasked(group, tombstonesOfTopic(group, topic.name));
      if (group instanceof ShareGroup) this.shares.topicDeleted(group, topic);
    }
  }

  private scheduleExpiry(): void {
    this.deadlines.set(this.expiry, this.options.config.get('offsets.retention.check.interval.ms'));
  }

  private expireOffsets(): void {
    const { clock, config } = this.options;
    const retentionMs = config.get('offsets.retention.minutes') * MS_PER_MINUTE;
    const nowMs = clock.nowMs();
    for (const group of [...this.allGroups()]) {
      this.writeUnasked(group, tombstonesOfExpired(group, nowMs, retentionMs));
    }
    this.scheduleExpiry();
  }

  /** For changes that nobody waits for: where one fails, the group is read again and the next occasion finds it as it was. */
  private writeUnasked(group: Group, records: readonly GroupRecord[]): void {
    if (records.length > 0) void this.partitionFor(group.id).write(group, records);
  }
}

/** Kafka's words: for groups whose members assign, those of KIP-848, and share groups. */
function typeOf(group: Group): string {
  if (group instanceof ShareGroup) return 'share';
  return group instanceof ConsumerGroup ? 'consumer' : 'classic';
}
