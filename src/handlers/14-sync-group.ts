/** SyncGroup: the leader hands in the assignment, every member takes its part. Main thread. */
import { syncGroup } from '../protocol/messages/14-sync-group.js';
import { handler } from './handler.js';

export const syncGroupHandler = handler(syncGroup, async (request, _context, { groups }) => groups.sync(request));
