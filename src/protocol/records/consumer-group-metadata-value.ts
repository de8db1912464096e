/** A consumer group's epoch in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, int32, int64 } from '../schema.js';

export const consumerGroupMetadataValue = defineRecord({
  name: 'ConsumerGroupMetadataValue',
  versions: '0',
  flexible: 0,
  fields: {
    epoch: int32(),
    // Of all topics that the group reads: another hash is another group epoch (KIP-1101).
    metadataHash: int64({ tag: 0, default: 0 }),
  },
});
