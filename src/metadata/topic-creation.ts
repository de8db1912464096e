/** What must hold before a topic is created or grows. Pure; main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { BrokerConfig } from '../config/broker-config.js';
import type { TopicCreation } from './topic.js';
import { isInternalName, isReservedName, topicNameProblem } from './topic-name.js';

/** As in Kafka: more at once is a mistake rather than a wish. */
const PARTITIONS_AT_ONCE_MAX = 10_000;

/** `taken` is the topic whose name collides with the new one's, or is the same. Throws KafkaError. */
export function checkCreation(creation: TopicCreation, taken: string | undefined, config: BrokerConfig): void {
  const { name, partitions, internal = false, configs } = creation;
  const problem = topicNameProblem(name);
  if (problem !== null) throw new KafkaError('INVALID_TOPIC_EXCEPTION', problem);
  if (isReservedName(name) || (isInternalName(name) && !internal)) {
    throw new KafkaError('INVALID_REQUEST', `Topic '${name}' belongs to the broker; clients cannot create it.`);
  }
  if (taken === name) throw new KafkaError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`);
  if (taken !== undefined) {
    throw new KafkaError(
      'INVALID_TOPIC_EXCEPTION',
      `Topic '${name}' is too much like '${taken}': names may not differ only in '.' and '_'.`,
    );
  }
  if (partitions < 1) throw new KafkaError('INVALID_PARTITIONS', 'A topic has at least one partition.');
  checkPartitionsAtOnce(partitions);
  if (configs !== undefined) checkTopicConfigs(configs, config);
}

/** Throws KafkaError unless `name` may grow from `count` to `total` partitions. */
export function checkGrowth(name: string, count: number, total: number): void {
  if (total === count) {
    throw new KafkaError('INVALID_PARTITIONS', `Topic '${name}' already has ${count} partition(s).`);
  }
  if (total < count) {
    throw new KafkaError(
      'INVALID_PARTITIONS',
      `Topic '${name}' has ${count} partition(s); a topic cannot shrink to ${total}.`,
    );
  }
  checkPartitionsAtOnce(total - count);
}

/** Throws KafkaError INVALID_CONFIG. */
export function checkTopicConfigs(configs: ReadonlyMap<string, string>, config: BrokerConfig): void {
  const problem = config.checkTopicConfigs(configs);
  if (problem !== null) throw new KafkaError('INVALID_CONFIG', problem);
}

function checkPartitionsAtOnce(count: number): void {
  if (count <= PARTITIONS_AT_ONCE_MAX) return;
  throw new KafkaError(
    'POLICY_VIOLATION',
    `${count} partitions at once are too many: at most ${PARTITIONS_AT_ONCE_MAX} in one request.`,
  );
}
