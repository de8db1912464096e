/** The epoch of a share group's target assignment in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, int32, int64 } from '../schema.js';

export const shareGroupTargetAssignmentMetadataValue = defineRecord({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  versions: '0',
  flexible: 0,

  fields: {
    assignmentEpoch: int32(),
    assignmentTimestamp: int64({ tag: 0, default: 0 }),
  },
});
