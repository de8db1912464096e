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
  decideHeartbeat,
  decideLeave,
  decideRemoval,
  type HeartbeatContext,
} from './consumer-decisions.js';
import { ConsumerGroup } from './consumer-group.js';
import { type ConsumerMember, JOIN_EPOCH } from './consumer-member.js';
import type { Group } from './group.js';
import type { GroupEnvironment } from './group-environment.js';
import type { GroupTopics } from './offset-rules.js';
import { matchesTopic } from './topic-regex.js';

export type ConsumerHeartbeatResponse = ResponseOf<typeof consumerGroupHeartbeat>;
export type DescribedConsumerGroup = ResponseOf<typeof consumerGroupDescribe>['groups'][number];

/** What ConsumerGroupDescribe calls members that speak the new protocol. */
const CONSUMER_MEMBER = 1;

export interface ConsumerGroupEnvironment extends GroupEnvironment {
  readonly topics: GroupTopics;
  find(groupId: string): Group | undefined;
  /** As it is in memory, made where it is not there. */
  findOrMake(groupId: string): Group;
  /** The empty classic group is about to become a consumer group: who waits in it is answered. */
  abandonClassic(group: ClassicGroup): void;
}

export class ConsumerMembership {
  constructor(private readonly env: ConsumerGroupEnvironment) {}

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
    const classic = found instanceof ClassicGroup ? found : null;
    if (
      (!found && memberEpoch !== JOIN_EPOCH) ||
      (classic && (memberEpoch !== JOIN_EPOCH || classic.state !== 'Empty'))
    ) {
      return refused('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a consumer group.`);
    }
    const group = found instanceof ConsumerGroup ? found : new ConsumerGroup(groupId, classic?.offsets);
    const memberId = request.memberId === '' ? randomUuid() : request.memberId;
    const decision = decideHeartbeat(group, { ...request, memberId }, context, this.decisionContext());
    if (decision.error !== 'NONE') return refused(decision.error, decision.message);
    const { records, member, assignment, replaced } = decision;
    if (classic) this.env.abandonClassic(classic);
    const target = this.env.findOrMake(groupId);
    const written =
      records.length > 0
        ? this.env.write(target, [...(classic?.tombstones() ?? []), ...records])
        : this.env.settled(target);
    const changed = this.env.find(groupId);
    if (changed instanceof ConsumerGroup) {
      changed.topicsMayHaveChanged = false;
      if (replaced !== null) this.unwatch(changed, replaced);
      this.watch(changed, member);
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
    const decision = decideLeave(group, request, this.decisionContext());
    if (decision.error !== 'NONE') return refused(decision.error, decision.message);
    if (decision.removed !== null) this.unwatch(group, decision.removed);
    else this.endRevocation(group, memberId);
    const written = this.env.write(group, decision.records);
    return answered(written, { errorCode: 'NONE', memberId, memberEpoch, heartbeatIntervalMs: 0 });
  }

  private decisionContext(): DecisionContext {
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
    for (const memberId of [...group.sessions.keys()]) this.unwatch(group, memberId);
  }

  private watch(group: ConsumerGroup, { id, epoch, state, rebalanceTimeoutMs }: ConsumerMember): void {
    const { deadlines, groupConfigs } = this.env;
    let session = group.sessions.get(id);
    if (!session) {
      session = deadlines.create(() => this.fence(group, id, 'its session ended'));
      group.sessions.set(id, session);
    }
    deadlines.set(session, groupConfigs.value(group.id, 'consumer.session.timeout.ms'));
    const revocation = group.revocations.get(id);
    if (state === 'unrevoked' && revocation?.epoch === epoch) return;
    this.endRevocation(group, id);
    if (state !== 'unrevoked' || rebalanceTimeoutMs < 0) return;
    const deadline = deadlines.create(() => this.fence(group, id, 'it did not give its partitions back'));
    group.revocations.set(id, { epoch, deadline });
    deadlines.set(deadline, rebalanceTimeoutMs);
  }

  private unwatch(group: ConsumerGroup, memberId: string): void {
    const session = group.sessions.get(memberId);
    if (session) this.env.deadlines.clear(session);
    group.sessions.delete(memberId);
    this.endRevocation(group, memberId);
  }

  private endRevocation(group: ConsumerGroup, memberId: string): void {
    const revocation = group.revocations.get(memberId);
    if (revocation) this.env.deadlines.clear(revocation.deadline);
    group.revocations.delete(memberId);
  }

  /** Takes out a member that did not do its part in time; it learns of it when it asks again. */
  private fence(group: ConsumerGroup, memberId: string, reason: string): void {
    this.unwatch(group, memberId);
    if (this.env.find(group.id) !== group || !group.members.has(memberId)) return;
    this.env.logger.info({ group: group.id, member: memberId, reason }, 'consumer group member is gone');
    // Nobody waits for this; where it fails the group is read again and the member is watched anew.
    void this.env.write(group, decideRemoval(group, memberId, this.decisionContext()));
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
        memberType: CONSUMER_MEMBER,
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
