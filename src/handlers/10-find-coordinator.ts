/** FindCoordinator: who looks after a group. There is one node, so it is this one. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { findCoordinator } from '../protocol/messages/10-find-coordinator.js';
import { advertisedAddress } from './advertised-address.js';
import { handler } from './handler.js';

const GROUP = 0;
const TRANSACTION = 1;
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
  return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...answer })) };
});

function refusal(keyType: number): { errorCode: ErrorName; errorMessage: string | null } {
  if (keyType === GROUP) return { errorCode: 'NONE', errorMessage: null };
  if (keyType === TRANSACTION) {
    return { errorCode: 'COORDINATOR_NOT_AVAILABLE', errorMessage: 'This broker does not coordinate transactions.' };
  }
  return { errorCode: 'INVALID_REQUEST', errorMessage: `This broker has no coordinator of type ${keyType}.` };
}
