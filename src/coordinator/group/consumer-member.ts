/** One member of a consumer group: who it is, what it reads, what it has, and its next step towards what it shall have. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import { type Assignment, filtered, NO_PARTITIONS, overlap, same, sizeOf, together, without } from './assignment.js';
import { type MemberProtocol, offersTheSame } from './member.js';

/** A static member's epoch while it is away (KIP-848); its place is kept for as long as its session lasts. */
export const AWAY_EPOCH = -2;
export const LEAVE_EPOCH = -1;
export const JOIN_EPOCH = 0;

/**
 * How far the member is on its way to the group's assignment; the numbers in its records stand in {@link memberStates}.
 *
 * ```
 *                 has something to give back                 its heartbeat no longer lists it
 *   stable ────────────────────────────────► unrevoked ────────────────────────────────────────┐
 *     ▲  ▲                                     (epoch stays)                                   │
 *     │  └───────────────── all that it shall have is free ────────────────────────────────────┤
 *     │                                                                                        ▼
 *     └────────────── the rest has come free ────────────────────────────────────────── unreleased
 *                                                                 (epoch moves on, some is still another's)
 * ```
 */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased';

/** By the number in the record; the rest is for states that only newer writers know. */
export const memberStates: readonly MemberState[] = ['stable', 'unrevoked', 'unreleased'];

/** What the member says of itself. */
export interface Subscription {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
  /** Empty for none. */
  readonly topicRegex: string;
  readonly rebalanceTimeoutMs: number;
  /** null: whichever the group has. */
  readonly serverAssignor: string | null;
  /** Set where the member speaks the classic protocol: the group was one of those before, or is to become one. */
  readonly classic: ClassicTraits | null;
}

/** What only members that speak the classic protocol have. */
export interface ClassicTraits {
  /** They choose it themselves. */
  readonly sessionTimeoutMs: number;
  /** At least one. */
  readonly protocols: readonly MemberProtocol[];
}

/** What the member has been told. */
export interface CurrentAssignment {
  readonly epoch: number;
  /** The one before, with which the member comes again where the answer with the newer one was lost. */
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: Assignment;
  /** What it has to give back before it goes on. */
  readonly revoking: Assignment;
}

export interface ConsumerMember extends Subscription, CurrentAssignment {
  readonly id: string;
}

export function newMember(id: string): ConsumerMember {
  return {
    id,
    instanceId: null,
    rackId: null,
    clientId: '',
    clientHost: '',
    topicNames: [],
    topicRegex: '',
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    classic: null,
    epoch: JOIN_EPOCH,
    previousEpoch: JOIN_EPOCH,
    state: 'stable',
    assigned: NO_PARTITIONS,
    revoking: NO_PARTITIONS,
  };
}

/** Only what goes into the member's own record. */
export function subscriptionOf(member: ConsumerMember): Subscription {
  const { instanceId, rackId, clientId, clientHost, topicNames, topicRegex } = member;
  const { rebalanceTimeoutMs, serverAssignor, classic } = member;
  return {
    ...{ instanceId, rackId, clientId, clientHost, topicNames, topicRegex },
    ...{ rebalanceTimeoutMs, serverAssignor, classic },
  };
}

/** Only what goes into the record of what the member has. */
export function currentOf({ epoch, previousEpoch, state, assigned, revoking }: ConsumerMember): CurrentAssignment {
  return { epoch, previousEpoch, state, assigned, revoking };
}

export function subscribesTheSame(one: Subscription, other: Subscription): boolean {
  return (
    one.topicRegex === other.topicRegex &&
    one.serverAssignor === other.serverAssignor &&
    one.topicNames.length === other.topicNames.length &&
    one.topicNames.every((name, i) => name === other.topicNames[i])
  );
}

export function saysTheSame(one: Subscription, other: Subscription): boolean {
  return (
    subscribesTheSame(one, other) &&
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    hasTheSameTraits(one.classic, other.classic)
  );
}

function hasTheSameTraits(one: ClassicTraits | null, other: ClassicTraits | null): boolean {
  if (one === null || other === null) return one === other;
  return one.sessionTimeoutMs === other.sessionTimeoutMs && offersTheSame(one.protocols, other.protocols);
}

export function hasTheSame(one: CurrentAssignment, other: CurrentAssignment): boolean {
  return (
    one.epoch === other.epoch &&
    one.previousEpoch === other.previousEpoch &&
    one.state === other.state &&
    same(one.assigned, other.assigned) &&
    same(one.revoking, other.revoking)
  );
}

export interface Goal {
  readonly epoch: number;
  readonly assignment: Assignment;
  /** False where another member has the partition, or has yet to give it back. */
  isFree(topicId: Uuid, partition: number): boolean;
}

/**
 * The member's next step towards `goal`: first it gives back what it shall not have, in its old epoch; then it takes
 * the new epoch with what is free. `owned` is what its heartbeat lists; null where the heartbeat says nothing of it.
 */
export function reconciled(member: ConsumerMember, owned: Assignment | null, goal: Goal): ConsumerMember {
  const stillHas = (partitions: Assignment) => owned === null || sizeOf(overlap(partitions, owned)) > 0;
  if (member.state === 'stable' && member.epoch === goal.epoch) return member;
  if (member.state === 'unrevoked' && stillHas(member.revoking)) return member;
  const assigned = overlap(member.assigned, goal.assignment);
  const revoking = without(member.assigned, goal.assignment);
  if (sizeOf(revoking) > 0 && stillHas(revoking)) return { ...member, state: 'unrevoked', assigned, revoking };
  const missing = without(goal.assignment, assigned);
  const free = filtered(missing, (topicId, partition) => goal.isFree(topicId, partition));
  return {
    ...member,
    epoch: goal.epoch,
    previousEpoch: member.epoch === goal.epoch ? member.previousEpoch : member.epoch,
    state: sizeOf(free) < sizeOf(missing) ? 'unreleased' : 'stable',
    assigned: together(assigned, free),
    revoking: NO_PARTITIONS,
  };
}
