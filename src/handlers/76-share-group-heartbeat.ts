/** ShareGroupHeartbeat: a member of a share group joins, is alive, is given partitions, or leaves (KIP-932). Main thread. */
import { shareGroupHeartbeat } from '../protocol/messages/76-share-group-heartbeat.js';
import { handler } from './handler.js';

export const shareGroupHeartbeatHandler = handler(shareGroupHeartbeat, async (request, context, { groups }) => {
  const { groupId } = request;
  const { clientId, clientHost } = context;
  const answer = await groups.shareHeartbeat(request, { clientId, clientHost });
  if (answer.errorCode === 'NONE') groups.heardOver(groupId, answer.memberId ?? '', context);
  return answer;
});
