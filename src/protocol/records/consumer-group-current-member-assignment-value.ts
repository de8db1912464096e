/** What a member has, and has yet to give back, in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { array, defineRecord, int8, int32, uuid } from '../schema.js';

const topicPartitions = {
  topicId: uuid(),
  partitions: array(int32()),
  // The epoch in which each of them was given; as many as there are partitions.
  assignmentEpochs: array('0+', { nullable: true, tag: 0 }, int32()),
};

export const consumerGroupCurrentMemberAssignmentValue = defineRecord({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: '0',
  flexible: 0,
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
});
