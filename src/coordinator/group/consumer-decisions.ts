/** What happens to a consumer group when a member heartbeats, joins, leaves or is gone: decided here, applied by replay. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import { KafkaError } from '../../base/kafka-error.js';
import type { Uuid } from '../../base/uuid.js';
import type { consumerGroupHeartbeat } from '../../protocol/messages/68-consumer-group-heartbeat.js';
import type { RequestOf } from '../../protocol/schema.js';
import { type Assignment, assignmentOf, includes, NO_PARTITIONS, same } from './assignment.js';
import { type AssignorName, assignors, isAssignor } from './assignor.js';
import { type ConsumerGroup, tombstonesOfMember } from './consumer-group.js';
import {
  AWAY_EPOCH,
  type ConsumerMember,
  currentOf,
  hasTheSame,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  newMember,
  reconciled,
  saysTheSame,
  subscribesTheSame,
  subscriptionOf,
} from './consumer-member.js';
import type { GroupRecord } from './group-record.js';
import { keptClientId, NAME_CHARS_MAX } from './member.js';
import { hashOf, resolveRegexes, type SubscribedTopics, topicsOf, unionOf } from './subscribed-topics.js';
import { checkTopicRegex } from './topic-regex.js';

export type ConsumerHeartbeatRequest = RequestOf<typeof consumerGroupHeartbeat>;

export interface HeartbeatContext {
  readonly clientId: string | null;
  readonly clientHost: string;
  /** ConsumerGroupHeartbeat 1 and later: the client makes its own member id (KIP-1082). */
  readonly clientMakesId: boolean;
}

/** What decisions depend on beside the group and the request. */
export interface DecisionContext {
  readonly topics: SubscribedTopics;
  readonly nowMs: number;
  readonly membersMax: number;
  /** The first is the one for groups whose members do not ask for any. */
  readonly assignors: readonly string[];
}

/** Refused: nothing is written. */
export interface Refusal {
  readonly error: Exclude<ErrorName, 'NONE'>;
  readonly message: string;
}

export interface HeartbeatDecision {
  readonly error: 'NONE';
  readonly records: GroupRecord[];
  readonly member: ConsumerMember;
  /** What the member is told that it has; null where it knows. */
  readonly assignment: Assignment | null;
  /** The static member whose place `member` has taken. */
  readonly replaced: string | null;
}

export interface LeaveDecision {
  readonly error: 'NONE';
  /** For good; otherwise the static member is only away, and `records` say so. */
  readonly isRemoved: boolean;
  readonly records: GroupRecord[];
}

export function refusal(error: Refusal['error'], message: string): Refusal {
  return { error, message };
}

/** What is wrong with the request by itself, whatever the group. */
export function checkHeartbeat(
  request: ConsumerHeartbeatRequest,
  { clientMakesId }: HeartbeatContext,
  offered: readonly string[],
): Refusal | null {
  const { groupId, memberId, memberEpoch, instanceId, rackId, topicPartitions, serverAssignor } = request;
  const { subscribedTopicNames, subscribedTopicRegex, rebalanceTimeoutMs } = request;
  const invalid = (message: string) => refusal('INVALID_REQUEST', message);
  if (memberId === '' && (clientMakesId || memberEpoch !== JOIN_EPOCH)) return invalid("MemberId can't be empty.");
  if (groupId === '') return invalid("GroupId can't be empty.");
  if (instanceId === '') return invalid("InstanceId can't be empty.");
  if (rackId === '') return invalid("RackId can't be empty.");
  const names = [memberId, instanceId ?? '', rackId ?? '', ...(subscribedTopicNames ?? [])];
  if (names.some(({ length }) => length > NAME_CHARS_MAX)) return invalid('A name is too long.');
  if (memberEpoch === JOIN_EPOCH) {
    if (rebalanceTimeoutMs === -1) return invalid('RebalanceTimeoutMs must be given when joining.');
    if (topicPartitions === null || topicPartitions.length > 0)
      return invalid('TopicPartitions must be empty when joining.');
    if (subscribedTopicNames === null && subscribedTopicRegex === null) {
      return invalid('SubscribedTopicNames or SubscribedTopicRegex must be given when joining.');
    }
  } else if (memberEpoch === AWAY_EPOCH) {
    if (instanceId === null) return invalid("InstanceId can't be null when a static member leaves for a while.");
  } else if (memberEpoch < AWAY_EPOCH) return invalid(`MemberEpoch cannot be ${memberEpoch}.`);
  if (serverAssignor !== null && !offered.includes(serverAssignor)) {
    return refusal('UNSUPPORTED_ASSIGNOR', `ServerAssignor ${serverAssignor} is none of ${offered.join(', ')}.`);
  }
  return null;
}

