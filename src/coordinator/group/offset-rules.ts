/** The rules of committed offsets: who may commit, what is kept, what is found, what may be deleted, what expires. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import { type Uuid, ZERO_UUID } from '../../base/uuid.js';
import type { Topic } from '../../metadata/topic.js';
import type { offsetCommit } from '../../protocol/messages/08-offset-commit.js';
import type { offsetFetch } from '../../protocol/messages/09-offset-fetch.js';
import type { offsetDelete } from '../../protocol/messages/47-offset-delete.js';
import type { RequestOf, ResponseOf } from '../../protocol/schema.js';
import { ClassicGroup } from './classic-group.js';
import { ConsumerGroup } from './consumer-group.js';
import type { Group } from './group.js';
import type { CommittedOffset, GroupRecord, OffsetRecord } from './group-record.js';
import { NAME_CHARS_MAX } from './member.js';
import { ShareGroup } from './share-group.js';

export type CommitRequest = RequestOf<typeof offsetCommit>;
export type CommittedTopic = ResponseOf<typeof offsetCommit>['topics'][number];
export type FetchedTopic = NonNullable<NonNullable<ResponseOf<typeof offsetFetch>['groups']>[number]['topics']>[number];
export type OffsetDeleteRequest = RequestOf<typeof offsetDelete>;
export type DeletedTopic = ResponseOf<typeof offsetDelete>['topics'][number];

/** The catalogue, as far as groups need it. */
export interface GroupTopics {
  get(name: string): Topic | undefined;
  byId(id: Uuid): Topic | undefined;
  all(): Iterable<Topic>;
  /** At start, too. */
  onCreated(listener: (topic: Topic) => void): void;
  /** More partitions. */
  onGrown(listener: (topic: Topic) => void): void;
  onDeleted(listener: (topic: Topic) => void): void;
}

export interface AskedTopic {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitionIndexes: readonly number[];
}

/**
 * Whether the sender of `request` may commit for `group` as it stands. `hasMemberEpoch`: OffsetCommit 9 and later, which
 * members of consumer groups have to use.
 */
export function checkCommit(group: Group, request: CommitRequest, hasMemberEpoch: boolean): ErrorName {
  const { generationIdOrMemberEpoch: generation, memberId, groupInstanceId } = request;
  if (group instanceof ShareGroup) return 'GROUP_ID_NOT_FOUND';
  // Consumers that assign partitions to themselves, and administrators, commit without being members of anything.
  if (generation < 0 && group.state === 'Empty') return 'NONE';
  if (group instanceof ConsumerGroup) {
    if (!hasMemberEpoch && group.members.get(memberId)?.classic === null) return 'UNSUPPORTED_VERSION';
    return group.checkMemberEpoch(memberId, generation);
  }
  if (generation < 0 && memberId === '' && groupInstanceId === null) return 'UNKNOWN_MEMBER_ID';
  const error = group.checkMember(memberId, groupInstanceId);
  if (error !== 'NONE') return error;
  if (generation !== group.generation) return 'ILLEGAL_GENERATION';
  // The member does not know its part of this generation yet, so it can only speak for the one before.
  return group.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE';
}

export interface CommitDecision {
  readonly records: GroupRecord[];
  readonly topics: CommittedTopic[];
}

/** `byId` from version 10 on: topics have ids there, and names before. */
export function decideCommit(
  request: CommitRequest,
  topics: GroupTopics,
  { byId, nowMs, metadataBytesMax }: { byId: boolean; nowMs: number; metadataBytesMax: number },
): CommitDecision {
  const records: GroupRecord[] = [];
  const expireTimestampMs = request.retentionTimeMs === -1 ? -1 : nowMs + request.retentionTimeMs;
  const answers = request.topics.map(({ name, topicId, partitions }) => {
    const topic = byId ? topics.byId(topicId) : topics.get(name);
    return {
      name,
      topicId,
      partitions: partitions.map((partition) => {
        const { partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata } = partition;
        const metadata = committedMetadata ?? '';
        let errorCode: ErrorName = 'NONE';
        if (!topic) errorCode = byId ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
        else if (partitionIndex < 0 || partitionIndex >= topic.partitions.length)
          errorCode = 'UNKNOWN_TOPIC_OR_PARTITION';
        else if (metadata.length > Math.min(metadataBytesMax, NAME_CHARS_MAX)) errorCode = 'OFFSET_METADATA_TOO_LARGE';
        else {
          const value: CommittedOffset = {
            offset: committedOffset,
            leaderEpoch: committedLeaderEpoch,
            metadata,
            commitTimestampMs: nowMs,
            expireTimestampMs,
            topicId: topic.id,
          };
          records.push({ type: 'offset', group: request.groupId, topic: topic.name, partition: partitionIndex, value });
        }
        return { partitionIndex, errorCode };
      }),
    };
  });
  return { records, topics: answers };
}

