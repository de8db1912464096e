/** API 37: raises the number of partitions of topics. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int32, string } from '../schema.js';

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  // 3 may be throttled with THROTTLING_QUOTA_EXCEEDED (KIP-599)
  versions: '0-3',
  flexible: 2,
  request: {
    topics: array({
      name: string(),
      count: int32(),
      assignments: array(
        { nullable: true },
        {
          brokerIds: array(int32()),
        },
      ),
    }),
    timeoutMs: int32(),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      name: string(),
      errorCode: errorCode(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
});
