/** The partitions that a classic group's leader gives a member. Wire only; any thread. */
import { array, bytes, defineRecord, int32, string } from '../schema.js';

export const consumerProtocolAssignment = defineRecord({
  name: 'ConsumerProtocolAssignment',
  versions: '0-3',
  flexible: 'never',
  newerReadsAsNewest: true,
  fields: {
    assignedPartitions: array({
      topic: string(),
      partitions: array(int32()),
    }),
    userData: bytes({ nullable: true, default: null }),
  },
});
