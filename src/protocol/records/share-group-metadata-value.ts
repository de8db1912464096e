/** A share group's epoch in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, int32, int64 } from '../schema.js';

export const shareGroupMetadataValue = defineRecord({
  name: 'ShareGroupMetadataValue',
  versions: '0',
  flexible: 0,

  fields: {
    epoch: int32(),
    // Of all topics that the group reads: another hash is another group epoch (KIP-1101).
    metadataHash: int64(),
  },
});
