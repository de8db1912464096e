/** Key of the topics that a consumer group reads, as Kafka wrote them before 4.1, in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupPartitionMetadataKey = defineRecord({
  name: 'ConsumerGroupPartitionMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 4,
  fields: {
    groupId: string(),
  },
});
