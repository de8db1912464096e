/** What a member shall have, in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { array, defineRecord, int32, uuid } from '../schema.js';

export const consumerGroupTargetAssignmentMemberValue = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: '0',
  flexible: 0,
  fields: {
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
});
