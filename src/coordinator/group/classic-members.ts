/** Members of consumer groups that speak the classic protocol while others are upgraded (KIP-848): they join, sync, heartbeat and leave here. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import {
  checkInstance,
  decideStep,
  full,
  type Place,
  placeOfInstance,
  type Refusal,
  sortedOnce,
} from './consumer-decisions.js';
import type { ConsumerGroup } from './consumer-group.js';
import { type ConsumerMember, newMember } from './consumer-member.js';
import type { ConsumerGroupEnvironment, ConsumerMembership } from './consumer-membership.js';
import { readSubscription, writeAssignment } from './embedded-protocol.js';
import { joinError, syncError } from './group-answers.js';
import { type JoinResponse, keptClientId, NAME_CHARS_MAX, newMemberId, type SyncResponse } from './member.js';
import {
  copied,
  type HeartbeatRequest,
  type JoinContext,
  type JoinRequest,
  type LeaveRequest,
  type LeaveResponse,
  rebalanceTimeoutOf,
  type SyncRequest,
} from './membership.js';

type ClassicMember = ConsumerMember & { readonly classic: NonNullable<ConsumerMember['classic']> };

/**
 * Such a member's generation is its epoch, and the broker assigns for it, so nobody leads and no join waits for another:
 * a heartbeat tells the member to join again, the join takes it one step further, the sync says what it has now.
 */
export class ClassicMembers {
  constructor(
    private readonly env: ConsumerGroupEnvironment,
    private readonly consumers: ConsumerMembership,
  ) {}

  /** Takes copies of what it keeps of `request`. */
  join(group: ConsumerGroup, request: JoinRequest, context: JoinContext): JoinResponse | Promise<JoinResponse> {
    const { memberId, groupInstanceId: instanceId } = request;
    if (!accepts(group, request)) return joinError('INCONSISTENT_GROUP_PROTOCOL', memberId);
    const protocols = copied(request.protocols);
    const subscription = readSubscription(protocols[0].metadata, this.env.topics);
    if (!subscription?.topics.every(({ length }) => length <= NAME_CHARS_MAX)) {
      return joinError('INVALID_REQUEST', memberId);
    }
    // Ids are made before the first join and kept nowhere; but who has partitions was here, was put out, and has yet to learn it.
    if (memberId !== '' && !group.members.has(memberId) && subscription.owned.size > 0) {
      return joinError('UNKNOWN_MEMBER_ID', memberId);
    }
    const place = placeOf(group, request, context, this.env.config.get('group.consumer.max.size'));
    if ('error' in place) return joinError(place.error, memberId);
    if (memberId === '' && instanceId === null && context.idBeforeJoin) {
      return joinError('MEMBER_ID_REQUIRED', place.member.id);
    }
    const member: ConsumerMember = {
      ...place.member,
      instanceId: instanceId ?? place.member.instanceId,
      rackId: subscription.rackId,
      clientId: keptClientId(context.clientId),
      clientHost: context.clientHost,
      topicNames: sortedOnce(subscription.topics),
      topicRegex: '',
      rebalanceTimeoutMs: rebalanceTimeoutOf(request),
      serverAssignor: null,
      classic: { sessionTimeoutMs: request.sessionTimeoutMs, protocols },
    };
    const { records, next } = decideStep(group, place, member, subscription.owned, this.consumers.decisionContext());
    let written = records.length > 0 ? this.env.write(group, records) : this.env.settled(group);
    if (this.env.find(group.id) === group) {
      group.topicsMayHaveChanged = false;
      this.welcome(group, next, place.replaced);
      if (place.replaced?.classic === null) written = this.consumers.downgradeIfClassic(group) ?? written;
    }
    const answer: JoinResponse = {
      errorCode: 'NONE',
      memberId: next.id,
      generationId: next.epoch,
      protocolType: group.protocolType,
      protocolName: protocols[0].name,
      leader: '',
      members: [],
    };
    if (written === null) return answer;
    return written.then((error) => (error === 'NONE' ? answer : joinError(error, memberId)));
  }

  private welcome(group: ConsumerGroup, member: ConsumerMember, replaced: ConsumerMember | null): void {
    const { sessions } = this.consumers;
    if (replaced) sessions.unwatch(group, replaced.id);
    sessions.watch(group, member);
    sessions.settle(group, member.id);
    sessions.owe(group, member, 'sync');
  }

