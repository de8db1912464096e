/** DescribeQuorum: this node is the only voter, and the catalogue is what it votes on. Main thread. */
import { describeQuorum } from '../protocol/messages/55-describe-quorum.js';
import type { ResponseOf } from '../protocol/schema.js';
import { advertisedAddress } from './advertised-address.js';
import { handler, type RequestContext, type Services } from './handler.js';

type Answer = ResponseOf<typeof describeQuorum>;
type PartitionAnswer = Answer['topics'][number]['partitions'][number];

/** The name under which clients ask for the metadata log. */
const METADATA_TOPIC = '__cluster_metadata';

export const describeQuorumHandler = handler(
  describeQuorum,
  (request, context, services): Answer => ({
    errorCode: 'NONE',
    errorMessage: null,
    topics: request.topics.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ partitionIndex }) =>
        topicName === METADATA_TOPIC && partitionIndex === 0 ? quorum(services) : unknown(partitionIndex),
      ),
    })),
    nodes: [{ nodeId: services.topics.config.nodeId, listeners: [listener(context, services)] }],
  }),
);

function listener(context: RequestContext, services: Services) {
  return { name: context.listener, ...advertisedAddress(context, services) };
}

function quorum({ topics, clock }: Services): PartitionAnswer {
  const { nodeId } = topics.config;
  const endOffset = topics.catalogue.endOffset;
  const nowMs = clock.nowMs();
  return {
    partitionIndex: 0,
    errorCode: 'NONE',
    errorMessage: null,
    leaderId: nodeId,
    leaderEpoch: topics.nodeEpoch,
    highWatermark: endOffset,
    currentVoters: [
      { replicaId: nodeId, logEndOffset: endOffset, lastFetchTimestamp: nowMs, lastCaughtUpTimestamp: nowMs },
    ],
    observers: [],
  };
}

function unknown(partitionIndex: number): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: 'UNKNOWN_TOPIC_OR_PARTITION',
    errorMessage: `Only partition 0 of ${METADATA_TOPIC} has a quorum.`,
    leaderId: -1,
    leaderEpoch: -1,
    highWatermark: -1,
    currentVoters: [],
    observers: [],
  };
}
