/** The partitions that a share group keeps delivery state of, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { array, defineRecord, int32, string, uuid } from '../schema.js';

const topicPartitions = {
  topicId: uuid(),
  topicName: string(),
  partitions: array(int32()),
};

export const shareGroupStatePartitionMetadataValue = defineRecord({
  name: 'ShareGroupStatePartitionMetadataValue',
  versions: '0',
  flexible: 0,
  fields: {
    initializingTopics: array(topicPartitions),
    initializedTopics: array(topicPartitions),
    deletingTopics: array({ topicId: uuid(), topicName: string() }),
  },
});
