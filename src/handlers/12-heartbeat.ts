/** Heartbeat: a member of a classic group is alive, and hears whether its group rebalances. Main thread. */
import { heartbeat } from '../protocol/messages/12-heartbeat.js';
import { handler } from './handler.js';

export const heartbeatHandler = handler(heartbeat, (request, context, { groups }) => {
  const errorCode = groups.heartbeat(request);
  groups.heardOver(request.groupId, request.memberId, context);
  return { errorCode };
});
