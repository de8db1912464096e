/** Metadata: which topics there are, who leads their partitions, where this node listens. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { type Uuid, ZERO_UUID } from '../base/uuid.js';
import type { Topic } from '../metadata/topic.js';
import { isInternalName, isReservedName, topicNameProblem } from '../metadata/topic-name.js';
import { metadata } from '../protocol/messages/03-metadata.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { advertisedAddress } from './advertised-address.js';
import { answerError } from './answer-error.js';
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED, TOPIC_OPERATIONS } from './authorized-operations.js';
import { handler, type Services } from './handler.js';
import { leaderEpochOf } from './leader-epoch.js';

type TopicAnswer = ResponseOf<typeof metadata>['topics'][number];
type Asked = NonNullable<RequestOf<typeof metadata>['topics']>[number];

export const metadataHandler = handler(metadata, async (request, context, services) => {
  const { topics } = services;
  const operations = request.includeTopicAuthorizedOperations ? TOPIC_OPERATIONS : OPERATIONS_NOT_ASKED;
  const known = (topic: Topic) => describe(topic, operations, services);

  const find = async (asked: Asked): Promise<TopicAnswer> => {
    if (asked.topicId !== ZERO_UUID) {
      // Before version 12 the answer has no room for a topic without a name (KAFKA-10774).
      if (context.apiVersion < 12) return missing('INVALID_REQUEST', asked.name ?? '', ZERO_UUID);
      const topic = topics.byId(asked.topicId);
      return topic ? known(topic) : missing('UNKNOWN_TOPIC_ID', null, asked.topicId);
    }
    if (asked.name === null) return missing('INVALID_REQUEST', context.apiVersion < 12 ? '' : null, ZERO_UUID);
    const { name } = asked;
    const topic = topics.get(name);
    if (topic !== undefined) return known(topic);
    if (topicNameProblem(name) !== null) return missing('INVALID_TOPIC_EXCEPTION', name, ZERO_UUID);
    if (!mayCreate(name, request.allowAutoTopicCreation, services)) {
      return missing('UNKNOWN_TOPIC_OR_PARTITION', name, ZERO_UUID);
    }
    try {
      return known(await topics.ensure(name));
    } catch (error) {
      return missing(answerError(error, services.logger, 'Metadata').errorCode, name, ZERO_UUID);
    }
  };

  const everything = request.topics === null || (context.apiVersion === 0 && request.topics.length === 0);
  const answers = everything
    ? Array.from(topics.all(), known)
    : await Promise.all(withoutRepeats(request.topics ?? []).map(find));
  const { nodeId } = topics.config;
  const { host, port } = advertisedAddress(context, services);
  return {
    brokers: [{ nodeId, host, port }],
    clusterId: services.clusterId,
    controllerId: nodeId,
    topics: answers,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
});

function mayCreate(name: string, clientAllows: boolean, { topics }: Services): boolean {
  return (
    clientAllows && topics.config.get('auto.create.topics.enable') && !isInternalName(name) && !isReservedName(name)
  );
}

/** As in Kafka, a topic that is asked for twice is answered once. */
function withoutRepeats(asked: readonly Asked[]): Asked[] {
  const byKey = new Map(
    asked.map((topic) => [topic.topicId === ZERO_UUID ? `name ${topic.name}` : topic.topicId, topic]),
  );
  return [...byKey.values()];
}

function describe(topic: Topic, operations: number, services: Services): TopicAnswer {
  const { nodeId } = services.topics.config;
  const replicas = [nodeId];
  return {
    errorCode: 'NONE',
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((handle) => ({
      errorCode: 'NONE',
      partitionIndex: handle.index,
      leaderId: nodeId,
      leaderEpoch: leaderEpochOf(handle, services),
      replicaNodes: replicas,
      isrNodes: replicas,
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: operations,
  };
}

function missing(errorCode: ErrorName, name: string | null, topicId: Uuid): TopicAnswer {
  return { errorCode, name, topicId, isInternal: name !== null && isInternalName(name), partitions: [] };
}
