/** The epoch of a consumer group's target assignment in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, int32, int64 } from '../schema.js';

export const consumerGroupTargetAssignmentMetadataValue = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: '0',
  flexible: 0,
  fields: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, default: 0 }),
  },
});
