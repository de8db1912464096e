/** Key of a consumer group's target assignment in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupTargetAssignmentMetadataKey = defineRecord({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 6,
  fields: {
    groupId: string(),
  },
});
