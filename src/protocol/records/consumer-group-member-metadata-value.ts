/** Who a consumer group's member is and what it subscribes to, in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { array, bytes, defineRecord, int32, string, struct } from '../schema.js';

export const consumerGroupMemberMetadataValue = defineRecord({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: '0',
  flexible: 0,
  fields: {
    instanceId: string({ nullable: true }),
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: string({ nullable: true }),
    rebalanceTimeoutMs: int32({ default: -1 }),
    serverAssignor: string({ nullable: true }),
    // null where the member does not speak the classic protocol. That has to be said: where nothing is, Apache Kafka reads
    // an empty one, and takes the member for one of the classic protocol.
    classicMemberMetadata: struct(
      '0+',
      { nullable: true, tag: 0 },
      {
        sessionTimeoutMs: int32(),
        supportedProtocols: array({
          name: string(),
          metadata: bytes(),
        }),
      },
    ),
  },
});