/** `request` is neither a leave nor refused by {@link checkHeartbeat}; its member id is not empty. */
export function decideHeartbeat(
  group: ConsumerGroup,
  request: ConsumerHeartbeatRequest,
  { clientId, clientHost }: HeartbeatContext,
  context: DecisionContext,
): HeartbeatDecision | Refusal {
  const place = placeOf(group, request, context.membersMax);
  if ('error' in place) return place;
  const { member: before, replaced } = place;
  const { subscribedTopicRegex, rebalanceTimeoutMs, topicPartitions } = request;
  if (subscribedTopicRegex && subscribedTopicRegex !== before.topicRegex) {
    try {
      checkTopicRegex(subscribedTopicRegex);
    } catch (error) {
      if (error instanceof KafkaError) return refusal('INVALID_REGULAR_EXPRESSION', error.message);
      throw error;
    }
  }
  const member: ConsumerMember = {
    ...before,
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: keptClientId(clientId),
    clientHost,
    topicNames: request.subscribedTopicNames ? sortedOnce(request.subscribedTopicNames) : before.topicNames,
    topicRegex: subscribedTopicRegex ?? before.topicRegex,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
    classic: null,
  };
  const owned = topicPartitions && assignmentOf(topicPartitions);
  const { records, next } = decideStep(group, place, member, owned, context);
  const saysAll =
    rebalanceTimeoutMs !== -1 &&
    topicPartitions !== null &&
    (request.subscribedTopicNames !== null || subscribedTopicRegex !== null);
  const assignment = saysAll || !same(before.assigned, next.assigned) ? next.assigned : null;
  return { error: 'NONE', records, member: next, assignment, replaced: replaced?.id ?? null };
}

