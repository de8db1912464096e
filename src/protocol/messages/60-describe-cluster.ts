/** API 60: brokers and cluster id (KIP-700). Wire only, no behaviour; any thread. */
import { OPERATIONS_NOT_ASKED_FOR } from '../authorized-operations.js';
import { array, bool, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const describeCluster = defineApi({
  key: 60,
  name: 'DescribeCluster',
  // 1 brokers or controllers (KIP-919) · 2 fenced brokers too
  versions: '0-2',
  flexible: 0,
  request: {
    includeClusterAuthorizedOperations: bool(),
    // 1 brokers · 2 controllers.
    endpointType: int8('1+', { default: 1 }),
    includeFencedBrokers: bool('2+'),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    endpointType: int8('1+', { default: 1 }),
    clusterId: string(),
    controllerId: int32({ default: -1 }),
    brokers: array({
      brokerId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: true, default: null }),
      isFenced: bool('2+'),
    }),
    clusterAuthorizedOperations: int32({ default: OPERATIONS_NOT_ASKED_FOR }),
  },
});