/** The same answers, with `error` where all was well. */
export function withCommitError(topics: readonly CommittedTopic[], error: ErrorName): CommittedTopic[] {
  return topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map(({ partitionIndex, errorCode }) => ({
      partitionIndex,
      errorCode: errorCode === 'NONE' ? error : errorCode,
    })),
  }));
}

export function refuseCommit(request: CommitRequest, errorCode: ErrorName): CommittedTopic[] {
  return request.topics.map(({ name, topicId, partitions }) => ({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
  }));
}

function fetched(partitionIndex: number, committed: CommittedOffset | undefined, errorCode: ErrorName = 'NONE') {
  return {
    partitionIndex,
    committedOffset: committed?.offset ?? -1,
    committedLeaderEpoch: committed?.leaderEpoch ?? -1,
    metadata: committed?.metadata ?? '',
    errorCode,
  };
}

/** Whether a member with `memberEpoch` may know the offsets: who names no member may, and so may members of classic groups. */
export function checkFetch(group: Group | undefined, memberId: string | null, memberEpoch: number): ErrorName {
  if (group instanceof ShareGroup) return 'GROUP_ID_NOT_FOUND';
  if (!(group instanceof ConsumerGroup) || (memberEpoch < 0 && !memberId)) return 'NONE';
  return group.checkMemberEpoch(memberId ?? '', memberEpoch);
}

/** How offsets are asked for. */
export interface FetchTerms {
  /** Topics are named by id (OffsetFetch 10). */
  readonly byId: boolean;
  /** Where a transaction may still commit another offset, the asker wants to wait for that (KIP-447). */
  readonly requireStable: boolean;
  readonly nowMs: number;
}

/** What `group` (undefined: a group that is not there) has committed in `asked`; null asks for all that there is. */
export function fetchOffsets(
  group: Group | undefined,
  asked: readonly AskedTopic[] | null,
  topics: GroupTopics,
  terms: FetchTerms,
): FetchedTopic[] {
  const { byId, requireStable, nowMs } = terms;
  const offsetOf = (name: string, index: number) =>
    requireStable && group?.offsets.isUndecided(name, index, nowMs)
      ? fetched(index, undefined, 'UNSTABLE_OFFSET_COMMIT')
      : fetched(index, group?.offsets.get(name, index));
  if (asked === null) return fetchAllOffsets(group, topics, byId, offsetOf);
  return asked.map(({ name: askedName, topicId, partitionIndexes }) => {
    const name = byId ? topics.byId(topicId)?.name : askedName;
    return {
      name: askedName,
      topicId,
      partitions: partitionIndexes.map((index) =>
        name === undefined ? fetched(index, undefined, 'UNKNOWN_TOPIC_ID') : offsetOf(name, index),
      ),
    };
  });
}

function fetchAllOffsets(
  group: Group | undefined,
  topics: GroupTopics,
  byId: boolean,
  offsetOf: (name: string, index: number) => FetchedTopic['partitions'][number],
): FetchedTopic[] {
  const all: FetchedTopic[] = [];
  for (const name of group?.offsets.topicNames() ?? []) {
    const topicId = topics.get(name)?.id;
    if (topicId === undefined && byId) continue;
    const indexes = [...(group?.offsets.ofTopic(name)?.keys() ?? [])];
    all.push({
      name,
      topicId: topicId ?? ZERO_UUID,
      partitions: indexes.map((index) => offsetOf(name, index)),
    });
  }
  return all;
}

/** Every asked partition with the same error. */
export function refuseFetch(asked: readonly AskedTopic[], errorCode: ErrorName): FetchedTopic[] {
  return asked.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((index) => fetched(index, undefined, errorCode)),
  }));
}

function tombstone(group: Group, topic: string, partition: number): OffsetRecord {
  return { type: 'offset', group: group.id, topic, partition, value: null };
}

