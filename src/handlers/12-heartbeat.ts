/** Heartbeat: a member of a classic group is alive, and hears whether its group rebalances. Main thread. */
import { heartbeat } from '../protocol/messages/12-heartbeat.js';
import { handler } from './handler.js';

export const heartbeatHandler = handler(heartbeat, (request, _context, { groups }) => ({
  errorCode: groups.heartbeat(request),
}));
