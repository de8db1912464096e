/** Key of a consumer group in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupMetadataKey = defineRecord({
  name: 'ConsumerGroupMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 3,
  fields: {
    groupId: string(),
  },
});
