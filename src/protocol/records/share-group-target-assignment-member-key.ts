/** Key of what a share group's member shall have, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupTargetAssignmentMemberKey = defineRecord({
  name: 'ShareGroupTargetAssignmentMemberKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 13,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
