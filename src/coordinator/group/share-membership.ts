/** Members of share groups between request and decision: their sessions, their answers, and how their groups look. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import type { Topic } from '../../metadata/topic.js';
import type { shareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.js';
import type { shareGroupDescribe } from '../../protocol/messages/77-share-group-describe.js';
import type { ResponseOf } from '../../protocol/schema.js';
import { type Assignment, listed } from './assignment.js';
import { JOIN_EPOCH, LEAVE_EPOCH } from './consumer-member.js';
import type { Group } from './group.js';
import type { GroupEnvironment } from './group-environment.js';
import type { GroupTopics } from './offset-rules.js';
import {
  checkShareHeartbeat,
  decideForgetting,
  decideShareHeartbeat,
  decideShareRemoval,
  type ShareDecisionContext,
  type ShareHeartbeatRequest,
} from './share-decisions.js';
import { ShareGroup } from './share-group.js';

export type ShareHeartbeatResponse = ResponseOf<typeof shareGroupHeartbeat>;
export type DescribedShareGroup = ResponseOf<typeof shareGroupDescribe>['groups'][number];

/** Kafka's name of the one assignor that there is. */
const ASSIGNOR = 'simple';

export interface ShareGroupEnvironment extends GroupEnvironment {
  readonly topics: GroupTopics;
  find(groupId: string): Group | undefined;
  /** As it is in memory, made where it is not there. */
  findOrMake(groupId: string): Group;
}

export class ShareMembership {
  constructor(private readonly env: ShareGroupEnvironment) {}

