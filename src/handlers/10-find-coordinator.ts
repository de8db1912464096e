/** FindCoordinator: who looks after a group, or after a share group's state in a partition. There is one node, so it is this one. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { findCoordinator } from '../protocol/messages/10-find-coordinator.js';
import { advertisedAddress } from './advertised-address.js';
import { handler } from './handler.js';

const GROUP = 0;
const TRANSACTION = 1;
/** Keys are `group:topicId:partition` (KIP-932). */
const SHARE = 2;
const SHARE_KEY = /^.+:[A-Za-z0-9_-]{22}:\d+$/s;
/** First version that asks for several keys at once. */
const SEVERAL_KEYS = 4;

export const findCoordinatorHandler = handler(findCoordinator, (request, context, services) => {
  const { errorCode, errorMessage } = refusal(request.keyType);
  const node =
    errorCode === 'NONE'
      ? { nodeId: services.topics.config.nodeId, ...advertisedAddress(context, services) }
      : { nodeId: -1, host: '', port: -1 };
  const answer = { errorCode, errorMessage, ...node };
  if (context.apiVersion < SEVERAL_KEYS) return answer;
  return {
    coordinators: request.coordinatorKeys.map((key) => {
      if (request.keyType !== SHARE || SHARE_KEY.test(key)) return { key, ...answer };
      return { key, nodeId: -1, host: '', port: -1, errorCode: 'INVALID_REQUEST', errorMessage: NO_SHARE_KEY };
    }),
  };
});

const NO_SHARE_KEY = 'The key of a share group’s state is group:topicId:partition.';

function refusal(keyType: number): { errorCode: ErrorName; errorMessage: string | null } {
  if (keyType === GROUP || keyType === SHARE) return { errorCode: 'NONE', errorMessage: null };
  if (keyType === TRANSACTION) {
    return { errorCode: 'COORDINATOR_NOT_AVAILABLE', errorMessage: 'This broker does not coordinate transactions.' };
  }
  return { errorCode: 'INVALID_REQUEST', errorMessage: `This broker has no coordinator of type ${keyType}.` };
}
