/** ShareGroupHeartbeat: a member of a share group joins, is alive, is given partitions, or leaves (KIP-932). Main thread. */
import { shareGroupHeartbeat } from '../protocol/messages/76-share-group-heartbeat.js';
import { handler } from './handler.js';

export const shareGroupHeartbeatHandler = handler(
  shareGroupHeartbeat,
  (request, { clientId, clientHost }, { groups }) => groups.shareHeartbeat(request, { clientId, clientHost }),
);
