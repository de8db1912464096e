/** API 3: who leads which partition, and where brokers listen. Wire only, no behaviour; any thread. */
import { OPERATIONS_NOT_ASKED_FOR } from '../authorized-operations.js';
import { array, bool, defineApi, errorCode, int32, string, uuid } from '../schema.js';

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  // 0 an empty list means all topics; from 1 on null does, and an empty list none
  // 4 auto-creation on request · 8 authorized operations (KIP-430) · 10 topic ids
  // 12 look-up by topic id: the name may be null · 13 an error for the whole answer (KIP-1102)
  versions: '0-13',
  flexible: 9,
  request: {
    topics: array(
      { nullable: '1+' },
      {
        topicId: uuid('10+'),
        name: string({ nullable: '10+' }),
      },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    brokers: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string('1+', { nullable: true, default: null }),
    }),
    clusterId: string('2+', { nullable: true, default: null }),
    controllerId: int32('1+', { default: -1 }),
    topics: array({
      errorCode: errorCode(),
      name: string({ nullable: '12+' }),
      topicId: uuid('10+'),
      isInternal: bool('1+', { default: false }),
      partitions: array({
        errorCode: errorCode(),
        partitionIndex: int32(),
        leaderId: int32(),
        leaderEpoch: int32('7+', { default: -1 }),
        replicaNodes: array(int32()),
        isrNodes: array(int32()),
        offlineReplicas: array('5+', int32()),
      }),
      topicAuthorizedOperations: int32('8+', { default: OPERATIONS_NOT_ASKED_FOR }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: OPERATIONS_NOT_ASKED_FOR }),
    errorCode: errorCode('13+'),
  },
});
