/** ConsumerGroupDescribe: epochs, members and assignments of consumer groups (KIP-848). Main thread. */
import { consumerGroupDescribe } from '../protocol/messages/69-consumer-group-describe.js';
import { GROUP_OPERATIONS, OPERATIONS_NOT_ASKED } from './authorized-operations.js';
import { handler } from './handler.js';

export const consumerGroupDescribeHandler = handler(consumerGroupDescribe, (request, _context, { groups }) => {
  const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
  return {
    groups: request.groupIds.map((groupId) => ({ ...groups.describeConsumerGroup(groupId), authorizedOperations })),
  };
});