/** Whether offsets of `group` may be deleted at all; topics that its members read are still refused one by one. */
export function checkOffsetDelete(group: Group): ErrorName {
  if (group instanceof ShareGroup) return 'GROUP_ID_NOT_FOUND';
  return group.state === 'Empty' || group.isConsumerGroup ? 'NONE' : 'NON_EMPTY_GROUP';
}

export function decideOffsetDelete(
  group: Group,
  request: OffsetDeleteRequest,
  topics: GroupTopics,
): { records: GroupRecord[]; topics: DeletedTopic[] } {
  const records: GroupRecord[] = [];
  const answers = request.topics.map(({ name, partitions }) => {
    const topic = topics.get(name);
    const isRead = group.isSubscribedTo(name);
    const kept = group.offsets.partitionsOf(name);
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        let errorCode: ErrorName = 'NONE';
        if (!topic || partitionIndex < 0 || partitionIndex >= topic.partitions.length) {
          errorCode = 'UNKNOWN_TOPIC_OR_PARTITION';
        } else if (isRead) errorCode = 'GROUP_SUBSCRIBED_TO_TOPIC';
        else if (kept.has(partitionIndex)) records.push(tombstone(group, name, partitionIndex));
        return { partitionIndex, errorCode };
      }),
    };
  });
  return { records, topics: answers };
}

/** Removes all offsets of `topic`: it was deleted. */
export function tombstonesOfTopic(group: Group, topic: string): GroupRecord[] {
  return [...group.offsets.partitionsOf(topic)].map((partition) => tombstone(group, topic, partition));
}

/** Removes the offsets of topics that are no more, or that were made anew under the same name. */
export function tombstonesOfLostTopics(group: Group, topics: GroupTopics): GroupRecord[] {
  const records: GroupRecord[] = [];
  for (const { topic, partition, committed } of group.offsets.entriesAndOpen()) {
    const id = topics.get(topic)?.id;
    const committedIn = committed?.topicId ?? ZERO_UUID;
    const isKnown = id !== undefined && (committedIn === ZERO_UUID || committedIn === id);
    if (!isKnown) records.push(tombstone(group, topic, partition));
  }
  return records;
}

/** Removes the group with all it has. */
export function tombstonesOfGroup(group: Group): GroupRecord[] {
  const records: GroupRecord[] = [];
  for (const { topic, partition } of group.offsets.entriesAndOpen()) records.push(tombstone(group, topic, partition));
  records.push(...group.tombstones());
  return records;
}

/**
 * Removes what is too old. An empty group's offsets age from the moment it became empty (KIP-211), those of consumers
 * without a group from their commit; while a group is stable, only those of topics that nobody in it reads, from their
 * commit. A rebalancing group keeps everything, and so does every group where a transaction may still be committed. An
 * empty group without offsets goes itself.
 */
export function tombstonesOfExpired(group: Group, nowMs: number, retentionMs: number): GroupRecord[] {
  const records: GroupRecord[] = [];
  let kept = 0;
  for (const { topic, partition, committed } of group.offsets.entriesAndOpen()) {
    const isOver =
      !group.offsets.isUndecided(topic, partition, nowMs) &&
      (committed === undefined || isExpired(group, topic, committed, nowMs, retentionMs));
    if (isOver) records.push(tombstone(group, topic, partition));
    else kept += 1;
  }
  if (kept === 0 && group.mayExpire) records.push(...group.tombstones());
  return records;
}

function isExpired(
  group: Group,
  topic: string,
  { commitTimestampMs, expireTimestampMs }: CommittedOffset,
  nowMs: number,
  retentionMs: number,
): boolean {
  let sinceMs = commitTimestampMs;
  if (group instanceof ConsumerGroup) {
    if (group.isSubscribedTo(topic)) return false;
    // Kafka counts from the commit here, and takes the offsets of a group that had nothing to commit for long once it is empty.
    if (group.state === 'Empty') sinceMs = Math.max(commitTimestampMs, group.assignedAtMs);
  } else if (group instanceof ClassicGroup && group.protocolType !== null) {
    if (group.state === 'Empty') {
      // What was committed later, by an administrator for one, has its full time too.
      sinceMs = Math.max(commitTimestampMs, group.stateSinceMs);
    } else if (group.state !== 'Stable' || !group.isConsumerGroup || group.isSubscribedTo(topic)) {
      return false;
    }
  }
  return expireTimestampMs === -1 ? nowMs - sinceMs >= retentionMs : nowMs >= expireTimestampMs;
}