  /** Takes copies of what it keeps of `request`. Answers when all that the answer rests on is on disk. */
  heartbeat(
    request: ShareHeartbeatRequest,
    context: { readonly clientId: string | null; readonly clientHost: string },
  ): ShareHeartbeatResponse | Promise<ShareHeartbeatResponse> {
    const { groupId, memberId, memberEpoch } = request;
    const invalid = checkShareHeartbeat(request);
    if (invalid) return refusedShare(invalid.error, invalid.message);
    const found = this.env.find(groupId);
    if (memberEpoch === LEAVE_EPOCH) return this.leave(found, request);
    // What is left of another group of this name keeps it, down to a committed offset.
    if (!(found instanceof ShareGroup) && (memberEpoch !== JOIN_EPOCH || (found && !found.isForgettable))) {
      return refusedShare('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a share group.`);
    }
    const group = found instanceof ShareGroup ? found : new ShareGroup(groupId);
    const decision = decideShareHeartbeat(group, request, context, this.decisionContext());
    if (decision.error !== 'NONE') return refusedShare(decision.error, decision.message);
    const { records, member, assignment } = decision;
    const target = this.env.findOrMake(groupId);
    const written = records.length > 0 ? this.env.write(target, records) : this.env.settled(target);
    const changed = this.env.find(groupId);
    if (changed instanceof ShareGroup) {
      changed.topicsMayHaveChanged = false;
      this.watch(changed, memberId);
    }
    const answer: ShareHeartbeatResponse = {
      errorCode: 'NONE',
      memberId,
      memberEpoch: member.epoch,
      heartbeatIntervalMs: this.env.groupConfigs.value(groupId, 'share.heartbeat.interval.ms'),
      assignment: assignment && { topicPartitions: listed(assignment) },
    };
    return written ? answered(written, answer) : answer;
  }

  private leave(
    group: Group | undefined,
    { groupId, memberId, memberEpoch }: ShareHeartbeatRequest,
  ): ShareHeartbeatResponse | Promise<ShareHeartbeatResponse> {
    if (!(group instanceof ShareGroup)) {
      return refusedShare('GROUP_ID_NOT_FOUND', `Group ${groupId} is not a share group.`);
    }
    if (!group.members.has(memberId)) {
      return refusedShare('UNKNOWN_MEMBER_ID', `Member ${memberId} is not in group ${groupId}.`);
    }
    this.unwatch(group, memberId);
    const written = this.env.write(group, decideShareRemoval(group, memberId, this.decisionContext()));
    return answered(written, { errorCode: 'NONE', memberId, memberEpoch, heartbeatIntervalMs: 0 });
  }

  private decisionContext(): ShareDecisionContext {
    const { config, clock, topics } = this.env;
    return { topics, nowMs: clock.nowMs(), membersMax: config.get('group.share.max.size') };
  }

  /** The group was read from its log: everyone in it counts as alive from now on. Topics may have gone meanwhile. */
  takeOver(group: ShareGroup): void {
    for (const memberId of group.members.keys()) this.watch(group, memberId);
    const lost = [...group.topics.keys()].filter((topicId) => !this.env.topics.byId(topicId));
    this.writeUnasked(group, decideForgetting(group, new Set(lost)));
  }

  /** The group is about to be read again, to be deleted, or the broker to stop: nobody is watched any more. */
  abandon(group: ShareGroup): void {
    for (const memberId of [...group.sessions.keys()]) this.unwatch(group, memberId);
  }

  private watch(group: ShareGroup, memberId: string): void {
    const { deadlines, groupConfigs } = this.env;
    let session = group.sessions.get(memberId);
    if (!session) {
      session = deadlines.create(() => this.fence(group, memberId, 'its session ended'));
      group.sessions.set(memberId, session);
    }
    deadlines.set(session, groupConfigs.value(group.id, 'share.session.timeout.ms'));
  }

  private unwatch(group: ShareGroup, memberId: string): void {
    const session = group.sessions.get(memberId);
    if (session) this.env.deadlines.clear(session);
    group.sessions.delete(memberId);
  }

  /** Takes out a member that did not say that it goes; it learns of it when it asks again. */
  fence(group: ShareGroup, memberId: string, reason: string): void {
    this.unwatch(group, memberId);
    if (this.env.find(group.id) !== group || !group.members.has(memberId)) return;
    this.env.logger.info({ group: group.id, member: memberId, reason }, 'share group member is gone');
    this.writeUnasked(group, decideShareRemoval(group, memberId, this.decisionContext()));
  }

  /** Whoever reads `topic`, or would now that it is there, looks at its topics at its next heartbeat. */
  topicChanged(group: ShareGroup, { name }: Topic): void {
    group.topicsMayHaveChanged ||= group.isSubscribedTo(name);
  }

  topicDeleted(group: ShareGroup, { id }: Topic): void {
    this.writeUnasked(group, decideForgetting(group, new Set([id])));
  }

  /** Nobody waits for this; where it fails the group is read again and the next occasion finds it as it was. */
  private writeUnasked(group: ShareGroup, records: Parameters<GroupEnvironment['write']>[1]): void {
    if (records.length > 0) void this.env.write(group, records);
  }

  describe(group: ShareGroup): DescribedShareGroup {
    const { id, state, epoch, assignmentEpoch, members } = group;
    return {
      errorCode: 'NONE',
      groupId: id,
      groupState: state,
      groupEpoch: epoch,
      assignmentEpoch,
      assignorName: ASSIGNOR,
      members: [...members.values()].map((member) => ({
        memberId: member.id,
        rackId: member.rackId,
        memberEpoch: member.epoch,
        clientId: member.clientId,
        clientHost: member.clientHost,
        subscribedTopicNames: member.topicNames,
        assignment: { topicPartitions: this.named(member.assigned) },
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

export function refusedShare(errorCode: ErrorName, errorMessage: string | null = null): ShareHeartbeatResponse {
  return { errorCode, errorMessage, memberEpoch: 0, heartbeatIntervalMs: 0 };
}

async function answered(written: Promise<ErrorName>, answer: ShareHeartbeatResponse): Promise<ShareHeartbeatResponse> {
  const errorCode = await written;
  return errorCode === 'NONE' ? answer : refusedShare(errorCode);
}
