/** Key of what a consumer group's member has in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupCurrentMemberAssignmentKey = defineRecord({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 8,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
