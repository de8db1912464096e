/**
 * How a group with members in it becomes one of the other type (KIP-848): a classic group when its first member of the new
 * protocol joins, a consumer group when its last one goes. Decisions only. Main thread.
 *
 * ```
 *                a member of the consumer protocol joins
 *   classic ────────────────────────────────────────────────► consumer
 *           ◄────────────────────────────────────────────────
 *                the last such member goes, classic ones stay
 * ```
 */
import type { BrokerConfig } from '../../config/load.js';
import { type Assignment, NO_PARTITIONS, together, without } from './assignment.js';
import { ClassicGroup } from './classic-group.js';
import { sortedOnce } from './consumer-decisions.js';
import type { ConsumerGroup } from './consumer-group.js';
import { type ConsumerMember, currentOf, subscriptionOf } from './consumer-member.js';
import { readAssignment, readSubscription, writeAssignment } from './embedded-protocol.js';
import type { GroupRecord } from './group-record.js';
import { Member, type MemberProtocol } from './member.js';
import type { GroupTopics } from './offset-rules.js';
import { hashOf } from './subscribed-topics.js';

export interface MigrationContext {
  readonly topics: GroupTopics;
  readonly config: Pick<BrokerConfig, 'get'>;
  readonly nowMs: number;
}

/** What `group.consumer.migration.policy` allows. */
function allows(config: Pick<BrokerConfig, 'get'>, direction: 'upgrade' | 'downgrade'): boolean {
  const policy = config.get('group.consumer.migration.policy');
  return policy === 'bidirectional' || policy === direction;
}

/**
 * The records that make the classic `group`, which has members, a consumer group with the same ones; a sentence where it
 * has to stay what it is. Everyone keeps what the last leader gave it; who has not asked for that yet, what it has as well.
 */
export function decideUpgrade(
  group: ClassicGroup,
  { topics, config, nowMs }: MigrationContext,
): GroupRecord[] | string {
  if (!allows(config, 'upgrade')) return 'group.consumer.migration.policy does not allow it to become one';
  if (!group.isConsumerGroup) return 'its members are no consumers';
  if (group.members.size > config.get('group.consumer.max.size')) return 'it has too many members to become one';
  const generation = group.generation;
  const records: GroupRecord[] = group.tombstones();
  const subscribed = new Set<string>();
  // First what the leader gave, of everyone: what one member still has must not be another's.
  let given = NO_PARTITIONS;
  for (const { assignment } of group.members.values()) {
    given = together(given, readAssignment(assignment, topics) ?? NO_PARTITIONS);
  }
  for (const classicMember of group.members.values()) {
    const member = upgraded(classicMember, group, topics, given);
    if (member === null) return `member ${classicMember.id} says in no known way what it reads`;
    for (const topic of member.topicNames) subscribed.add(topic);
    given = together(given, member.assigned);
    const of = { group: group.id, memberId: member.id };
    records.push(
      { type: 'member', ...of, value: subscriptionOf(member) },
      { type: 'member-target', ...of, value: member.assigned },
      { type: 'current', ...of, value: currentOf(member) },
    );
  }
  // What the last leader gave may be no whole assignment: then the group's next epoch asks for one at once.
  const isSettled = group.state === 'Stable' && group.pendingSyncs.size === 0 && isWhole(given, subscribed, topics);
  const epoch = isSettled ? generation : generation + 1;
  records.push(
    { type: 'epoch', group: group.id, value: { epoch, metadataHash: hashOf(subscribed, topics) } },
    { type: 'target', group: group.id, value: { epoch: generation, timestampMs: nowMs } },
  );
  return records;
}

/** Whether every partition of the subscribed topics is somebody's. */
function isWhole(given: Assignment, subscribed: ReadonlySet<string>, topics: GroupTopics): boolean {
  for (const name of subscribed) {
    const topic = topics.get(name);
    if (topic && (given.get(topic.id)?.size ?? 0) < topic.partitions.length) return false;
  }
  return true;
}

/** `taken`: what others have already. */
function upgraded(member: Member, group: ClassicGroup, topics: GroupTopics, taken: Assignment): ConsumerMember | null {
  const { id, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = member;
  const chosen = protocols.find(({ name }) => name === group.protocol) ?? protocols[0];
  const subscription = readSubscription(chosen.metadata, topics);
  const given = readAssignment(member.assignment, topics);
  if (subscription === null || given === null) return null;
  // A cooperative member goes on with what it had until it hears what it has now; that it has yet to, too, where a
  // generation ended before its leader had said so.
  const isUntold = group.pendingSyncs.has(id) || member.assignment.length === 0;
  const kept = isUntold ? without(subscription.owned, taken) : NO_PARTITIONS;
  const assigned = together(given, kept);
  return {
    ...{ id, instanceId, clientId, clientHost, rebalanceTimeoutMs, assigned },
    rackId: subscription.rackId,
    topicNames: sortedOnce(subscription.topics),
    topicRegex: '',
    serverAssignor: null,
    classic: { sessionTimeoutMs, protocols },
    epoch: group.generation,
    previousEpoch: group.generation,
    state: 'stable',
    revoking: NO_PARTITIONS,
  };
}

export interface Downgrade {
  readonly records: GroupRecord[];
  /** By member; the record has room for the chosen one of each only. */
  readonly protocols: ReadonlyMap<string, readonly MemberProtocol[]>;
}

/**
 * The records that make `group` a classic one of those members that are not `leaving`; null where it stays a consumer
 * group: as some of them speak its protocol, as nobody would be left, or as it must.
 */
export function decideDowngrade(
  group: ConsumerGroup,
  leaving: ReadonlySet<string>,
  { topics, config, nowMs }: MigrationContext,
): Downgrade | null {
  const classic = new ClassicGroup(group.id);
  const protocols = new Map<string, readonly MemberProtocol[]>();
  for (const member of group.members.values()) {
    if (leaving.has(member.id)) continue;
    if (member.classic === null) return null;
    const { sessionTimeoutMs, protocols: offered } = member.classic;
    const downgraded = new Member({ ...member, sessionTimeoutMs, protocols: offered });
    downgraded.assignment = writeAssignment(member.assigned, offered[0].metadata, topics);
    protocols.set(member.id, offered);
    classic.add(downgraded, group.protocolType);
  }
  const { size } = classic.members;
  if (size === 0 || size > config.get('group.max.size') || !allows(config, 'downgrade')) return null;
  if (!classic.hasCommonProtocol) return null;
  classic.generation = group.epoch;
  classic.protocol = classic.chooseProtocol();
  const value = classic.metadata(nowMs, ({ assignment }) => assignment);
  return { records: [...group.tombstones(), { type: 'group', group: group.id, value }], protocols };
}
