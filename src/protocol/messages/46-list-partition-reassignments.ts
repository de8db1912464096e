/** API 46: moves of replicas under way (KIP-455). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string } from '../schema.js';

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: '0',
  flexible: 0,
  request: {
    timeoutMs: int32({ default: 60_000 }),
    topics: array(
      { nullable: true, default: null },
      {
        name: string(),
        partitionIndexes: array(int32()),
      },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: array(int32()),
        addingReplicas: array(int32()),
        removingReplicas: array(int32()),
      }),
    }),
  },
});
