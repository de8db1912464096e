/** API 68: a member of a consumer group joins, stays, is given partitions and leaves (KIP-848). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string, struct, uuid } from '../schema.js';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
};

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  // 1 regular expressions, member ids made by the client (KIP-1082)
  versions: '0-1',
  flexible: 0,
  request: {
    groupId: string(),
    memberId: string(),
    // 0 joins, -1 leaves, -2 leaves for a while (static members).
    memberEpoch: int32(),
    // From here on null, or -1, says that nothing has changed since the last heartbeat.
    instanceId: string({ nullable: true, default: null }),
    rackId: string({ nullable: true, default: null }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    subscribedTopicNames: array('0+', { nullable: true, default: null }, string()),
    subscribedTopicRegex: string('1+', { nullable: true, default: null }),
    serverAssignor: string({ nullable: true, default: null }),
    topicPartitions: array('0+', { nullable: true, default: null }, topicPartitions),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct('0+', { nullable: true, default: null }, { topicPartitions: array(topicPartitions) }),
  },
});
