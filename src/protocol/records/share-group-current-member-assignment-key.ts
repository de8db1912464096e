/** Key of what a share group's member has, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupCurrentMemberAssignmentKey = defineRecord({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 14,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
