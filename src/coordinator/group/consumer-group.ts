/** A consumer group of KIP-848: epochs, members, who has what and who shall have what; changed by replay alone. Main thread. */

import type { ErrorName } from '../../base/error-code.js';
import type { Deadline } from '../../base/timer-wheel.js';
import type { Uuid } from '../../base/uuid.js';
import { type Assignment, NO_PARTITIONS } from './assignment.js';
import { CommittedOffsets } from './committed-offsets.js';
import type { ResolvedRegex } from './consumer-group-record.js';
import { type ConsumerMember, newMember } from './consumer-member.js';
import type { GroupRecord } from './group-record.js';

/** As ConsumerGroupDescribe and ListGroups spell them. */
export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable';

/** What a member was told to do, and when it counts as gone because it has not. */
export interface Debt {
  /** A member of the classic protocol has to join again, or to fetch its assignment; others give partitions back. */
  readonly kind: 'revocation' | 'join' | 'sync';
  /** In which it was told. */
  readonly epoch: number;
  readonly deadline: Deadline;
}

/**
 * Three epochs: the group's rises when members or topics change; the assignment's follows when it has been computed for
 * that; each member's follows when the member has reached it.
 */
export class ConsumerGroup {
  readonly protocolType = 'consumer';
  readonly isConsumerGroup = true;
  epoch = 0;
  /** Of the topics that the group reads, as the current epoch knows them. */
  metadataHash = 0;
  assignmentEpoch = 0;
  /** When the assignment's epoch came, in wall-clock milliseconds: of a group that is empty, when it became so. 0 where the log does not say. */
  assignedAtMs = 0;
  readonly members = new Map<string, ConsumerMember>();
  /** What each member shall have in the assignment's epoch. */
  readonly targets = new Map<string, Assignment>();
  readonly regexes = new Map<string, ResolvedRegex>();
  /** Member ids by instance id. */
  private readonly instances = new Map<string, string>();
  /** Who has each partition, or has yet to give it back. */
  private readonly owners = new Map<Uuid, Map<number, string>>();
  private hasOldTopics = false;
  /** Not durable: topics may have come, gone or grown since the last heartbeat, or while nobody watched. */
  topicsMayHaveChanged = true;
  readonly sessions = new Map<string, Deadline>();
  readonly debts = new Map<string, Debt>();

  constructor(
    readonly id: string,
    readonly offsets = new CommittedOffsets(),
  ) {}

  get state(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty';
    if (this.epoch > this.assignmentEpoch) return 'Assigning';
    for (const { epoch, state } of this.members.values()) {
      if (state !== 'stable' || epoch !== this.assignmentEpoch) return 'Reconciling';
    }
    return 'Stable';
  }

  /** Nothing of it is in the log, and nobody is in it. */
  get isForgettable(): boolean {
    return this.epoch === 0 && this.members.size === 0 && this.offsets.isEmpty;
  }

  /** Nobody is in it, and only its own records keep it. */
  get mayExpire(): boolean {
    return this.members.size === 0 && this.epoch > 0;
  }

  replay(record: GroupRecord): void {
    switch (record.type) {
      case 'offset':
        if (record.value) this.offsets.set(record.topic, record.partition, record.value);
        else this.offsets.delete(record.topic, record.partition);
        return;
      case 'epoch':
        this.epoch = record.value?.epoch ?? 0;
        this.metadataHash = record.value?.metadataHash ?? 0;
        return;
      case 'target':
        this.assignmentEpoch = record.value?.epoch ?? 0;
        this.assignedAtMs = record.value?.timestampMs ?? 0;
        return;
      case 'member-target':
        if (record.value) this.targets.set(record.memberId, record.value);
        else this.targets.delete(record.memberId);
        return;
      case 'regex':
        if (record.value) this.regexes.set(record.regex, record.value);
        else this.regexes.delete(record.regex);
        return;
      case 'member':
        if (record.value) this.put({ ...this.memberOrNew(record.memberId), ...record.value });
        else this.remove(record.memberId);
        return;
      case 'current':
        // In a compacted log a member's place may come before the member; a tombstone comes before the member's own.
        if (record.value) this.put({ ...this.memberOrNew(record.memberId), ...record.value });
        else if (this.members.has(record.memberId)) this.put({ ...this.memberOrNew(record.memberId), ...released });
        return;
      case 'old-topics':
        this.hasOldTopics = record.isThere;
        return;
      case 'group':
        // The tombstone of the classic group that was here before.
        return;
    }
  }

