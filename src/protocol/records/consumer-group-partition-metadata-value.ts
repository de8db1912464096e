/** The topics that a consumer group reads, in `__consumer_offsets`, as Kafka wrote them before 4.1. Wire only; any thread. */
import { array, defineRecord, int32, string, uuid } from '../schema.js';

export const consumerGroupPartitionMetadataValue = defineRecord({
  name: 'ConsumerGroupPartitionMetadataValue',
  versions: '0',
  flexible: 0,
  fields: {
    topics: array({
      topicId: uuid(),
      topicName: string(),
      numPartitions: int32(),
      partitionMetadata: array({
        partition: int32(),
        racks: array(string()),
      }),
    }),
  },
});
