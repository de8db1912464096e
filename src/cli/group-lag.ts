/** Where a group stands in each partition, and how far behind that is, in records and in seconds. Command line. */
import { systemClock } from '../base/clock.js';
import { describeShareGroupOffsets } from '../protocol/messages/90-describe-share-group-offsets.js';
import { checkError, type KafkaClient } from './client.js';
import { readCommitted } from './committed-offsets.js';
import type { DescribedGroup } from './described-group.js';
import { readTimestamp } from './first-unread.js';
import { inPlaceOrder, LATEST, readOffsets, type TopicPartition } from './topic-metadata.js';

export interface PartitionLag extends TopicPartition {
  /** null where a member has the partition and nothing was committed yet; of a share group, where its first record is that is not over. */
  readonly committedOffset: number | null;
  readonly leaderEpoch: number | null;
  readonly metadata: string | null;
  /** null where the broker does not tell: the topic may be gone. */
  readonly logEndOffset: number | null;
  /** Records that are there and not committed, or not over. */
  readonly lag: number | null;
  /** Age of the first of them, by its timestamp; 0 where there is none. */
  readonly lagSeconds: number | null;
  /** The member that has the partition; null in a share group, where several may. */
  readonly memberId: string | null;
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

/** Every partition that `group` has committed for or that a member of it has, by topic and partition. */
export async function readLags(client: KafkaClient, group: DescribedGroup): Promise<PartitionLag[]> {
  if (group.type === 'share') return readShareLags(client, group.groupId);
  const committed = await readCommitted(client, group.groupId);
  const places = new Map<string, TopicPartition>(committed.map((place) => [keyOf(place), place]));
  const committedAt = new Map(committed.map((place) => [keyOf(place), place]));
  const owners = new Map<string, string>();
  for (const { memberId, assignment } of group.members) {
    for (const { topic, partitions } of assignment) {
      for (const partition of partitions) {
        const place = { topic, partition };
        places.set(keyOf(place), place);
        owners.set(keyOf(place), memberId);
      }
    }
  }
  if (places.size === 0) return [];
  const inOrder = [...places.values()].sort(inPlaceOrder);
  const ends = await readOffsets(client, inOrder, LATEST);
  const lags: PartitionLag[] = [];
  // One batch at a time, so that memory stays what one batch takes.
  for (const [index, { topic, partition }] of inOrder.entries()) {
    const key = keyOf({ topic, partition });
    const { offset = null, leaderEpoch = null, metadata = null } = committedAt.get(key) ?? {};
    const logEndOffset = ends[index];
    const lag = logEndOffset === null || offset === null ? null : Math.max(0, logEndOffset - offset);
    const lagSeconds = offset === null ? null : await readLagSeconds(client, { topic, partition }, offset, lag);
    const memberId = owners.get(key) ?? null;
    lags.push({
      topic,
      partition,
      committedOffset: offset,
      leaderEpoch,
      metadata,
      logEndOffset,
      lag,
      lagSeconds,
      memberId,
    });
  }
  return lags;
}

async function readShareLags(client: KafkaClient, groupId: string): Promise<PartitionLag[]> {
  const { groups } = await client.request(describeShareGroupOffsets, { groups: [{ groupId, topics: null }] });
  checkError(groups[0].errorCode, groups[0].errorMessage, `Group ${groupId}`);
  const told = groups[0].topics.flatMap(({ topicName: topic, partitions }) =>
    partitions.map((each) => ({ ...each, topic, partition: each.partitionIndex })),
  );
  const ends = await readOffsets(client, told.sort(inPlaceOrder), LATEST);
  const lags: PartitionLag[] = [];
  for (const [index, { topic, partition, startOffset, leaderEpoch, lag }] of told.entries()) {
    const known = startOffset >= 0 && lag >= 0;
    lags.push({
      topic,
      partition,
      committedOffset: known ? startOffset : null,
      leaderEpoch: known ? leaderEpoch : null,
      metadata: null,
      logEndOffset: ends[index],
      lag: known ? lag : null,
      lagSeconds: known ? await readLagSeconds(client, { topic, partition }, startOffset, lag) : null,
      memberId: null,
    });
  }
  return lags;
}

async function readLagSeconds(
  client: KafkaClient,
  place: TopicPartition,
  offset: number,
  lag: number | null,
): Promise<number | null> {
  if (lag === null || lag === 0) return lag;
  const timestampMs = await readTimestamp(client, place, offset);
  return timestampMs === null ? null : Math.max(0, systemClock.nowMs() - timestampMs) / 1000;
}
