/** ConsumerGroupHeartbeat: a member of a consumer group joins, is alive, is given partitions, or leaves (KIP-848). Main thread. */
import { consumerGroupHeartbeat } from '../protocol/messages/68-consumer-group-heartbeat.js';
import { handler } from './handler.js';

export const consumerGroupHeartbeatHandler = handler(consumerGroupHeartbeat, async (request, context, { groups }) => {
  const { groupId } = request;
  const { apiVersion, clientId, clientHost } = context;
  const answer = await groups.consumerHeartbeat(request, { clientId, clientHost, clientMakesId: apiVersion >= 1 });
  if (answer.errorCode === 'NONE') groups.heardOver(groupId, answer.memberId ?? '', context);
  return answer;
});
