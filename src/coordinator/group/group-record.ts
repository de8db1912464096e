/** The records of `__consumer_offsets`, as the group coordinator writes and replays them. Main thread. */
import { type Uuid, ZERO_UUID } from '../../base/uuid.js';
import type { InternalRecord } from '../../partition/internal-log.js';
import { decodeRecord, encodeRecord } from '../../protocol/compile.js';
import { groupMetadataKey } from '../../protocol/records/group-metadata-key.js';
import { groupMetadataValue } from '../../protocol/records/group-metadata-value.js';
import { legacyOffsetCommitKey } from '../../protocol/records/legacy-offset-commit-key.js';
import { offsetCommitKey } from '../../protocol/records/offset-commit-key.js';
import { offsetCommitValue } from '../../protocol/records/offset-commit-value.js';
import type { EncodableRecordOf } from '../../protocol/schema.js';
import {
  type ConsumerGroupRecord,
  decodeConsumerGroupRecord,
  encodeConsumerGroupRecord,
} from './consumer-group-record.js';
import {
  decodeShareGroupRecord,
  encodeShareGroupRecord,
  isOfShareGroups,
  type ShareGroupRecord,
} from './share-group-record.js';

/** A committed offset, for as long as its group and its topic live. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1 where the client did not say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** Set only where the client asked for a retention of its own (OffsetCommit 2-4); -1 otherwise. */
  readonly expireTimestampMs: number;
  /** The incarnation of the topic that the offset counts in; all zeros where an older record does not say. */
  readonly topicId: Uuid;
}

/** A stable, or empty, generation of a group: what survives a restart. */
export type GroupMetadata = EncodableRecordOf<typeof groupMetadataValue>;

export interface OffsetRecord {
  readonly type: 'offset';
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** null removes the offset. */
  readonly value: CommittedOffset | null;
}

export interface GroupMetadataRecord {
  readonly type: 'group';
  readonly group: string;
  /** null removes the group. */
  readonly value: GroupMetadata | null;
}

/** Every change of a group's durable state is one of these, applied by one replay function, live as at start. */
export type GroupRecord = OffsetRecord | GroupMetadataRecord | ConsumerGroupRecord | ShareGroupRecord;

const KEY_VERSION = 0;
/** Version 4 only adds tagged fields, so a reader of version 3 is all that it shuts out; it carries the topic's id. */
const OFFSET_VALUE_VERSION = 4;
/** The one version that can say when the offset expires. */
const EXPIRING_OFFSET_VALUE_VERSION = 1;
const GROUP_VALUE_VERSION = 3;

export function encodeGroupRecord(record: GroupRecord): InternalRecord {
  if (record.type === 'group') {
    const { group, value } = record;
    return {
      key: encodeRecord(groupMetadataKey, KEY_VERSION, { group }),
      value: value === null ? null : encodeRecord(groupMetadataValue, GROUP_VALUE_VERSION, value),
    };
  }
  if (isOfShareGroups(record)) return encodeShareGroupRecord(record);
  if (record.type !== 'offset') return encodeConsumerGroupRecord(record);
  const { group, topic, partition, value } = record;
  return {
    key: encodeRecord(offsetCommitKey, KEY_VERSION, { group, topic, partition }),
    value: value === null ? null : encodeOffset(value),
  };
}

function encodeOffset(value: CommittedOffset): Buffer {
  const { offset, leaderEpoch, metadata, commitTimestampMs, expireTimestampMs, topicId } = value;
  const expires = expireTimestampMs !== -1;
  return encodeRecord(offsetCommitValue, expires ? EXPIRING_OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION, {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: commitTimestampMs,
    expireTimestamp: expireTimestampMs,
    topicId,
  });
}

/**
 * null for a record type that these groups do not have (Streams groups): it is kept in the log and left alone. Buffers inside the result are copies: they outlive the visit.
 */
export function decodeGroupRecord({ key, value }: InternalRecord): GroupRecord | null {
  if (key === null || key.length < 2) return null;
  const type = key.readInt16BE(0);
  if (type === groupMetadataKey.typeNumber) {
    const { group } = decodeRecord(groupMetadataKey, key);
    // One copy of the whole value: what the decoder cuts out of it are views.
    return {
      type: 'group',
      group,
      value: value === null ? null : decodeRecord(groupMetadataValue, Buffer.from(value)),
    };
  }
  if (type === offsetCommitKey.typeNumber || type === legacyOffsetCommitKey.typeNumber) {
    const { group, topic, partition } = decodeRecord(
      type === offsetCommitKey.typeNumber ? offsetCommitKey : legacyOffsetCommitKey,
      key,
    );
    return { type: 'offset', group, topic, partition, value: value === null ? null : decodeOffset(value) };
  }
  return decodeConsumerGroupRecord(key, value) ?? decodeShareGroupRecord(key, value);
}

function decodeOffset(value: Buffer): CommittedOffset {
  const { offset, leaderEpoch, metadata, commitTimestamp, expireTimestamp, topicId } = decodeRecord(
    offsetCommitValue,
    value,
  );
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestampMs: commitTimestamp,
    expireTimestampMs: expireTimestamp,
    topicId: topicId ?? ZERO_UUID,
  };
}
