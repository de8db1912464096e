/** API 43: asks for a leader election; one node has nothing to elect. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  // 1 preferred or unclean (KIP-460)
  versions: '0-2',
  flexible: 2,
  request: {
    // 0 preferred · 1 unclean.
    electionType: int8('1+'),
    topicPartitions: array(
      { nullable: true },
      {
        topic: string(),
        partitions: array(int32()),
      },
    ),
    timeoutMs: int32({ default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode('1+'),
    replicaElectionResults: array({
      topic: string(),
      partitionResult: array({
        partitionId: int32(),
        errorCode: errorCode(),
        errorMessage: string({ nullable: true }),
      }),
    }),
  },
});
