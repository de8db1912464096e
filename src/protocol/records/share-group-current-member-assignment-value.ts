/** What a share group's member has, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { array, defineRecord, int8, int32, uuid } from '../schema.js';

export const shareGroupCurrentMemberAssignmentValue = defineRecord({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: 0,

  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array({
      topicId: uuid(),
      partitions: array(int32()),
    }),
  },
});
