/** DescribeGroups: state and members of groups. Main thread. */
import { describeGroups } from '../protocol/messages/15-describe-groups.js';
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.js';
import { handler } from './handler.js';

export const describeGroupsHandler = handler(describeGroups, (request, { apiVersion }, { groups }) => {
  const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
  // Older clients learn from the state alone that a group is not there (KIP-1043).
  const missing = apiVersion >= 6 ? 'GROUP_ID_NOT_FOUND' : 'NONE';
  return {
    groups: request.groups.map((groupId) => ({ ...groups.describe(groupId, missing), authorizedOperations })),
  };
});
