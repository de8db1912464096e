/** API 78: acquires records for a member of a share group, and acknowledges earlier ones (KIP-932). Wire only, no behaviour; any thread. */
import {
  array,
  bool,
  defineApi,
  errorCode,
  int8,
  int16,
  int32,
  int64,
  records,
  string,
  struct,
  uuid,
} from '../schema.js';

export const shareFetch = defineApi({
  key: 78,
  name: 'ShareFetch',
  // 2 acquire mode (KIP-1206), renewals (KIP-1222)
  versions: '1-2',
  flexible: 0,
  request: {
    groupId: string({ nullable: true, default: null }),
    memberId: string({ nullable: true }),
    // 0 opens a session, -1 closes it, others count its requests.
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32({ default: 2_147_483_647 }),
    maxRecords: int32('1+'),
    // As many records as acquired ranges should have.
    batchSize: int32('1+'),
    // 0 whole record batches, 1 never more than maxRecords.
    shareAcquireMode: int8('2+', { default: 0 }),
    // Some of the acknowledgements renew: then nothing is fetched.
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
    // What the session no longer reads.
    forgottenTopicsData: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    acquisitionLockTimeoutMs: int32('1+'),
    responses: array({
      topicId: uuid(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        errorMessage: string({ nullable: true, default: null }),
        acknowledgeErrorCode: errorCode(),
        acknowledgeErrorMessage: string({ nullable: true, default: null }),
        currentLeader: struct({
          leaderId: int32(),
          leaderEpoch: int32(),
        }),
        // Whole record batches: of their records only those are the member's that are listed next.
        records: records({ nullable: '0' }),
        acquiredRecords: array({
          firstOffset: int64(),
          lastOffset: int64(),
          deliveryCount: int16(),
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
