/** Key of a share group in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupMetadataKey = defineRecord({
  name: 'ShareGroupMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 11,
  fields: {
    groupId: string(),
  },
});
