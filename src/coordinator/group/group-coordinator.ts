/** The coordinator of all classic consumer groups: finds a request's group, lets the rules decide, answers when it is on disk. Main thread. */
import type { Clock } from '../../base/clock.js';
import { Deadlines } from '../../base/deadlines.js';
import type { ErrorName } from '../../base/error-code.js';
import type { Logger } from '../../base/logger.js';
import type { BrokerConfig } from '../../config/load.js';
import { OFFSETS_TOPIC } from '../../metadata/internal-topics.js';
import type { Topic } from '../../metadata/topic.js';
import type { InternalLog } from '../../partition/internal-log.js';
import type { describeGroups } from '../../protocol/messages/15-describe-groups.js';
import type { listGroups } from '../../protocol/messages/16-list-groups.js';
import type { ResponseOf } from '../../protocol/schema.js';
import { partitionOf } from '../partition-of.js';
import type { ClassicGroup } from './classic-group.js';
import { joinError, syncError } from './group-answers.js';
import type { GroupRecord } from './group-record.js';
import { type JoinResponse, NAME_CHARS_MAX, NO_BYTES, type SyncResponse } from './member.js';
import {
  type HeartbeatRequest,
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

const MS_PER_MINUTE = 60_000;
/** Kafka's word for groups whose members assign, as against those of KIP-848. */
const CLASSIC_TYPE = 'classic';
const DEAD_STATE = 'Dead';

export type ListedGroup = ResponseOf<typeof listGroups>['groups'][number];
export type DescribedGroup = ResponseOf<typeof describeGroups>['groups'][number];

export interface GroupCoordinatorOptions {
  readonly config: Pick<BrokerConfig, 'get'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topics: GroupTopics;
  /** Opens one partition of `__consumer_offsets`, making the topic where it is not there. */
  readonly openLog: (partition: number) => Promise<InternalLog>;
  /** How many partitions `__consumer_offsets` gets when it is made. */
  readonly offsetsPartitions: number;
}

export interface FetchedOffsets {
  readonly errorCode: ErrorName;
  readonly topics: FetchedTopic[];
}

export class GroupCoordinator {
  private readonly deadlines: Deadlines;
  private readonly membership: Membership;
  private readonly expiry;
  /** Empty until `load` is called. */
  private partitions: readonly OffsetsPartition[] = [];

  constructor(private readonly options: GroupCoordinatorOptions) {
    const { config, clock, logger, topics } = options;
    this.deadlines = new Deadlines(clock);
    this.membership = new Membership({
      config,
      clock,
      logger,
      deadlines: this.deadlines,
      write: (group, records) => this.partitionFor(group.id).write(group, records),
      settled: (group) => this.partitionFor(group.id).settled(group.id),
      forget: (group) => this.partitionFor(group.id).forget(group),
    });
    this.expiry = this.deadlines.create(() => this.expireOffsets());
    topics.onDeleted((topic) => this.dropOffsetsOf(topic));
  }

  /**
   * Reads the groups from their log; call it once the topics are known. Requests that come before a group's partition
   * is read are answered COORDINATOR_LOAD_IN_PROGRESS.
   */
  async load(): Promise<void> {
    const { clock, logger, topics, openLog, offsetsPartitions, config } = this.options;
    const topic = topics.get(OFFSETS_TOPIC);
    const batchBytesMax = config.get('message.max.bytes');
    const { rebalance } = this.membership;
    this.partitions = Array.from({ length: topic?.partitions.length ?? offsetsPartitions }, (_, index) => {
      return new OffsetsPartition({
        index,
        clock,
        logger,
        openLog,
        batchBytesMax,
        onRead: (group) => this.takeOver(group),
        onLost: (group, error) => rebalance.abandon(group, error),
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
    const partition = this.partitionFor(groupId);
    const existing = partition.get(groupId);
    if (!existing && memberId !== '') return joinError('UNKNOWN_MEMBER_ID', memberId);
    const group = existing ?? partition.getOrCreate(groupId);
    const answer = this.membership.join(group, request, context);
    // Where the first to ask was refused, there was never a group.
    if (group.isForgettable) partition.forget(group);
    return answer;
  }

  sync(request: SyncRequest): SyncResponse | Promise<SyncResponse> {
    const error = this.membershipError(request.groupId);
    if (error !== 'NONE') return syncError(error);
    const group = this.partitionFor(request.groupId).get(request.groupId);
    return group ? this.membership.sync(group, request) : syncError('UNKNOWN_MEMBER_ID');
  }

  heartbeat(request: HeartbeatRequest): ErrorName {
    const error = this.membershipError(request.groupId);
    if (error !== 'NONE') return error;
    const group = this.partitionFor(request.groupId).get(request.groupId);
    return group ? this.membership.heartbeat(group, request) : 'UNKNOWN_MEMBER_ID';
  }

  leave(groupId: string, members: LeaveRequest['members']): LeaveResponse {
    const errorCode = this.membershipError(groupId);
    if (errorCode !== 'NONE') return { errorCode, members: [] };
    const group = this.partitionFor(groupId).get(groupId);
    if (group) return { errorCode, members: this.membership.leave(group, members) };
    return { errorCode, members: members.map((member) => ({ ...member, errorCode: 'UNKNOWN_MEMBER_ID' as const })) };
  }

  /** `byId`: topics are named by id (OffsetCommit 10). `unknownGroup`: what a member of a group that is not there is told. */
  async commitOffsets(
    request: CommitRequest,
    { byId, unknownGroup }: { byId: boolean; unknownGroup: ErrorName },
  ): Promise<CommittedTopic[]> {
    const { groupId, generationIdOrMemberEpoch: generation, memberId } = request;
    const unavailable = this.availability(groupId);
    if (unavailable !== 'NONE') return refuseCommit(request, unavailable);
    const partition = this.partitionFor(groupId);
    const existing = partition.get(groupId);
    if (!existing && generation >= 0) return refuseCommit(request, unknownGroup);
    const refusal = existing ? checkCommit(existing, request) : 'NONE';
    if (refusal !== 'NONE') return refuseCommit(request, refusal);
    const { clock, config, topics } = this.options;
    const metadataBytesMax = config.get('offset.metadata.max.bytes');
    const decision = decideCommit(request, topics, { byId, nowMs: clock.nowMs(), metadataBytesMax });
    const member = existing?.members.get(memberId);
    if (existing && member) this.membership.rebalance.watch(existing, member);
    if (decision.records.length === 0) return decision.topics;
    const error = await partition.write(existing ?? partition.getOrCreate(groupId), decision.records);
    return error === 'NONE' ? decision.topics : withCommitError(decision.topics, error);
  }

  /** Answers only what is on disk. `asked` null: everything that the group has committed. */
  async fetchOffsets(groupId: string, asked: readonly AskedTopic[] | null, byId: boolean): Promise<FetchedOffsets> {
    const unavailable = this.availability(groupId);
    if (unavailable !== 'NONE') return { errorCode: unavailable, topics: [] };
    const partition = this.partitionFor(groupId);
    const topics = fetchOffsets(partition.get(groupId), asked, this.options.topics, byId);
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
    for (const memberId of [...group.pendingJoins.keys()]) this.membership.rebalance.endPendingJoin(group, memberId);
    return partition.write(group, tombstonesOfGroup(group));
  }

  /** Empty filters let everything through; case does not matter. The error is for groups that are not read yet. */
  list(states: readonly string[], types: readonly string[]): { errorCode: ErrorName; groups: ListedGroup[] } {
    const lower = (words: readonly string[]) => new Set(words.map((word) => word.toLowerCase()));
    const wantedStates = lower(states);
    const wantedTypes = lower(types);
    const isLoaded = this.partitions.length > 0 && this.partitions.every((partition) => partition.isLoaded);
    const groups: ListedGroup[] = [];
    if (wantedTypes.size === 0 || wantedTypes.has(CLASSIC_TYPE)) {
      for (const group of this.allGroups()) {
        if (wantedStates.size > 0 && !wantedStates.has(group.state.toLowerCase())) continue;
        const protocolType = group.protocolType ?? '';
        groups.push({ groupId: group.id, protocolType, groupState: group.state, groupType: CLASSIC_TYPE });
      }
    }
    return { errorCode: isLoaded ? 'NONE' : 'COORDINATOR_LOAD_IN_PROGRESS', groups };
  }

  /** `missing`: what is said of a group that is not there; its state is Dead in any case. */
  describe(groupId: string, missing: ErrorName): DescribedGroup {
    const unavailable = this.availability(groupId);
    const group = unavailable === 'NONE' ? this.partitionFor(groupId).get(groupId) : undefined;
    if (!group) {
      return {
        errorCode: unavailable === 'NONE' ? missing : unavailable,
        errorMessage: unavailable === 'NONE' && missing !== 'NONE' ? `Group ${groupId} not found.` : null,
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

  private *allGroups(): Generator<ClassicGroup> {
    for (const partition of this.partitions) yield* partition.all();
  }

  private takeOver(group: ClassicGroup): void {
    for (const member of group.members.values()) this.membership.rebalance.watch(group, member);
    this.writeUnasked(group, tombstonesOfLostTopics(group, this.options.topics));
  }

  private dropOffsetsOf(topic: Topic): void {
    for (const group of [...this.allGroups()]) this.writeUnasked(group, tombstonesOfTopic(group, topic.name));
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
  private writeUnasked(group: ClassicGroup, records: readonly GroupRecord[]): void {
    if (records.length > 0) void this.partitionFor(group.id).write(group, records);
  }
}
