/** API 76: a member of a share group joins, stays, is given partitions and leaves (KIP-932). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string, struct, uuid } from '../schema.js';

export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: '1',
  flexible: 0,
  request: {
    groupId: string(),
    memberId: string(),
    // 0 joins, -1 leaves.
    memberEpoch: int32(),
    // From here on null says that nothing has changed since the last heartbeat.
    rackId: string({ nullable: true, default: null }),
    subscribedTopicNames: array('0+', { nullable: true, default: null }, string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    memberId: string({ nullable: true, default: null }),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: struct(
      '0+',
      { nullable: true, default: null },
      { topicPartitions: array({ topicId: uuid(), partitions: array(int32()) }) },
    ),
  },
});
