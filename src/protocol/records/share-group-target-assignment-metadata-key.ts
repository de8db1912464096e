/** Key of a share group's target assignment in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupTargetAssignmentMetadataKey = defineRecord({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 12,
  fields: {
    groupId: string(),
  },
});
