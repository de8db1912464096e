/** What a share group's member says of itself, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { array, defineRecord, string } from '../schema.js';

export const shareGroupMemberMetadataValue = defineRecord({
  name: 'ShareGroupMemberMetadataValue',
  versions: '0',
  flexible: 0,

  fields: {
    rackId: string({ nullable: true }),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
  },
});
