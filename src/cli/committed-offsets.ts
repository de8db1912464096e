/** The offsets that a group has committed, read and written from outside of it. Command line. */
import type { ErrorName } from '../base/error-code.js';
import { offsetCommit } from '../protocol/messages/08-offset-commit.js';
import { offsetFetch } from '../protocol/messages/09-offset-fetch.js';
import { checkError, type KafkaClient } from './client.js';
import { byTopic, inPlaceOrder, type TopicPartition } from './topic-metadata.js';

/** Version 8 takes several groups, version 10 wants topic ids; one group by names is version 7. */
const OFFSET_FETCH_ONE_GROUP = 7;
const OFFSET_COMMIT_BY_NAME = 9;
/** Speaks for no member: the broker takes it where the group has none. */
const NO_GENERATION = -1;

export interface CommittedOffset extends TopicPartition {
  readonly offset: number;
  /** null where the client gave none. */
  readonly leaderEpoch: number | null;
  readonly metadata: string | null;
}

/** By topic and partition; empty for a group that is not there. */
export async function readCommitted(client: KafkaClient, groupId: string): Promise<CommittedOffset[]> {
  const answer = await client.request(offsetFetch, { groupId, topics: null }, { versionMax: OFFSET_FETCH_ONE_GROUP });
  checkError(answer.errorCode, null, `The offsets of group ${groupId} cannot be read`);
  return answer.topics
    .flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, committedOffset, committedLeaderEpoch, metadata }) => ({
        topic: name,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch < 0 ? null : committedLeaderEpoch,
        metadata,
      })),
    )
    .filter(({ offset }) => offset >= 0)
    .sort(inPlaceOrder);
}

export interface NewOffset extends TopicPartition {
  readonly offset: number;
}

/** What became of each of `offsets`, in their order. */
export async function commitOffsets(
  client: KafkaClient,
  groupId: string,
  offsets: readonly NewOffset[],
): Promise<ErrorName[]> {
  const topics = byTopic(offsets, ({ partition, offset }) => ({
    partitionIndex: partition,
    committedOffset: offset,
    committedMetadata: '',
  }));
  const request = { groupId, generationIdOrMemberEpoch: NO_GENERATION, memberId: '', topics };
  const answer = await client.request(offsetCommit, request, { versionMax: OFFSET_COMMIT_BY_NAME });
  const errors = new Map<string, ErrorName>();
  for (const { name, partitions } of answer.topics) {
    for (const { partitionIndex, errorCode } of partitions) errors.set(`${name}-${partitionIndex}`, errorCode);
  }
  return offsets.map(({ topic, partition }) => errors.get(`${topic}-${partition}`) ?? 'UNKNOWN_SERVER_ERROR');
}
