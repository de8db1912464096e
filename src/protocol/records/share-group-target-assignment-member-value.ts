/** What a share group's member shall have, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { array, defineRecord, int32, uuid } from '../schema.js';

export const shareGroupTargetAssignmentMemberValue = defineRecord({
  name: 'ShareGroupTargetAssignmentMemberValue',
  versions: '0',
  flexible: 0,

  fields: {
    topicPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
});
