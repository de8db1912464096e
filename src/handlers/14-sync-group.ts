/** SyncGroup: the leader hands in the assignment, every member takes its part. Main thread. */
import { syncError } from '../coordinator/group/group-answers.js';
import { syncGroup } from '../protocol/messages/14-sync-group.js';
import { handler } from './handler.js';

/** From here on (KIP-559) a member says by which protocol it expects to be assigned. */
const NAMES_PROTOCOL_FROM = 5;

export const syncGroupHandler = handler(syncGroup, async (request, context, { groups }) => {
  const isUnnamed = request.protocolType === null || request.protocolName === null;
  if (context.apiVersion >= NAMES_PROTOCOL_FROM && isUnnamed) return syncError('INCONSISTENT_GROUP_PROTOCOL');
  const answer = groups.sync(request);
  groups.heardOver(request.groupId, request.memberId, context);
  return answer;
});
