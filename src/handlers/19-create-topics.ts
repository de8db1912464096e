/** CreateTopics. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { BrokerConfig } from '../config/broker-config.js';
import { describeTopic } from '../config/describe.js';
import { createTopics } from '../protocol/messages/19-create-topics.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { answerError, NO_ERROR } from './answer-error.js';
import { duplicatesOf } from './duplicates.js';
import { handler, type Services } from './handler.js';

type Asked = RequestOf<typeof createTopics>['topics'][number];
type Answer = ResponseOf<typeof createTopics>['topics'][number];

export const createTopicsHandler = handler(createTopics, async (request, _context, services) => {
  const twice = duplicatesOf(request.topics.map(({ name }) => name));
  const answers = request.topics
    .filter(({ name }) => !twice.has(name))
    .map((asked) => create(asked, request.validateOnly, services));
  const refused = [...twice].map((name): Answer => {
    return {
      name,
      errorCode: 'INVALID_REQUEST',
      errorMessage: `The request names topic '${name}' twice.`,
      configs: [],
    };
  });
  return { topics: [...(await Promise.all(answers)), ...refused] };
});

async function create(asked: Asked, validateOnly: boolean, services: Services): Promise<Answer> {
  const { topics, logger } = services;
  const { name } = asked;
  try {
    const partitions = partitionCount(asked, topics.config);
    const wanted = replicationFactor(asked, topics.config);
    const topic = await topics.create({ name, partitions, configs: configsOf(asked), validateOnly });
    if (wanted > 1) {
      logger.warn({ topic: name, replicationFactor: wanted }, 'replication factor taken as 1: this node is alone');
    }
    return {
      name,
      topicId: topic.id,
      ...NO_ERROR,
      numPartitions: partitions,
      replicationFactor: 1,
      configs: describeTopic(topics.config, topic.configs),
    };
  } catch (error) {
    return { name, ...answerError(error, logger, 'CreateTopics'), configs: [] };
  }
}

function partitionCount({ name, numPartitions, replicationFactor, assignments }: Asked, config: BrokerConfig): number {
  if (assignments.length === 0) {
    if (numPartitions === -1) return config.get('num.partitions');
    if (numPartitions > 0) return numPartitions;
    throw new KafkaError(
      'INVALID_PARTITIONS',
      `Topic '${name}' must have at least one partition, or -1 for the default.`,
    );
  }
  if (numPartitions !== -1 || replicationFactor !== -1) {
    throw new KafkaError(
      'INVALID_REQUEST',
      'Where replicas are assigned by hand, the number of partitions and the replication factor must both be -1.',
    );
  }
  const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex));
  for (let index = 0; index < assignments.length; index++) {
    if (!indexes.has(index)) {
      throw new KafkaError(
        'INVALID_REPLICA_ASSIGNMENT',
        `Assigned partitions must be numbered from 0; ${index} is missing.`,
      );
    }
  }
  for (const { partitionIndex, brokerIds } of assignments) {
    if (brokerIds.length !== 1 || brokerIds[0] !== config.nodeId) {
      throw new KafkaError(
        'INVALID_REPLICA_ASSIGNMENT',
        `Partition ${partitionIndex} is assigned to [${brokerIds}], but the only broker is ${config.nodeId}.`,
      );
    }
  }
  return assignments.length;
}

/** What the client asked for; this node always gives 1. */
function replicationFactor({ name, replicationFactor, assignments }: Asked, config: BrokerConfig): number {
  if (assignments.length > 0) return 1;
  const wanted = replicationFactor === -1 ? config.get('default.replication.factor') : replicationFactor;
  if (wanted < 1) {
    throw new KafkaError('INVALID_REPLICATION_FACTOR', `The replication factor of '${name}' must be at least 1.`);
  }
  if (wanted > 1 && config.get('replication.factor.strict')) {
    throw new KafkaError(
      'INVALID_REPLICATION_FACTOR',
      `Replication factor ${wanted} is more than the one broker there is (replication.factor.strict is on).`,
    );
  }
  return wanted;
}

function configsOf({ configs }: Asked): Map<string, string> {
  const twice = duplicatesOf(configs.map(({ name }) => name));
  if (twice.size > 0) throw new KafkaError('INVALID_CONFIG', `Set more than once: ${[...twice].join(', ')}.`);
  const given = new Map<string, string>();
  for (const { name, value } of configs) {
    if (value === null) throw new KafkaError('INVALID_CONFIG', `Setting ${name} has no value.`);
    given.set(name, value);
  }
  return given;
}
