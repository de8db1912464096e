/** ConsumerGroupHeartbeat: a member of a consumer group joins, is alive, is given partitions, or leaves (KIP-848). Main thread. */
import { consumerGroupHeartbeat } from '../protocol/messages/68-consumer-group-heartbeat.js';
import { handler } from './handler.js';

export const consumerGroupHeartbeatHandler = handler(
  consumerGroupHeartbeat,
  (request, { apiVersion, clientId, clientHost }, { groups }) =>
    groups.consumerHeartbeat(request, { clientId, clientHost, clientMakesId: apiVersion >= 1 }),
);
