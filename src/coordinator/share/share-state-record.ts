/** The records of `__share_group_state` (KIP-932): all of a share group's state in one partition, or what has changed of it. Main thread. */
import type { LeaderEpoch, Offset } from '../../base/units.js';
import type { Uuid } from '../../base/uuid.js';
import type { InternalRecord } from '../../partition/internal-log.js';
import { decodeRecord, encodeRecord, recordNumber } from '../../protocol/compile.js';
import { shareSnapshotKey } from '../../protocol/records/share-snapshot-key.js';
import { shareSnapshotValue } from '../../protocol/records/share-snapshot-value.js';
import { shareUpdateKey } from '../../protocol/records/share-update-key.js';
import { shareUpdateValue } from '../../protocol/records/share-update-value.js';
import type { StateBatch } from './share-window.js';

/** Whose state it is. */
export interface ShareStateId {
  readonly groupId: string;
  readonly topicId: Uuid;
  readonly partition: number;
}

interface ShareState {
  readonly snapshotEpoch: number;
  readonly leaderEpoch: LeaderEpoch;
  /** -1: in a snapshot nothing was read yet, in an update it stays. */
  readonly startOffset: Offset;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

export interface ShareSnapshot extends ShareState {
  /** Grows when an administrator sets the state. */
  readonly stateEpoch: number;
  readonly createTimestamp: number;
  readonly writeTimestamp: number;
}

export type ShareStateRecord =
  | { readonly type: 'snapshot'; readonly id: ShareStateId; readonly value: ShareSnapshot | null }
  | { readonly type: 'update'; readonly id: ShareStateId; readonly value: ShareState | null };

const VERSION = 0;

/** As Kafka names it: decides the partition of the topic. */
export function shareStateName({ groupId, topicId, partition }: ShareStateId): string {
  return `${groupId}:${topicId}:${partition}`;
}

export function encodeShareStateRecord(record: ShareStateRecord): InternalRecord {
  if (record.type === 'snapshot') {
    return {
      key: encodeRecord(shareSnapshotKey, VERSION, record.id),
      value: record.value && encodeRecord(shareSnapshotValue, VERSION, record.value),
    };
  }
  return {
    key: encodeRecord(shareUpdateKey, VERSION, record.id),
    value: record.value && encodeRecord(shareUpdateValue, VERSION, record.value),
  };
}

/** null for a record of another kind: it is left alone. */
export function decodeShareStateRecord({ key, value }: InternalRecord): ShareStateRecord | null {
  if (key === null || key.length < 2) return null;
  switch (recordNumber(key)) {
    case shareSnapshotKey.typeNumber:
      return {
        type: 'snapshot',
        id: decodeRecord(shareSnapshotKey, key),
        value: value && decodeRecord(shareSnapshotValue, value),
      };
    case shareUpdateKey.typeNumber:
      return {
        type: 'update',
        id: decodeRecord(shareUpdateKey, key),
        value: value && decodeRecord(shareUpdateValue, value),
      };
    default:
      return null;
  }
}
