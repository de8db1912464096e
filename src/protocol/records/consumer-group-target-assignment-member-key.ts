/** Key of a member's part of the target assignment in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupTargetAssignmentMemberKey = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 7,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
