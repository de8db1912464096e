/** Members of consumer groups between request and decision: their sessions, their answers, and how their groups look. Main thread. */

import type { ErrorName } from '../../base/error-code.js';
import { randomUuid } from '../../base/uuid.js';
import type { Topic } from '../../metadata/topic.js';
import type { consumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.js';
import type { consumerGroupDescribe } from '../../protocol/messages/69-consumer-group-describe.js';
import type { ResponseOf } from '../../protocol/schema.js';
import { type Assignment, listed } from './assignment.js';
import { ClassicGroup } from './classic-group.js';
import {
  assignorOf,
  type ConsumerHeartbeatRequest,
  checkHeartbeat,
  type DecisionContext,
  decideEpoch,
  decideHeartbeat,
  decideLeave,
  decideRemoval,
  type HeartbeatContext,
} from './consumer-decisions.js';
import { ConsumerGroup } from './consumer-group.js';
import { type ConsumerMember, JOIN_EPOCH } from './consumer-member.js';
import { ConsumerSessions } from './consumer-sessions.js';
import type { Group } from './group.js';
import type { GroupEnvironment } from './group-environment.js';
import type { GroupRecord } from './group-record.js';
import { type Downgrade, decideDowngrade, decideUpgrade, type MigrationContext } from './migration.js';
import type { GroupTopics } from './offset-rules.js';
import { ShareGroup } from './share-group.js';
import { matchesTopic } from './topic-regex.js';

export type ConsumerHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>;
export type DescribedConsumerGroup = ResponseOf<typeof consumerGroupDescribe>['groups'][number];

/** What ConsumerGroupDescribe calls members by the protocol that they speak. */
const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

const NOBODY: ReadonlySet<string> = new Set();

export interface ConsumerGroupEnvironment extends GroupEnvironment {
  readonly topics: GroupTopics;
  find(groupId: string): Group | undefined;
  /** As it is in memory, made where it is not there. */
  findOrMake(groupId: string): Group;
  /** The classic group is about to become a consumer group: who waits in it is answered. */
  abandonClassic(group: ClassicGroup): void;
  /** The consumer group has become `group`, whose members have to be asked to join. */
  startClassic(group: ClassicGroup): void;
}

export class ConsumerMembership {
  readonly sessions: ConsumerSessions;

  constructor(private readonly env: ConsumerGroupEnvironment) {
    const { deadlines, groupConfigs } = env;
    const onGone = (group: ConsumerGroup, memberId: string, reason: string) => this.fence(group, memberId, reason);
    this.sessions = new ConsumerSessions({ deadlines, groupConfigs, onGone });
  }

  /** Takes copies of what it keeps of `request`. Answers when all that the answer rests on is on disk. */
  heartbeat(
    request: ConsumerHeartbeatRequest,
    context: HeartbeatContext,
  ): ConsumerHeartbeatResponse | Promise<ConsumerHeartbeatResponse> {
    const { groupId, memberEpoch } = request;
    const invalid = this.check(request, context);
    if (invalid) return invalid;
    const found = this.env.find(groupId);
    if (memberEpoch < JOIN_EPOCH) return this.leave(found, request);
    const entered = this.enter(groupId, found, memberEpoch);
    if (typeof entered === 'string') return refused('GROUP_ID_NOT_FOUND', entered);
    const memberId = request.memberId === '' ? randomUuid() : request.memberId;
    const decision = decideHeartbeat(entered.group, { ...request, memberId }, context, this.decisionContext());
    if (decision.error !== 'NONE') return refused(decision.error, decision.message);
    const { member, assignment, replaced } = decision;
    if (found instanceof ClassicGroup) this.env.abandonClassic(found);
    const written = this.written(groupId, [...entered.records, ...decision.records]);
    const group = this.env.find(groupId);
    if (group instanceof ConsumerGroup) {
      group.topicsMayHaveChanged = false;
      if (found !== group) this.takeOver(group);
      if (replaced !== null) this.sessions.unwatch(group, replaced);
      this.watch(group, member);
    }
    const answer: ConsumerHeartbeatResponse = {
      errorCode: 'NONE',
      memberId,
      memberEpoch: member.epoch,
      heartbeatIntervalMs: this.env.groupConfigs.value(groupId, 'consumer.heartbeat.interval.ms'),
      assignment: assignment && { topicPartitions: listed(assignment) },
    };
    return written ? answered(written, answer) : answer;
  }

  /** The group that the member speaks to, and the records that make it a consumer group; a sentence where it is none. */
  private enter(
    groupId: string,
    found: Group | undefined,
    memberEpoch: number,
  ): { readonly group: ConsumerGroup; readonly records: readonly GroupRecord[] } | string {
    if (found instanceof ConsumerGroup) return { group: found, records: [] };
    if (memberEpoch !== JOIN_EPOCH || found instanceof ShareGroup) return `Group ${groupId} is not a consumer group.`;
    const group = new ConsumerGroup(groupId, found?.offsets);
    if (found === undefined) return { group, records: [] };
    if (found.members.size === 0) return { group, records: found.tombstones() };
    const records = decideUpgrade(found, this.migrationContext());
    if (typeof records === 'string') return `Group ${groupId} is a classic group: ${records}.`;
    for (const record of records) group.replay(record);
    return { group, records };
  }

  private written(groupId: string, records: readonly GroupRecord[]): Promise<ErrorName> | null {
    const group = this.env.findOrMake(groupId);
    return records.length > 0 ? this.env.write(group, records) : this.env.settled(group);
  }

  private check(request: ConsumerHeartbeatRequest, context: HeartbeatContext): ConsumerHeartbeatResponse | null {
    const refusal = checkHeartbeat(request, context, this.env.config.get('group.consumer.assignors'));
    return refusal && refused(refusal.error, refusal.message);
  }

  private leave(
    group: Group | undefined,
    request: ConsumerHeartbeatRequest,
  ): ConsumerHeartbeatResponse | Promise<ConsumerHeartbeatResponse> {
    const { groupId, memberId, memberEpoch } = request;
    if (!(group instanceof ConsumerGroup)) {
      return refused('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`);
    }
    const decision = decideLeave(group, request);
    if (decision.error !== 'NONE') return refused(decision.error, decision.message);
    this.sessions.settle(group, memberId);
    const written = decision.isRemoved
      ? this.remove(group, new Set([memberId]))
      : this.env.write(group, decision.records);
    return answered(written, { errorCode: 'NONE', memberId, memberEpoch, heartbeatIntervalMs: 0 });
  }

  /** Takes members out, which may make the group a classic one. */
  remove(group: ConsumerGroup, memberIds: ReadonlySet<string>): Promise<ErrorName> {
    for (const memberId of memberIds) this.sessions.unwatch(group, memberId);
    const downgrade = decideDowngrade(group, memberIds, this.migrationContext());
    if (downgrade) return this.downgrade(group, downgrade);
    return this.env.write(group, decideRemoval(group, memberIds, this.decisionContext()));
  }

  /** Makes the group a classic one where nobody in it speaks its own protocol any more; null where it stays. */
  downgradeIfClassic(group: ConsumerGroup): Promise<ErrorName> | null {
    const downgrade = decideDowngrade(group, NOBODY, this.migrationContext());
    return downgrade && this.downgrade(group, downgrade);
  }

  private downgrade(group: ConsumerGroup, { records, protocols }: Downgrade): Promise<ErrorName> {
    this.abandon(group);
    const written = this.env.write(group, records);
    const classic = this.env.find(group.id);
    if (!(classic instanceof ClassicGroup)) return written;
    for (const member of classic.members.values()) member.protocols = protocols.get(member.id) ?? member.protocols;
    this.env.startClassic(classic);
    return written;
  }

  /** Looks at the topics, where they may be others than the group knows: for members that do not ask for them. */
  refreshTopics(group: ConsumerGroup): void {
    if (!group.topicsMayHaveChanged) return;
    const { records } = decideEpoch(group, group.members, false, this.decisionContext());
    group.topicsMayHaveChanged = false;
    if (records.length > 0) void this.env.write(group, records);
  }

  private migrationContext(): MigrationContext {
    const { topics, config, clock } = this.env;
    return { topics, config, nowMs: clock.nowMs() };
  }

  decisionContext(): DecisionContext {
    const { config, clock, topics } = this.env;
    return {
      topics,
      nowMs: clock.nowMs(),
      membersMax: config.get('group.consumer.max.size'),
      assignors: config.get('group.consumer.assignors'),
    };
  }

  /** The group was read from its log: everyone in it counts as alive from now on. */
  takeOver(group: ConsumerGroup): void {
    for (const member of group.members.values()) this.watch(group, member);
  }

  /** The group is about to be read again, or the broker to stop: nobody is watched any more. */
  abandon(group: ConsumerGroup): void {
    for (const memberId of [...group.sessions.keys()]) this.sessions.unwatch(group, memberId);
  }

  private watch(group: ConsumerGroup, member: ConsumerMember): void {
    this.sessions.watch(group, member);
    if (member.classic !== null) return;
    if (member.state === 'unrevoked') this.sessions.owe(group, member, 'revocation');
    else this.sessions.settle(group, member.id);
  }

  /** A static member may come back under its name for as long as its session lasts. */
  disconnected(group: ConsumerGroup, memberId: string, reason: string): void {
    if (group.members.get(memberId)?.instanceId === null) this.fence(group, memberId, reason);
  }

  /** Takes out a member that did not do its part in time; it learns of it when it asks again. */
  private fence(group: ConsumerGroup, memberId: string, reason: string): void {
    if (this.env.find(group.id) !== group || !group.members.has(memberId)) return;
    this.env.logger.info({ group: group.id, member: memberId, reason }, 'consumer group member is gone');
    // Nobody waits for this; where it fails the group is read again and the member is watched anew.
    void this.remove(group, new Set([memberId]));
  }

  /** Whoever reads `topic`, or would now that it is there, looks at its topics at its next heartbeat. */
  topicChanged(group: ConsumerGroup, { name, internal }: Topic): void {
    if (group.topicsMayHaveChanged) return;
    group.topicsMayHaveChanged =
      group.isSubscribedTo(name) || (!internal && [...group.regexes.keys()].some((regex) => matchesTopic(regex, name)));
  }

  describe(group: ConsumerGroup): DescribedConsumerGroup {
    const { id, state, epoch, assignmentEpoch, members } = group;
    return {
      errorCode: 'NONE',
      groupId: id,
      groupState: state,
      groupEpoch: epoch,
      assignmentEpoch,
      assignorName: assignorOf(members.values(), this.env.config.get('group.consumer.assignors')),
      members: [...members.values()].map((member) => ({
        memberId: member.id,
        instanceId: member.instanceId,
        rackId: member.rackId,
        memberEpoch: member.epoch,
        clientId: member.clientId,
        clientHost: member.clientHost,
        subscribedTopicNames: member.topicNames,
        subscribedTopicRegex: member.topicRegex === '' ? null : member.topicRegex,
        assignment: { topicPartitions: this.named(member.assigned) },
        targetAssignment: { topicPartitions: this.named(group.targetOf(member.id)) },
        memberType: member.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
      })),
    };
  }

  /** Without topics that are gone. */
  private named(assignment: Assignment): { topicId: string; topicName: string; partitions: number[] }[] {
    return listed(assignment).flatMap(({ topicId, partitions }) => {
      const topicName = this.env.topics.byId(topicId)?.name;
      return topicName === undefined ? [] : [{ topicId, topicName, partitions }];
    });
  }
}

export function refused(errorCode: ErrorName, errorMessage: string | null = null): ConsumerHeartbeatResponse {
  return { errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 };
}

async function answered(
  written: Promise<ErrorName>,
  answer: ConsumerHeartbeatResponse,
): Promise<ConsumerHeartbeatResponse> {
  const errorCode = await written;
  return errorCode === 'NONE' ? answer : refused(errorCode);
}