  private memberOrNew(id: string): ConsumerMember {
    return this.members.get(id) ?? newMember(id);
  }

  private put(member: ConsumerMember): void {
    const before = this.members.get(member.id);
    if (before) this.release(before);
    this.members.set(member.id, member);
    if (member.instanceId !== null) this.instances.set(member.instanceId, member.id);
    for (const partitions of [member.assigned, member.revoking]) {
      for (const [topicId, indexes] of partitions) {
        let owners = this.owners.get(topicId);
        if (!owners) {
          owners = new Map();
          this.owners.set(topicId, owners);
        }
        for (const index of indexes) owners.set(index, member.id);
      }
    }
  }

  private remove(id: string): void {
    const member = this.members.get(id);
    if (!member) return;
    this.release(member);
    this.members.delete(id);
    // Its instance may be another member's already.
    if (member.instanceId !== null && this.instances.get(member.instanceId) === id) {
      this.instances.delete(member.instanceId);
    }
  }

  private release(member: ConsumerMember): void {
    for (const partitions of [member.assigned, member.revoking]) {
      for (const [topicId, indexes] of partitions) {
        const owners = this.owners.get(topicId);
        for (const index of indexes) if (owners?.get(index) === member.id) owners.delete(index);
        if (owners?.size === 0) this.owners.delete(topicId);
      }
    }
  }

  /** Whose `partition` is; undefined where it is nobody's. */
  ownerOf(topicId: Uuid, partition: number): string | undefined {
    return this.owners.get(topicId)?.get(partition);
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const id = this.instances.get(instanceId);
    return id === undefined ? undefined : this.members.get(id);
  }

  targetOf(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_PARTITIONS;
  }

  /** Whether nothing that `member` shall have is another's any more. */
  hasAllFree(member: ConsumerMember): boolean {
    for (const [topicId, partitions] of this.targetOf(member.id)) {
      for (const partition of partitions) {
        const owner = this.ownerOf(topicId, partition);
        if (owner !== undefined && owner !== member.id) return false;
      }
    }
    return true;
  }

  isSubscribedTo(topic: string): boolean {
    for (const { topicNames, topicRegex } of this.members.values()) {
      if (topicNames.includes(topic)) return true;
      if (topicRegex !== '' && this.regexes.get(topicRegex)?.topics.includes(topic)) return true;
    }
    return false;
  }

  /** Whether a member may speak for the group as it stands: a commit, or a fetch that names its member. */
  checkMemberEpoch(memberId: string, epoch: number): ErrorName {
    const member = this.members.get(memberId);
    if (!member) return 'UNKNOWN_MEMBER_ID';
    if (epoch === member.epoch) return 'NONE';
    return member.classic === null ? 'STALE_MEMBER_EPOCH' : 'ILLEGAL_GENERATION';
  }

  /** All but its offsets. The one that makes it no consumer group any more comes last. */
  tombstones(): GroupRecord[] {
    const group = this.id;
    const records: GroupRecord[] = [];
    for (const memberId of this.members.keys()) records.push(...tombstonesOfMember(group, memberId));
    for (const regex of this.regexes.keys()) records.push({ type: 'regex', group, regex, value: null });
    if (this.hasOldTopics) records.push({ type: 'old-topics', group, isThere: false });
    records.push({ type: 'target', group, value: null }, { type: 'epoch', group, value: null });
    return records;
  }
}

const released = { assigned: NO_PARTITIONS, revoking: NO_PARTITIONS };

export function tombstonesOfMember(group: string, memberId: string): GroupRecord[] {
  return [
    { type: 'current', group, memberId, value: null },
    { type: 'member-target', group, memberId, value: null },
    { type: 'member', group, memberId, value: null },
  ];
}
