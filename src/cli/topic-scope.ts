/** The partitions that --topic names: all of a topic, or some as in `logs:0,1`. Command line. */
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient } from './client.js';
import { inPlaceOrder, readTopics, type TopicPartition } from './topic-metadata.js';

interface NamedTopic {
  readonly name: string;
  /** null for all of them. */
  readonly partitions: readonly number[] | null;
}

/** No topic has a colon in its name. */
function parseTopic(text: string): NamedTopic {
  const match = /^([^:]+)(?::(\d+(?:,\d+)*))?$/.exec(text);
  if (!match) throw new CliError(`"${text}" names no partitions: give a topic, or some of its partitions as logs:0,1.`);
  return { name: match[1], partitions: match[2]?.split(',').map(Number) ?? null };
}

/** Each partition once, by topic and number. Throws a {@link CliError} where one of them does not exist. */
export async function namedPartitions(client: KafkaClient, texts: readonly string[]): Promise<TopicPartition[]> {
  const named = texts.map(parseTopic);
  const topics = new Map<string, number[]>();
  for (const { name, errorCode, partitions } of await readTopics(client, [...new Set(named.map(({ name }) => name))])) {
    checkError(errorCode, null, `Topic ${name}`);
    topics.set(
      name ?? '',
      partitions.map(({ partitionIndex }) => partitionIndex),
    );
  }
  const places = new Map<string, TopicPartition>();
  for (const { name, partitions } of named) {
    const there = topics.get(name) ?? [];
    for (const partition of partitions ?? there) {
      if (!there.includes(partition)) throw new CliError(`Topic ${name} has no partition ${partition}.`);
      places.set(`${name}-${partition}`, { topic: name, partition });
    }
  }
  return [...places.values()].sort(inPlaceOrder);
}
