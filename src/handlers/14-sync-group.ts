/** SyncGroup: the leader hands in the assignment, every member takes its part. Main thread. */
import { syncGroup } from '../protocol/messages/14-sync-group.js';
import { handler } from './handler.js';

export const syncGroupHandler = handler(syncGroup, async (request, context, { groups }) => {
  const answer = groups.sync(request);
  groups.heardOver(request.groupId, request.memberId, context);
  return answer;
});
