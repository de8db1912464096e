/** API 23: where a leader epoch ended (KIP-320). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, int64, string } from '../schema.js';

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  // 3 the asker names itself
  versions: '2-4',
  flexible: 4,
  request: {
    replicaId: int32('3+', { default: -2 }),
    topics: array({
      topic: string(),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('2+', { default: -1 }),
        leaderEpoch: int32(),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    topics: array({
      topic: string(),
      partitions: array({
        errorCode: errorCode(),
        partition: int32(),
        leaderEpoch: int32('1+', { default: -1 }),
        endOffset: int64({ default: -1 }),
      }),
    }),
  },
});
