/** API 2: finds the offset for a timestamp, or the ends of a log. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int8, int32, int64, string } from '../schema.js';

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  // 2 isolation level · 4 leader epoch · 10 timeout
  versions: '1-11',
  flexible: 6,
  request: {
    replicaId: int32(),
    isolationLevel: int8('2+'),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        currentLeaderEpoch: int32('4+', { default: -1 }),
        // Or -1 end · -2 start · 7: -3 largest timestamp · 8: -4 local start · 9: -5 end of tiered · 11: -6 first not tiered.
        timestamp: int64(),
      }),
    }),
    timeoutMs: int32('10+'),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
});
