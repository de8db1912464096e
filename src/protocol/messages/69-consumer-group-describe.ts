/** API 69: epochs, members and assignments of consumer groups (KIP-848). Wire only, no behaviour; any thread. */
import { OPERATIONS_NOT_ASKED_FOR } from '../authorized-operations.js';
import { array, bool, defineApi, errorCode, int8, int32, string, struct, uuid } from '../schema.js';

const assignment = {
  topicPartitions: array({
    topicId: uuid(),
    topicName: string(),
    partitions: array(int32()),
  }),
};

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  // 1 the protocol that each member speaks (KIP-1099)
  versions: '0-1',
  flexible: 0,
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array({
      errorCode: errorCode(),
      errorMessage: string({ nullable: true, default: null }),
      groupId: string(),
      groupState: string(),
      groupEpoch: int32(),
      assignmentEpoch: int32(),
      assignorName: string(),
      members: array({
        memberId: string(),
        instanceId: string({ nullable: true, default: null }),
        rackId: string({ nullable: true, default: null }),
        memberEpoch: int32(),
        clientId: string(),
        clientHost: string(),
        subscribedTopicNames: array(string()),
        subscribedTopicRegex: string({ nullable: true, default: null }),
        assignment: struct(assignment),
        targetAssignment: struct(assignment),
        // -1 not known, 0 classic, 1 consumer.
        memberType: int8('1+', { default: -1 }),
      }),
      authorizedOperations: int32({ default: OPERATIONS_NOT_ASKED_FOR }),
    }),
  },
});
