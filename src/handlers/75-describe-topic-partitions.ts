/** DescribeTopicPartitions: topics and their partitions, page by page. Main thread. */
import { ZERO_UUID } from '../base/uuid.js';
import type { Topic } from '../metadata/topic.js';
import { isInternalName, topicNameProblem } from '../metadata/topic-name.js';
import { describeTopicPartitions } from '../protocol/messages/75-describe-topic-partitions.js';
import type { ResponseOf } from '../protocol/schema.js';
import { TOPIC_OPERATIONS } from './authorized-operations.js';
import { handler, type Services } from './handler.js';
import { leaderEpochOf } from './leader-epoch.js';

type Answer = ResponseOf<typeof describeTopicPartitions>;
type TopicAnswer = Answer['topics'][number];

/** Topics go by name, so that a page can begin where the last one ended whatever has come or gone in between. */
export const describeTopicPartitionsHandler = handler(describeTopicPartitions, (request, _context, services) => {
  const { topics } = services;
  const from = request.cursor;
  const everything = request.topics.length === 0;
  const asked = everything ? Array.from(topics.all(), ({ name }) => name) : request.topics.map(({ name }) => name);
  const names = [...new Set(asked)]
    .sort(byCodeUnit)
    .filter((name) => from === null || byCodeUnit(name, from.topicName) >= 0);
  const limit = Math.max(
    1,
    Math.min(request.responsePartitionLimit, topics.config.get('max.request.partition.size.limit')),
  );

  const answers: TopicAnswer[] = [];
  let room = limit;
  for (const name of names) {
    const topic = topics.get(name);
    if (topic === undefined) {
      answers.push(missing(name));
      continue;
    }
    const first = from !== null && from.topicName === name ? Math.max(0, from.partitionIndex) : 0;
    if (room === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: first } };
    const end = Math.min(topic.partitions.length, first + room);
    answers.push(describe(topic, first, end, services));
    room -= Math.max(0, end - first);
    if (end < topic.partitions.length) return { topics: answers, nextCursor: { topicName: name, partitionIndex: end } };
  }
  return { topics: answers, nextCursor: null };
});

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function describe(topic: Topic, first: number, end: number, services: Services): TopicAnswer {
  const { nodeId } = services.topics.config;
  const replicas = [nodeId];
  return {
    errorCode: 'NONE',
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.slice(first, end).map((handle) => ({
      errorCode: 'NONE',
      partitionIndex: handle.index,
      leaderId: nodeId,
      leaderEpoch: leaderEpochOf(handle, services),
      replicaNodes: replicas,
      isrNodes: replicas,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function missing(name: string): TopicAnswer {
  return {
    errorCode: topicNameProblem(name) === null ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'INVALID_TOPIC_EXCEPTION',
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalName(name),
    partitions: [],
  };
}
