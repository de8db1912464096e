/** ShareGroupDescribe: epochs, members and assignments of share groups (KIP-932). Main thread. */
import { shareGroupDescribe } from '../protocol/messages/77-share-group-describe.js';
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.js';
import { handler } from './handler.js';

export const shareGroupDescribeHandler = handler(shareGroupDescribe, (request, _context, { groups }) => {
  const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
  return {
    groups: request.groupIds.map((groupId) => ({ ...groups.describeShareGroup(groupId), authorizedOperations })),
  };
});
