/** API 79: a member of a share group says what became of records that it acquired (KIP-932). Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int8, int32, int64, string, struct, uuid } from '../schema.js';

export const shareAcknowledge = defineApi({
  key: 79,
  name: 'ShareAcknowledge',
  // 2 renewals (KIP-1222)
  versions: '1-2',
  flexible: 0,
  request: {
    groupId: string({ nullable: true, default: null }),
    memberId: string({ nullable: true }),
    // -1 closes the session, others count its requests.
    shareSessionEpoch: int32(),
    isRenewAck: bool('2+', { default: false }),
    topics: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        acknowledgementBatches: array({
          firstOffset: int64(),
          lastOffset: int64(),
          // One for all, or one for each offset: 0 gap, 1 accept, 2 release, 3 reject, 4 renew.
          acknowledgeTypes: array(int8()),
        }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    acquisitionLockTimeoutMs: int32('2+'),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        errorMessage: string({ nullable: true, default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
        }),
      }),
    }),
    nodeEndpoints: array({
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: true, default: null }),
    }),
  },
});