export function sortedOnce(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

/** Who speaks: as the group has it, or as it comes in. */
export interface Place {
  readonly member: ConsumerMember;
  /** The static member whose place it takes. */
  readonly replaced: ConsumerMember | null;
}

/** A static member comes back: what it had is its own, under another id. */
export function placeOfInstance(holder: ConsumerMember, memberId: string): Place {
  return { member: { ...holder, id: memberId, epoch: JOIN_EPOCH, previousEpoch: JOIN_EPOCH }, replaced: holder };
}

/**
 * Puts `member`, as it describes itself now, into the place that it has or takes; brings the group's epochs up to date;
 * and lets the member take its next step. `owned`: what it says that it has; null where it does not say.
 */
export function decideStep(
  group: ConsumerGroup,
  { member: before, replaced }: Place,
  member: ConsumerMember,
  owned: Assignment | null,
  context: DecisionContext,
): { readonly records: GroupRecord[]; readonly next: ConsumerMember } {
  const records: GroupRecord[] = [];
  const isNew = !group.members.has(member.id);
  if (replaced) records.push(...tombstonesOfMember(group.id, replaced.id));
  if (isNew || !saysTheSame(before, member)) {
    records.push({ type: 'member', group: group.id, memberId: member.id, value: subscriptionOf(member) });
  }
  if (replaced) {
    const value = group.targetOf(replaced.id);
    records.push({ type: 'member-target', group: group.id, memberId: member.id, value });
  }
  const mustBump = (isNew && !replaced) || !subscribesTheSame(before, member);
  let goal = { epoch: group.assignmentEpoch, assignment: group.targetOf(replaced?.id ?? member.id) };
  if (mustBump || group.topicsMayHaveChanged || group.epoch > group.assignmentEpoch) {
    const members = new Map(group.members);
    if (replaced) members.delete(replaced.id);
    members.set(member.id, member);
    const decided = decideEpoch(group, members, mustBump, context);
    records.push(...decided.records);
    if (decided.epoch > group.assignmentEpoch) {
      const targetOf = (id: string) => group.targetOf(replaced && id === member.id ? replaced.id : id);
      const targets = decideTargets(group, members, decided.regexes, targetOf, decided.epoch, context);
      records.push(...targets.records);
      goal = { epoch: decided.epoch, assignment: targets.byMember.get(member.id) ?? NO_PARTITIONS };
    }
  }
  const next = reconciled(member, owned, {
    ...goal,
    isFree(topicId, partition) {
      const owner = group.ownerOf(topicId, partition);
      return owner === undefined || owner === member.id || owner === replaced?.id;
    },
  });
  if (isNew || !hasTheSame(before, next)) {
    records.push({ type: 'current', group: group.id, memberId: next.id, value: currentOf(next) });
  }
  return { records, next };
}

/** The member that speaks, as the group has it or as it comes in; or why it is not let in. */
function placeOf(
  group: ConsumerGroup,
  { memberId, memberEpoch, instanceId, topicPartitions }: ConsumerHeartbeatRequest,
  membersMax: number,
): Place | Refusal {
  const known = group.members.get(memberId);
  const holder = instanceId === null ? undefined : group.staticMember(instanceId);
  if (memberEpoch === JOIN_EPOCH) {
    if (holder && holder.id !== memberId) {
      // Whoever speaks the classic protocol never says that it goes: the newer one has the name.
      if (holder.epoch !== AWAY_EPOCH && holder.classic === null) {
        return refusal('UNRELEASED_INSTANCE_ID', `Instance ${instanceId} is still held by member ${holder.id}.`);
      }
      return placeOfInstance(holder, memberId);
    }
    if (!known && group.members.size >= membersMax) return full(membersMax);
    // A member that was fenced comes again under its id and with nothing in its hands.
    return { member: known ?? newMember(memberId), replaced: null };
  }
  const unheld = instanceId === null ? null : checkInstance(group, instanceId, memberId);
  if (unheld) return unheld;
  if (!known) return refusal('UNKNOWN_MEMBER_ID', `Member ${memberId} is not in group ${group.id}.`);
  const owned = topicPartitions && assignmentOf(topicPartitions);
  // The answer with the newer epoch was lost: that is fine while the member has nothing that it was not given.
  const isLate = memberEpoch === known.previousEpoch && owned !== null && includes(known.assigned, owned);
  if (memberEpoch === known.epoch || (memberEpoch < known.epoch && isLate)) return { member: known, replaced: null };
  return refusal('FENCED_MEMBER_EPOCH', `The member's epoch is ${known.epoch}, the heartbeat's ${memberEpoch}.`);
}

export function full(membersMax: number): Refusal {
  return refusal('GROUP_MAX_SIZE_REACHED', `The group has ${membersMax} members already.`);
}

export function checkInstance(group: ConsumerGroup, instanceId: string, memberId: string): Refusal | null {
  const holder = group.staticMember(instanceId);
  if (!holder) return refusal('UNKNOWN_MEMBER_ID', `Instance ${instanceId} is not in group ${group.id}.`);
  if (holder.id === memberId) return null;
  return refusal('FENCED_INSTANCE_ID', `Instance ${instanceId} is member ${holder.id} now.`);
}

/** The group's next epoch, where its members or the topics they read have changed. */
export function decideEpoch(
  group: ConsumerGroup,
  members: ReadonlyMap<string, ConsumerMember>,
  mustBump: boolean,
  { topics, nowMs }: DecisionContext,
): { epoch: number; regexes: ReadonlyMap<string, readonly string[]>; records: GroupRecord[] } {
  const resolved = resolveRegexes(group, members.values(), topics, nowMs);
  const metadataHash = hashOf(unionOf(members.values(), resolved.regexes), topics);
  const records: GroupRecord[] = [...resolved.records];
  const bumps = mustBump || resolved.hasChanged || metadataHash !== group.metadataHash;
  const epoch = bumps ? group.epoch + 1 : group.epoch;
  if (bumps) records.push({ type: 'epoch', group: group.id, value: { epoch, metadataHash } });
  return { epoch, regexes: resolved.regexes, records };
}

function decideTargets(
  group: ConsumerGroup,
  members: ReadonlyMap<string, ConsumerMember>,
  regexes: ReadonlyMap<string, readonly string[]>,
  targetOf: (memberId: string) => Assignment,
  epoch: number,
  context: DecisionContext,
): { byMember: ReadonlyMap<string, Assignment>; records: GroupRecord[] } {
  const { topics, nowMs } = context;
  const counts = new Map<Uuid, number>();
  const assignees = [...members.values()].map((member) => {
    const topicIds = new Set<Uuid>();
    for (const name of topicsOf(member, regexes)) {
      const topic = topics.get(name);
      if (!topic) continue;
      topicIds.add(topic.id);
      counts.set(topic.id, topic.partitions.length);
    }
    return { id: member.id, instanceId: member.instanceId, topicIds, target: targetOf(member.id) };
  });
  const byMember = assignors[assignorOf(members.values(), context.assignors)](assignees, counts);
  const records: GroupRecord[] = [];
  for (const [memberId, value] of byMember) {
    if (!same(value, targetOf(memberId))) records.push({ type: 'member-target', group: group.id, memberId, value });
  }
  records.push({ type: 'target', group: group.id, value: { epoch, timestampMs: nowMs } });
  return { byMember, records };
}

/** What most of the members that ask for an assignor ask for; the broker's first choice where none does. */
export function assignorOf(members: Iterable<ConsumerMember>, offered: readonly string[]): AssignorName {
  const votes = new Map<string, number>();
  for (const { serverAssignor } of members) {
    if (serverAssignor !== null) votes.set(serverAssignor, (votes.get(serverAssignor) ?? 0) + 1);
  }
  let winner = offered[0];
  let most = 0;
  for (const name of offered) {
    const count = votes.get(name) ?? 0;
    if (count <= most) continue;
    winner = name;
    most = count;
  }
  return isAssignor(winner) ? winner : 'uniform';
}

/** A member says that it goes: for good, or for a while where it is static and says so. */
export function decideLeave(
  group: ConsumerGroup,
  { memberId, memberEpoch, instanceId }: ConsumerHeartbeatRequest,
): LeaveDecision | Refusal {
  const unheld = instanceId === null ? null : checkInstance(group, instanceId, memberId);
  if (unheld) return unheld;
  const member = group.members.get(memberId);
  if (!member) return refusal('UNKNOWN_MEMBER_ID', `Member ${memberId} is not in group ${group.id}.`);
  if (memberEpoch === LEAVE_EPOCH) return { error: 'NONE', isRemoved: true, records: [] };
  // What it was to give back it has given back by going; the rest is kept for it until its session ends.
  const away: ConsumerMember = { ...member, epoch: AWAY_EPOCH, state: 'stable', revoking: NO_PARTITIONS };
  const record: GroupRecord = { type: 'current', group: group.id, memberId, value: currentOf(away) };
  return { error: 'NONE', isRemoved: false, records: [record] };
}

/** The members are gone; the others learn of it by the group's next epoch. */
export function decideRemoval(
  group: ConsumerGroup,
  memberIds: Iterable<string>,
  context: DecisionContext,
): GroupRecord[] {
  const members = new Map(group.members);
  const records: GroupRecord[] = [];
  for (const memberId of memberIds) {
    members.delete(memberId);
    records.push(...tombstonesOfMember(group.id, memberId));
  }
  const { epoch, records: bumped } = decideEpoch(group, members, true, context);
  records.push(...bumped);
  // Nobody is left to be given anything, and the log says since when: the group's offsets age from now on.
  if (members.size === 0)
    records.push({ type: 'target', group: group.id, value: { epoch, timestampMs: context.nowMs } });
  return records;
}
