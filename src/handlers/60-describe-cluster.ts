/** DescribeCluster: the cluster is this node. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { describeCluster } from '../protocol/messages/60-describe-cluster.js';
import type { ResponseOf } from '../protocol/schema.js';
import { advertisedAddress } from './advertised-address.js';
import { CLUSTER_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.js';
import { handler } from './handler.js';

/** Kafka's codes of endpoint types (KIP-919). */
const BROKERS = 1;
const CONTROLLERS = 2;

type Answer = ResponseOf<typeof describeCluster>;

export const describeClusterHandler = handler(describeCluster, (request, context, services): Answer => {
  const { endpointType, includeClusterAuthorizedOperations } = request;
  const { nodeId } = services.topics.config;
  if (endpointType !== BROKERS) {
    const errorCode: ErrorName =
      endpointType === CONTROLLERS ? 'MISMATCHED_ENDPOINT_TYPE' : 'UNSUPPORTED_ENDPOINT_TYPE';
    return {
      errorCode,
      errorMessage: 'This is a broker endpoint.',
      endpointType,
      clusterId: services.clusterId,
      brokers: [],
    };
  }
  return {
    errorCode: 'NONE',
    endpointType,
    clusterId: services.clusterId,
    controllerId: nodeId,
    brokers: [{ brokerId: nodeId, ...advertisedAddress(context, services), isFenced: false }],
    clusterAuthorizedOperations: includeClusterAuthorizedOperations ? CLUSTER_OPERATIONS : OPERATIONS_NOT_ASKED,
  };
});
