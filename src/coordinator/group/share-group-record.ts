/** The records of share groups in `__consumer_offsets` (KIP-932), as the coordinator writes and replays them. Main thread. */
import type { Uuid } from '../../base/uuid.js';
import type { InternalRecord } from '../../partition/internal-log.js';
import { decodeRecord, encodeRecord, recordNumber } from '../../protocol/compile.js';
import { shareGroupCurrentMemberAssignmentKey as currentKey } from '../../protocol/records/share-group-current-member-assignment-key.js';
import { shareGroupCurrentMemberAssignmentValue as currentValue } from '../../protocol/records/share-group-current-member-assignment-value.js';
import { shareGroupMemberMetadataKey as memberKey } from '../../protocol/records/share-group-member-metadata-key.js';
import { shareGroupMemberMetadataValue as memberValue } from '../../protocol/records/share-group-member-metadata-value.js';
import { shareGroupMetadataKey as groupKey } from '../../protocol/records/share-group-metadata-key.js';
import { shareGroupMetadataValue as groupValue } from '../../protocol/records/share-group-metadata-value.js';
import { shareGroupStatePartitionMetadataKey as statesKey } from '../../protocol/records/share-group-state-partition-metadata-key.js';
import { shareGroupStatePartitionMetadataValue as statesValue } from '../../protocol/records/share-group-state-partition-metadata-value.js';
import { shareGroupTargetAssignmentMemberKey as targetMemberKey } from '../../protocol/records/share-group-target-assignment-member-key.js';
import { shareGroupTargetAssignmentMemberValue as targetMemberValue } from '../../protocol/records/share-group-target-assignment-member-value.js';
import { shareGroupTargetAssignmentMetadataKey as targetKey } from '../../protocol/records/share-group-target-assignment-metadata-key.js';
import { shareGroupTargetAssignmentMetadataValue as targetValue } from '../../protocol/records/share-group-target-assignment-metadata-value.js';
import { type Assignment, assignmentOf, listed } from './assignment.js';

/** What a member says of itself. */
export interface ShareSubscription {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
}

/** What a member has been told. */
export interface ShareAssignment {
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly assigned: Assignment;
}

/** A topic of which the group keeps delivery state: it has read some of it, or is about to. */
export interface SharedTopic {
  readonly name: string;
  readonly partitions: ReadonlySet<number>;
}

/** In each of them null takes away what the key names. */
export type ShareGroupRecord =
  | {
      readonly type: 'share-epoch';
      readonly group: string;
      readonly value: { readonly epoch: number; readonly metadataHash: number } | null;
    }
  | {
      readonly type: 'share-member';
      readonly group: string;
      readonly memberId: string;
      readonly value: ShareSubscription | null;
    }
  | {
      readonly type: 'share-target';
      readonly group: string;
      readonly value: { readonly epoch: number; readonly timestampMs: number } | null;
    }
  | {
      readonly type: 'share-member-target';
      readonly group: string;
      readonly memberId: string;
      readonly value: Assignment | null;
    }
  | {
      readonly type: 'share-current';
      readonly group: string;
      readonly memberId: string;
      readonly value: ShareAssignment | null;
    }
  | {
      readonly type: 'share-topics';
      readonly group: string;
      readonly value: ReadonlyMap<Uuid, SharedTopic> | null;
    };

const types: ReadonlySet<string> = new Set<ShareGroupRecord['type']>([
  'share-epoch',
  'share-member',
  'share-target',
  'share-member-target',
  'share-current',
  'share-topics',
]);

export function isOfShareGroups(record: { readonly type: string }): record is ShareGroupRecord {
  return types.has(record.type);
}

const VERSION = 0;
/** The one state that a member can be in: it has what it shall have. */
const STABLE = 0;

