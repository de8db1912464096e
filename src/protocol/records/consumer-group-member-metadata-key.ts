/** Key of a consumer group's member in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupMemberMetadataKey = defineRecord({
  name: 'ConsumerGroupMemberMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 5,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
