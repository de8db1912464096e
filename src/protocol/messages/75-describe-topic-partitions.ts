/** API 75: topics and partitions page by page (KIP-966). Wire only, no behaviour; any thread. */
import { OPERATIONS_NOT_ASKED_FOR } from '../authorized-operations.js';
import { array, bool, defineApi, errorCode, int32, string, struct, uuid } from '../schema.js';

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: '0',
  flexible: 0,
  request: {
    topics: array({
      name: string(),
    }),
    responsePartitionLimit: int32({ default: 2000 }),
    cursor: struct(
      { nullable: true, default: null },
      {
        topicName: string(),
        partitionIndex: int32(),
      },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    topics: array({
      errorCode: errorCode(),
      name: string({ nullable: true }),
      topicId: uuid(),
      isInternal: bool({ default: false }),
      partitions: array({
        errorCode: errorCode(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32({ default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        eligibleLeaderReplicas: array({ nullable: true, default: null }, int32()),
        lastKnownElr: array({ nullable: true, default: null }, int32()),
        offlineReplicas: array(int32()),
      }),
      topicAuthorizedOperations: int32({ default: OPERATIONS_NOT_ASKED_FOR }),
    }),
    nextCursor: struct(
      { nullable: true, default: null },
      {
        topicName: string(),
        partitionIndex: int32(),
      },
    ),
  },
});
