/** What happens to a share group when a member heartbeats, joins, leaves or is gone: decided here, applied by replay. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import type { shareGroupHeartbeat } from '../../protocol/messages/76-share-group-heartbeat.js';
import type { RequestOf } from '../../protocol/schema.js';
import { type Assignment, NO_PARTITIONS, same } from './assignment.js';
import type { Refusal } from './consumer-decisions.js';
import { JOIN_EPOCH, LEAVE_EPOCH } from './consumer-member.js';
import type { GroupRecord } from './group-record.js';
import { NAME_CHARS_MAX } from './member.js';
import { newShareMember, type ShareGroup, type ShareMember, tombstonesOfShareMember } from './share-group.js';
import type { SharedTopic } from './share-group-record.js';
import { simpleAssignor } from './simple-assignor.js';
import { hashOf, type SubscribedTopics } from './subscribed-topics.js';

export type ShareHeartbeatRequest = RequestOf<typeof shareGroupHeartbeat>;

/** What decisions depend on beside the group and the request. */
export interface ShareDecisionContext {
  readonly topics: SubscribedTopics;
  readonly nowMs: number;
  readonly membersMax: number;
}

export interface ShareHeartbeatDecision {
  readonly error: 'NONE';
  readonly records: GroupRecord[];
  readonly member: ShareMember;
  /** What the member is told that it has; null where it knows. */
  readonly assignment: Assignment | null;
}

function refusal(error: Refusal['error'], message: string): Refusal {
  return { error, message };
}

/** What is wrong with the request by itself, whatever the group. */
export function checkShareHeartbeat(request: ShareHeartbeatRequest): Refusal | null {
  const { groupId, memberId, memberEpoch, rackId, subscribedTopicNames } = request;
  const invalid = (message: string) => refusal('INVALID_REQUEST', message);
  if (memberId === '') return invalid("MemberId can't be empty.");
  if (groupId === '') return invalid("GroupId can't be empty.");
  if (rackId === '') return invalid("RackId can't be empty.");
  if (memberEpoch < LEAVE_EPOCH) return invalid(`MemberEpoch cannot be ${memberEpoch}.`);
  const names = [memberId, rackId ?? '', ...(subscribedTopicNames ?? [])];
  if (names.some(({ length }) => length > NAME_CHARS_MAX)) return invalid('A name is too long.');
  if (memberEpoch === JOIN_EPOCH && (subscribedTopicNames === null || subscribedTopicNames.length === 0)) {
    return invalid('SubscribedTopicNames must be given when joining.');
  }
  return null;
}

/** `request` is neither a leave nor refused by {@link checkShareHeartbeat}. */
export function decideShareHeartbeat(
  group: ShareGroup,
  request: ShareHeartbeatRequest,
  { clientId, clientHost }: { readonly clientId: string | null; readonly clientHost: string },
  context: ShareDecisionContext,
): ShareHeartbeatDecision | Refusal {
  const { memberId, memberEpoch, rackId, subscribedTopicNames } = request;
  const known = group.members.get(memberId);
  const refused = checkMember(group, known, request, context.membersMax);
  if (refused) return refused;
  const before = known ?? newShareMember(memberId);
  const member: ShareMember = {
    ...before,
    rackId: rackId ?? before.rackId,
    clientId: (clientId ?? '').slice(0, NAME_CHARS_MAX),
    clientHost,
    topicNames: subscribedTopicNames ? [...new Set(subscribedTopicNames)].sort() : before.topicNames,
  };
  const records: GroupRecord[] = [];
  if (!known || !saysTheSame(before, member)) {
    const { rackId, clientId, clientHost, topicNames } = member;
    const value = { rackId, clientId, clientHost, topicNames };
    records.push({ type: 'share-member', group: group.id, memberId, value });
  }
  const mustBump = !known || !readsTheSame(before, member);
  let goal = { epoch: group.assignmentEpoch, assignment: group.targetOf(memberId) };
  if (mustBump || group.topicsMayHaveChanged || group.epoch > group.assignmentEpoch) {
    const members = new Map(group.members).set(memberId, member);
    const decided = decideEpoch(group, members, mustBump, context);
    records.push(...decided.records);
    if (decided.epoch > group.assignmentEpoch) {
      const targets = decideTargets(group, members, decided.epoch, context);
      records.push(...targets.records);
      goal = { epoch: decided.epoch, assignment: targets.byMember.get(memberId) ?? NO_PARTITIONS };
    }
  }
  const next: ShareMember = {
    ...member,
    epoch: goal.epoch,
    previousEpoch: member.epoch === goal.epoch ? member.previousEpoch : member.epoch,
    assigned: goal.assignment,
  };
  const moves = next.epoch !== before.epoch || !same(next.assigned, before.assigned);
  if (!known || moves) {
    const { epoch, previousEpoch, assigned } = next;
    records.push({ type: 'share-current', group: group.id, memberId, value: { epoch, previousEpoch, assigned } });
  }
  // A member that comes with its last epoch has not heard of this one.
  const mustHear =
    subscribedTopicNames !== null || memberEpoch !== before.epoch || !same(before.assigned, next.assigned);
  return { error: 'NONE', records, member: next, assignment: mustHear ? next.assigned : null };
}

