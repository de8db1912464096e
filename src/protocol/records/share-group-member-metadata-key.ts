/** Key of a share group's member in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupMemberMetadataKey = defineRecord({
  name: 'ShareGroupMemberMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 10,
  fields: {
    groupId: string(),
    memberId: string(),
  },
});