export function encodeShareGroupRecord(record: ShareGroupRecord): InternalRecord {
  const groupId = record.group;
  switch (record.type) {
    case 'share-epoch':
      return {
        key: encodeRecord(groupKey, VERSION, { groupId }),
        value: record.value && encodeRecord(groupValue, VERSION, record.value),
      };
    case 'share-member': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(memberKey, VERSION, { groupId, memberId }),
        value: value && encodeRecord(memberValue, VERSION, { ...value, subscribedTopicNames: value.topicNames }),
      };
    }
    case 'share-target': {
      const { value } = record;
      return {
        key: encodeRecord(targetKey, VERSION, { groupId }),
        value:
          value &&
          encodeRecord(targetValue, VERSION, { assignmentEpoch: value.epoch, assignmentTimestamp: value.timestampMs }),
      };
    }
    case 'share-member-target': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(targetMemberKey, VERSION, { groupId, memberId }),
        value: value && encodeRecord(targetMemberValue, VERSION, { topicPartitions: listed(value) }),
      };
    }
    case 'share-current': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(currentKey, VERSION, { groupId, memberId }),
        value:
          value &&
          encodeRecord(currentValue, VERSION, {
            memberEpoch: value.epoch,
            previousMemberEpoch: value.previousEpoch,
            state: STABLE,
            assignedPartitions: listed(value.assigned),
          }),
      };
    }
    case 'share-topics':
      return {
        key: encodeRecord(statesKey, VERSION, { groupId }),
        value: record.value && encodeTopics(record.value),
      };
  }
}

/**
 * State of ours begins where it is first written, so a topic is never half initialized; and it is deleted before the
 * group lets go of the topic, so none is ever half deleted.
 */
function encodeTopics(topics: ReadonlyMap<Uuid, SharedTopic>): Buffer {
  return encodeRecord(statesValue, VERSION, {
    initializingTopics: [],
    initializedTopics: [...topics].map(([topicId, { name, partitions }]) => ({
      topicId,
      topicName: name,
      partitions: [...partitions],
    })),
    deletingTopics: [],
  });
}

/** null for a record of another kind. `key` is there and holds its type. */
export function decodeShareGroupRecord(key: Buffer, value: Buffer | null): ShareGroupRecord | null {
  switch (recordNumber(key)) {
    case groupKey.typeNumber: {
      const { groupId: group } = decodeRecord(groupKey, key);
      if (value === null) return { type: 'share-epoch', group, value };
      const { epoch, metadataHash } = decodeRecord(groupValue, value);
      return { type: 'share-epoch', group, value: { epoch, metadataHash } };
    }
    case memberKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(memberKey, key);
      return { type: 'share-member', group, memberId, value: value && decodeSubscription(value) };
    }
    case targetKey.typeNumber: {
      const { groupId: group } = decodeRecord(targetKey, key);
      if (value === null) return { type: 'share-target', group, value };
      const { assignmentEpoch, assignmentTimestamp } = decodeRecord(targetValue, value);
      return { type: 'share-target', group, value: { epoch: assignmentEpoch, timestampMs: assignmentTimestamp } };
    }
    case targetMemberKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(targetMemberKey, key);
      const target = value && assignmentOf(decodeRecord(targetMemberValue, value).topicPartitions);
      return { type: 'share-member-target', group, memberId, value: target };
    }
    case currentKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(currentKey, key);
      if (value === null) return { type: 'share-current', group, memberId, value };
      const { memberEpoch, previousMemberEpoch, assignedPartitions } = decodeRecord(currentValue, value);
      const assigned = assignmentOf(assignedPartitions);
      const current = { epoch: memberEpoch, previousEpoch: previousMemberEpoch, assigned };
      return { type: 'share-current', group, memberId, value: current };
    }
    case statesKey.typeNumber:
      return { type: 'share-topics', group: decodeRecord(statesKey, key).groupId, value: value && decodeTopics(value) };
    default:
      return null;
  }
}

function decodeSubscription(value: Buffer): ShareSubscription {
  const { rackId, clientId, clientHost, subscribedTopicNames } = decodeRecord(memberValue, value);
  return { rackId, clientId, clientHost, topicNames: subscribedTopicNames };
}

function decodeTopics(value: Buffer): Map<Uuid, SharedTopic> {
  const { initializingTopics, initializedTopics } = decodeRecord(statesValue, value);
  const topics = new Map<Uuid, SharedTopic>();
  for (const { topicId, topicName, partitions } of [...initializedTopics, ...initializingTopics]) {
    const known = topics.get(topicId)?.partitions ?? [];
    topics.set(topicId, { name: topicName, partitions: new Set([...known, ...partitions]) });
  }
  return topics;
}