function checkMember(
  group: ShareGroup,
  known: ShareMember | undefined,
  { memberId, memberEpoch }: ShareHeartbeatRequest,
  membersMax: number,
): Refusal | null {
  if (memberEpoch === JOIN_EPOCH) {
    if (known || group.members.size < membersMax) return null;
    return refusal('GROUP_MAX_SIZE_REACHED', `The group has ${membersMax} members already.`);
  }
  if (!known) return refusal('UNKNOWN_MEMBER_ID', `Member ${memberId} is not in group ${group.id}.`);
  if (memberEpoch === known.epoch || memberEpoch === known.previousEpoch) return null;
  return refusal('FENCED_MEMBER_EPOCH', `The member's epoch is ${known.epoch}, the heartbeat's ${memberEpoch}.`);
}

/** The group's next epoch, where its members or the topics they read have changed. */
function decideEpoch(
  group: ShareGroup,
  members: ReadonlyMap<string, ShareMember>,
  mustBump: boolean,
  { topics }: ShareDecisionContext,
): { epoch: number; records: GroupRecord[] } {
  const names = new Set([...members.values()].flatMap(({ topicNames }) => topicNames));
  const metadataHash = hashOf(names, topics);
  if (!mustBump && metadataHash === group.metadataHash) return { epoch: group.epoch, records: [] };
  const epoch = group.epoch + 1;
  return { epoch, records: [{ type: 'share-epoch', group: group.id, value: { epoch, metadataHash } }] };
}

function decideTargets(
  group: ShareGroup,
  members: ReadonlyMap<string, ShareMember>,
  epoch: number,
  { topics, nowMs }: ShareDecisionContext,
): { byMember: ReadonlyMap<string, Assignment>; records: GroupRecord[] } {
  const counts = new Map<Uuid, number>();
  const shared = new Map(group.topics);
  const assignees = [...members.values()].map(({ id, topicNames }) => {
    const topicIds = new Set<Uuid>();
    for (const name of topicNames) {
      const topic = topics.get(name);
      if (!topic) continue;
      topicIds.add(topic.id);
      counts.set(topic.id, topic.partitions.length);
      shared.set(topic.id, { name, partitions: new Set(topic.partitions.keys()) });
    }
    return { id, instanceId: null, topicIds, target: group.targetOf(id) };
  });
  const byMember = simpleAssignor(assignees, counts);
  const records: GroupRecord[] = [];
  // First of all: what is assigned must be found again when the group is deleted.
  if (!sharesTheSame(group.topics, shared)) records.push({ type: 'share-topics', group: group.id, value: shared });
  for (const [memberId, value] of byMember) {
    if (same(value, group.targetOf(memberId))) continue;
    records.push({ type: 'share-member-target', group: group.id, memberId, value });
  }
  records.push({ type: 'share-target', group: group.id, value: { epoch, timestampMs: nowMs } });
  return { byMember, records };
}

/** The member goes, or is gone; the others learn of it by the group's next epoch. */
export function decideShareRemoval(group: ShareGroup, memberId: string, context: ShareDecisionContext): GroupRecord[] {
  const members = new Map(group.members);
  members.delete(memberId);
  return [...tombstonesOfShareMember(group.id, memberId), ...decideEpoch(group, members, true, context).records];
}

/** The group lets go of topics: they are gone, or somebody wants them forgotten. */
export function decideForgetting(group: ShareGroup, topicIds: ReadonlySet<Uuid>): GroupRecord[] {
  const value = new Map([...group.topics].filter(([topicId]) => !topicIds.has(topicId)));
  return value.size === group.topics.size ? [] : [{ type: 'share-topics', group: group.id, value }];
}

/** The group keeps state of all partitions of these topics, too, whoever subscribes. */
export function decideAdopting(
  group: ShareGroup,
  topics: readonly { readonly id: Uuid; readonly name: string; readonly partitions: { readonly length: number } }[],
): GroupRecord[] {
  const value = new Map(group.topics);
  for (const { id, name, partitions } of topics) {
    value.set(id, { name, partitions: new Set(Array.from({ length: partitions.length }, (_, index) => index)) });
  }
  return sharesTheSame(group.topics, value) ? [] : [{ type: 'share-topics', group: group.id, value }];
}

function readsTheSame(one: ShareMember, other: ShareMember): boolean {
  return (
    one.topicNames.length === other.topicNames.length && one.topicNames.every((name, i) => name === other.topicNames[i])
  );
}

function saysTheSame(one: ShareMember, other: ShareMember): boolean {
  return (
    readsTheSame(one, other) &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost
  );
}

function sharesTheSame(one: ReadonlyMap<Uuid, SharedTopic>, other: ReadonlyMap<Uuid, SharedTopic>): boolean {
  if (one.size !== other.size) return false;
  // Partitions are never taken away, so as many are the same ones.
  for (const [topicId, { partitions }] of one)
    if (other.get(topicId)?.partitions.size !== partitions.size) return false;
  return true;
}
