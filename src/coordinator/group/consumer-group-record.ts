/** The records of consumer groups in `__consumer_offsets` (KIP-848), as the coordinator writes and replays them. Main thread. */
import type { InternalRecord } from '../../partition/internal-log.js';
import { decodeRecord, encodeRecord, recordNumber } from '../../protocol/compile.js';
import { consumerGroupCurrentMemberAssignmentKey as currentKey } from '../../protocol/records/consumer-group-current-member-assignment-key.js';
import { consumerGroupCurrentMemberAssignmentValue as currentValue } from '../../protocol/records/consumer-group-current-member-assignment-value.js';
import { consumerGroupMemberMetadataKey as memberKey } from '../../protocol/records/consumer-group-member-metadata-key.js';
import { consumerGroupMemberMetadataValue as memberValue } from '../../protocol/records/consumer-group-member-metadata-value.js';
import { consumerGroupMetadataKey as groupKey } from '../../protocol/records/consumer-group-metadata-key.js';
import { consumerGroupMetadataValue as groupValue } from '../../protocol/records/consumer-group-metadata-value.js';
import { consumerGroupPartitionMetadataKey as topicsKey } from '../../protocol/records/consumer-group-partition-metadata-key.js';
import { consumerGroupRegularExpressionKey as regexKey } from '../../protocol/records/consumer-group-regular-expression-key.js';
import { consumerGroupRegularExpressionValue as regexValue } from '../../protocol/records/consumer-group-regular-expression-value.js';
import { consumerGroupTargetAssignmentMemberKey as targetMemberKey } from '../../protocol/records/consumer-group-target-assignment-member-key.js';
import { consumerGroupTargetAssignmentMemberValue as targetMemberValue } from '../../protocol/records/consumer-group-target-assignment-member-value.js';
import { consumerGroupTargetAssignmentMetadataKey as targetKey } from '../../protocol/records/consumer-group-target-assignment-metadata-key.js';
import { consumerGroupTargetAssignmentMetadataValue as targetValue } from '../../protocol/records/consumer-group-target-assignment-metadata-value.js';
import { type Assignment, assignmentOf, listed } from './assignment.js';
import { type ClassicTraits, type CurrentAssignment, memberStates, type Subscription } from './consumer-member.js';

/** In each of them null takes away what the key names. */
export type ConsumerGroupRecord =
  | {
      readonly type: 'epoch';
      readonly group: string;
      readonly value: { readonly epoch: number; readonly metadataHash: number } | null;
    }
  | {
      readonly type: 'member';
      readonly group: string;
      readonly memberId: string;
      readonly value: Subscription | null;
    }
  | {
      readonly type: 'target';
      readonly group: string;
      readonly value: { readonly epoch: number; readonly timestampMs: number } | null;
    }
  | {
      readonly type: 'member-target';
      readonly group: string;
      readonly memberId: string;
      readonly value: Assignment | null;
    }
  | {
      readonly type: 'current';
      readonly group: string;
      readonly memberId: string;
      readonly value: CurrentAssignment | null;
    }
  | { readonly type: 'regex'; readonly group: string; readonly regex: string; readonly value: ResolvedRegex | null }
  /** Kafka before 4.1 wrote one; it is taken away with its group. */
  | { readonly type: 'old-topics'; readonly group: string; readonly isThere: boolean };

/** The topics that a regular expression stood for when it was last looked at. */
export interface ResolvedRegex {
  readonly topics: readonly string[];
  readonly timestampMs: number;
}

const VERSION = 0;

export function encodeConsumerGroupRecord(record: ConsumerGroupRecord): InternalRecord {
  const groupId = record.group;
  switch (record.type) {
    case 'epoch':
      return {
        key: encodeRecord(groupKey, VERSION, { groupId }),
        value: record.value && encodeRecord(groupValue, VERSION, record.value),
      };
    case 'old-topics':
      return { key: encodeRecord(topicsKey, VERSION, { groupId }), value: null };
    case 'member': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(memberKey, VERSION, { groupId, memberId }),
        value:
          value &&
          encodeRecord(memberValue, VERSION, {
            ...value,
            subscribedTopicNames: value.topicNames,
            subscribedTopicRegex: value.topicRegex,
            classicMemberMetadata: value.classic && {
              sessionTimeoutMs: value.classic.sessionTimeoutMs,
              supportedProtocols: value.classic.protocols,
            },
          }),
      };
    }
    case 'target': {
      const { value } = record;
      return {
        key: encodeRecord(targetKey, VERSION, { groupId }),
        value:
          value &&
          encodeRecord(targetValue, VERSION, { assignmentEpoch: value.epoch, assignmentTimestamp: value.timestampMs }),
      };
    }
    case 'member-target': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(targetMemberKey, VERSION, { groupId, memberId }),
        value: value && encodeRecord(targetMemberValue, VERSION, { topicPartitions: listed(value) }),
      };
    }
    case 'current': {
      const { memberId, value } = record;
      return {
        key: encodeRecord(currentKey, VERSION, { groupId, memberId }),
        value: value && encodeCurrent(value),
      };
    }
    case 'regex': {
      const { regex, value } = record;
      return {
        key: encodeRecord(regexKey, VERSION, { groupId, regularExpression: regex }),
        // There is no version of the metadata here; what counts is that a later look has a larger number.
        value:
          value &&
          encodeRecord(regexValue, VERSION, {
            topics: value.topics,
            version: value.timestampMs,
            timestamp: value.timestampMs,
          }),
      };
    }
  }
}

