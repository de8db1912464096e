/** A share group (KIP-932): epochs, members, who reads which partitions; changed by replay alone. Main thread. */
import type { Deadline } from '../../base/timer-wheel.js';
import type { Uuid } from '../../base/uuid.js';
import { type Assignment, NO_PARTITIONS } from './assignment.js';
import { CommittedOffsets } from './committed-offsets.js';
import type { GroupRecord } from './group-record.js';
import type { ShareAssignment, SharedTopic, ShareSubscription } from './share-group-record.js';

/** As ShareGroupDescribe and ListGroups spell them. */
export type ShareGroupState = 'Empty' | 'Stable';

export interface ShareMember extends ShareSubscription, ShareAssignment {
  readonly id: string;
}

export function newShareMember(id: string): ShareMember {
  return {
    id,
    rackId: null,
    clientId: '',
    clientHost: '',
    topicNames: [],
    epoch: 0,
    previousEpoch: 0,
    assigned: NO_PARTITIONS,
  };
}

/**
 * Members of a share group give nothing back before others get it: several may read one partition, so each has at once
 * what it shall have. What became of single records is no part of this: see coordinator/share.
 */
export class ShareGroup {
  readonly protocolType = 'share';
  readonly isConsumerGroup = false;
  epoch = 0;
  /** Of the topics that the group reads, as the current epoch knows them. */
  metadataHash = 0;
  assignmentEpoch = 0;
  readonly members = new Map<string, ShareMember>();
  /** What each member shall have in the assignment's epoch. */
  readonly targets = new Map<string, Assignment>();
  /** By topic id: where it keeps delivery state. */
  topics: ReadonlyMap<Uuid, SharedTopic> = new Map();
  /** Not durable: topics may have come, gone or grown since the last heartbeat, or while nobody watched. */
  topicsMayHaveChanged = true;
  readonly sessions = new Map<string, Deadline>();

  constructor(
    readonly id: string,
    readonly offsets = new CommittedOffsets(),
  ) {}

  get state(): ShareGroupState {
    return this.members.size === 0 ? 'Empty' : 'Stable';
  }

  /** Nothing of it is in the log, and nobody is in it. */
  get isForgettable(): boolean {
    return this.epoch === 0 && this.members.size === 0 && this.topics.size === 0 && this.offsets.isEmpty;
  }

  /** What the group has read is kept until somebody deletes it, as in Kafka. */
  readonly mayExpire = false;

  replay(record: GroupRecord): void {
    switch (record.type) {
      case 'share-epoch':
        this.epoch = record.value?.epoch ?? 0;
        this.metadataHash = record.value?.metadataHash ?? 0;
        return;
      case 'share-target':
        this.assignmentEpoch = record.value?.epoch ?? 0;
        return;
      case 'share-member-target':
        if (record.value) this.targets.set(record.memberId, record.value);
        else this.targets.delete(record.memberId);
        return;
      case 'share-topics':
        this.topics = record.value ?? new Map();
        return;
      case 'share-member':
        if (record.value) this.put(record.memberId, record.value);
        else this.members.delete(record.memberId);
        return;
      case 'share-current':
        // In a compacted log it may come before the member; a tombstone comes before the member's own.
        if (record.value) this.put(record.memberId, record.value);
        return;
      case 'offset':
        if (record.value) this.offsets.set(record.topic, record.partition, record.value);
        else this.offsets.delete(record.topic, record.partition);
        return;
      default:
        // Tombstones of the group of another type that was here before.
        return;
    }
  }

  private put(id: string, change: ShareSubscription | ShareAssignment): void {
    this.members.set(id, { ...(this.members.get(id) ?? newShareMember(id)), ...change });
  }

  targetOf(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_PARTITIONS;
  }

  isSubscribedTo(topic: string): boolean {
    for (const { topicNames } of this.members.values()) if (topicNames.includes(topic)) return true;
    return false;
  }

  /** Whether the group keeps delivery state of the partition, and so may fetch from it. */
  reads(topicId: Uuid, partition: number): boolean {
    return this.topics.get(topicId)?.partitions.has(partition) ?? false;
  }

  /** The one that makes it no share group any more comes last. */
  tombstones(): GroupRecord[] {
    const group = this.id;
    const records: GroupRecord[] = [];
    for (const memberId of this.members.keys()) records.push(...tombstonesOfShareMember(group, memberId));
    records.push(
      { type: 'share-topics', group, value: null },
      { type: 'share-target', group, value: null },
      { type: 'share-epoch', group, value: null },
    );
    return records;
  }
}

export function tombstonesOfShareMember(group: string, memberId: string): GroupRecord[] {
  return [
    { type: 'share-current', group, memberId, value: null },
    { type: 'share-member-target', group, memberId, value: null },
    { type: 'share-member', group, memberId, value: null },
  ];
}
