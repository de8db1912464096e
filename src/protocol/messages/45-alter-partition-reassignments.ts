/** API 45: moves replicas (KIP-455). Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int32, string } from '../schema.js';

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  // 1 may allow a change of the replication factor
  versions: '0-1',
  flexible: 0,
  request: {
    timeoutMs: int32({ default: 60_000 }),
    allowReplicationFactorChange: bool('1+', { default: true }),
    topics: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        replicas: array({ nullable: true, default: null }, int32()),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    allowReplicationFactorChange: bool('1+', { default: true }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true }),
    responses: array({
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        errorMessage: string({ nullable: true }),
      }),
    }),
  },
});