  sync(group: ConsumerGroup, request: SyncRequest): SyncResponse | Promise<SyncResponse> {
    const member = memberOf(group, request);
    if (typeof member === 'string') return syncError(member);
    const { protocolType, protocolName } = request;
    const { protocols } = member.classic;
    if (
      (protocolType !== null && protocolType !== group.protocolType) ||
      (protocolName !== null && protocolName !== protocols[0].name)
    ) {
      return syncError('INCONSISTENT_GROUP_PROTOCOL');
    }
    // A member that has something to give back has joined for this epoch already, and learns here what to give back.
    if (member.epoch < group.epoch && member.state !== 'unrevoked') return syncError(this.callBack(group, member));
    const { sessions } = this.consumers;
    sessions.watch(group, member);
    sessions.settle(group, member.id);
    const answer: SyncResponse = {
      errorCode: 'NONE',
      protocolType: group.protocolType,
      protocolName: protocols[0].name,
      assignment: writeAssignment(member.assigned, protocols[0].metadata, this.env.topics),
    };
    const settled = this.env.settled(group);
    if (settled === null) return answer;
    return settled.then((error) => (error === 'NONE' ? answer : syncError(error)));
  }

  heartbeat(group: ConsumerGroup, request: HeartbeatRequest): ErrorName {
    const member = memberOf(group, request);
    if (typeof member === 'string') return member;
    this.consumers.sessions.watch(group, member);
    this.consumers.refreshTopics(group);
    return hasToJoin(group, member) ? this.callBack(group, member) : 'NONE';
  }

  /** Tells the member to join again, which it has its rebalance timeout for. */
  private callBack(group: ConsumerGroup, member: ClassicMember): ErrorName {
    this.consumers.sessions.owe(group, member, 'join');
    return 'REBALANCE_IN_PROGRESS';
  }

  /** Takes out one member after the other; the group has one next epoch for all. */
  async leave(group: ConsumerGroup, leaving: LeaveRequest['members']): Promise<NonNullable<LeaveResponse['members']>> {
    const removed = new Set<string>();
    const answers = leaving.map(({ memberId, groupInstanceId }) => {
      const found = leavingMember(group, memberId, groupInstanceId);
      if (typeof found !== 'string') removed.add(found.id);
      return { memberId, groupInstanceId, errorCode: typeof found === 'string' ? found : ('NONE' as const) };
    });
    const error = removed.size > 0 ? await this.consumers.remove(group, removed) : 'NONE';
    if (error === 'NONE') return answers;
    return answers.map((answer) => ({ ...answer, errorCode: answer.errorCode === 'NONE' ? error : answer.errorCode }));
  }
}

/** Whether the members of the classic protocol could live with one that offers what `request` does. */
function accepts(group: ConsumerGroup, { memberId, protocolType, protocols }: JoinRequest): boolean {
  if (protocolType !== group.protocolType) return false;
  return protocols.some(({ name }) => {
    for (const { id, classic } of group.members.values()) {
      if (classic !== null && id !== memberId && !classic.protocols.some((other) => other.name === name)) return false;
    }
    return true;
  });
}

function placeOf(
  group: ConsumerGroup,
  { memberId, groupInstanceId: instanceId }: JoinRequest,
  { clientId }: JoinContext,
  membersMax: number,
): Place | Refusal {
  if (memberId !== '' && instanceId !== null) {
    const unheld = checkInstance(group, instanceId, memberId);
    if (unheld) return unheld;
  }
  const id = memberId === '' ? newMemberId(instanceId ?? keptClientId(clientId)) : memberId;
  const holder = memberId === '' && instanceId !== null ? group.staticMember(instanceId) : undefined;
  if (holder) return placeOfInstance(holder, id);
  const known = group.members.get(id);
  if (!known && group.members.size >= membersMax) return full(membersMax);
  return { member: known ?? newMember(id), replaced: null };
}

/** The member of the classic protocol that speaks, in its generation, or what is wrong with it. */
function memberOf(
  group: ConsumerGroup,
  { memberId, groupInstanceId, generationId }: HeartbeatRequest,
): ClassicMember | ErrorName {
  const unheld = groupInstanceId === null ? null : checkInstance(group, groupInstanceId, memberId);
  if (unheld) return unheld.error;
  const member = group.members.get(memberId);
  if (!member || !isClassic(member)) return 'UNKNOWN_MEMBER_ID';
  return generationId === member.epoch ? member : 'ILLEGAL_GENERATION';
}

function isClassic(member: ConsumerMember): member is ClassicMember {
  return member.classic !== null;
}

/** An administrator takes out members of either protocol by the names of their instances. */
function leavingMember(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember | ErrorName {
  if (instanceId !== null) {
    const unheld = memberId === '' ? null : checkInstance(group, instanceId, memberId);
    return unheld ? unheld.error : (group.staticMember(instanceId) ?? 'UNKNOWN_MEMBER_ID');
  }
  const member = group.members.get(memberId);
  return member && isClassic(member) ? member : 'UNKNOWN_MEMBER_ID';
}

/** There is a new epoch, something to give back, or something that has come free. */
function hasToJoin(group: ConsumerGroup, member: ConsumerMember): boolean {
  if (member.epoch < group.epoch || member.state === 'unrevoked') return true;
  return member.state === 'unreleased' && group.hasAllFree(member);
}