function encodeCurrent({ epoch, previousEpoch, state, assigned, revoking }: CurrentAssignment): Buffer {
  return encodeRecord(currentValue, VERSION, {
    memberEpoch: epoch,
    previousMemberEpoch: previousEpoch,
    state: memberStates.indexOf(state),
    assignedPartitions: withoutEpochs(assigned),
    partitionsPendingRevocation: withoutEpochs(revoking),
  });
}

/** The epoch of each partition is not kept: Apache Kafka takes the member's own for that, and complains of an empty list. */
function withoutEpochs(assignment: Assignment) {
  return listed(assignment).map((each) => ({ ...each, assignmentEpochs: null }));
}

/** null for a record of another kind. `key` is there and holds its type. */
export function decodeConsumerGroupRecord(key: Buffer, value: Buffer | null): ConsumerGroupRecord | null {
  switch (recordNumber(key)) {
    case groupKey.typeNumber: {
      const { groupId: group } = decodeRecord(groupKey, key);
      if (value === null) return { type: 'epoch', group, value };
      const { epoch, metadataHash } = decodeRecord(groupValue, value);
      return { type: 'epoch', group, value: { epoch, metadataHash } };
    }
    case topicsKey.typeNumber:
      return { type: 'old-topics', group: decodeRecord(topicsKey, key).groupId, isThere: value !== null };
    case memberKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(memberKey, key);
      return { type: 'member', group, memberId, value: value && decodeSubscription(value) };
    }
    case targetKey.typeNumber: {
      const { groupId: group } = decodeRecord(targetKey, key);
      if (value === null) return { type: 'target', group, value };
      const { assignmentEpoch, assignmentTimestamp } = decodeRecord(targetValue, value);
      return { type: 'target', group, value: { epoch: assignmentEpoch, timestampMs: assignmentTimestamp } };
    }
    case targetMemberKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(targetMemberKey, key);
      const target = value && assignmentOf(decodeRecord(targetMemberValue, value).topicPartitions);
      return { type: 'member-target', group, memberId, value: target };
    }
    case currentKey.typeNumber: {
      const { groupId: group, memberId } = decodeRecord(currentKey, key);
      return { type: 'current', group, memberId, value: value && decodeCurrent(value) };
    }
    case regexKey.typeNumber: {
      const { groupId: group, regularExpression: regex } = decodeRecord(regexKey, key);
      if (value === null) return { type: 'regex', group, regex, value };
      const { topics, timestamp } = decodeRecord(regexValue, value);
      return { type: 'regex', group, regex, value: { topics, timestampMs: timestamp } };
    }
    default:
      return null;
  }
}

function decodeSubscription(value: Buffer): Subscription {
  const decoded = decodeRecord(memberValue, value);
  const traits = decoded.classicMemberMetadata;
  return {
    instanceId: decoded.instanceId,
    rackId: decoded.rackId,
    clientId: decoded.clientId,
    clientHost: decoded.clientHost,
    topicNames: decoded.subscribedTopicNames,
    topicRegex: decoded.subscribedTopicRegex ?? '',
    rebalanceTimeoutMs: decoded.rebalanceTimeoutMs,
    serverAssignor: decoded.serverAssignor,
    classic: traits && traits.supportedProtocols.length > 0 ? copied(traits) : null,
  };
}

/** The decoder's bytes are views into the log's. */
function copied({
  sessionTimeoutMs,
  supportedProtocols,
}: {
  readonly sessionTimeoutMs: number;
  readonly supportedProtocols: ClassicTraits['protocols'];
}): ClassicTraits {
  return {
    sessionTimeoutMs,
    protocols: supportedProtocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
  };
}

function decodeCurrent(value: Buffer): CurrentAssignment {
  const decoded = decodeRecord(currentValue, value);
  return {
    epoch: decoded.memberEpoch,
    previousEpoch: decoded.previousMemberEpoch,
    state: memberStates[decoded.state] ?? 'stable',
    assigned: assignmentOf(decoded.assignedPartitions),
    revoking: assignmentOf(decoded.partitionsPendingRevocation),
  };
}
