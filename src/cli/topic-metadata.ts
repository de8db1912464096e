/** What topics look like from outside: names, partitions and the ends of their logs, as several verbs need them. */
import { systemClock } from '../base/clock.js';
import { type ErrorName, errorTable } from '../base/error-code.js';
import { listOffsets } from '../protocol/messages/02-list-offsets.js';
import { metadata } from '../protocol/messages/03-metadata.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { checkError, type KafkaClient } from './client.js';

export type TopicMetadata = DecodedResponseOf<typeof metadata>['topics'][number];

/** Timestamps that ListOffsets takes for the ends of a log. */
export const LATEST = -1;
export const EARLIEST = -2;

const CREATION_TRIES = 50;
const CREATION_RETRY_MS = 100;

/** Every topic, or those named; never creates one unless asked to. */
export async function readTopics(
  client: KafkaClient,
  names: readonly string[] | null,
  allowAutoTopicCreation = false,
): Promise<TopicMetadata[]> {
  const topics = names?.map((name) => ({ name })) ?? null;
  const answer = await client.request(metadata, { topics, allowAutoTopicCreation }, { versionMax: 12 });
  return answer.topics;
}

/** With `create`, waits for a broker that answers before the topic it creates can be used (Kafka's does). */
export async function readTopic(client: KafkaClient, name: string, create = false): Promise<TopicMetadata> {
  for (let tries = create ? CREATION_TRIES : 1; ; tries--) {
    const [topic] = await readTopics(client, [name], create);
    const usable = topic.errorCode === 'NONE' && topic.partitions.every(({ errorCode }) => errorCode === 'NONE');
    if (usable) return topic;
    const passing = topic.errorCode === 'NONE' || errorTable[topic.errorCode].retriable;
    if (tries <= 1 || !passing) {
      checkError(topic.errorCode, null, `Topic ${name}`);
      return topic;
    }
    await new Promise<void>((resolve) => systemClock.after(CREATION_RETRY_MS, resolve));
  }
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** For `sort`: by topic, then by partition. */
export function inPlaceOrder(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition;
}

/** As requests want them: each topic once, with what `of` makes of each of its partitions. */
export function byTopic<Place extends TopicPartition, Asked>(
  places: readonly Place[],
  of: (place: Place) => Asked,
): { name: string; partitions: Asked[] }[] {
  const topics = new Map<string, Asked[]>();
  for (const place of places) {
    const partitions = topics.get(place.topic) ?? [];
    partitions.push(of(place));
    topics.set(place.topic, partitions);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

/**
 * One offset for each partition, in the order asked: the first at or after `timestampMs`, or {@link LATEST} or
 * {@link EARLIEST}. -1 where there is none; null where the broker does not tell.
 */
export async function readOffsets(
  client: KafkaClient,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<(number | null)[]> {
  const topics = byTopic(partitions, ({ partition }) => ({ partitionIndex: partition, timestamp: timestampMs }));
  const answer = await client.request(listOffsets, { replicaId: -1, topics, isolationLevel: 0, timeoutMs: 30_000 });
  const found = new Map<string, { error: ErrorName; offset: number }>();
  for (const topic of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of topic.partitions) {
      found.set(`${topic.name}-${partitionIndex}`, { error: errorCode, offset });
    }
  }
  return partitions.map(({ topic, partition }) => {
    const answered = found.get(`${topic}-${partition}`);
    return answered?.error === 'NONE' ? answered.offset : null;
  });
}
