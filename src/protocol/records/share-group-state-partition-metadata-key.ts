/** Key of the partitions that a share group keeps delivery state of, in `__consumer_offsets` (KIP-932). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const shareGroupStatePartitionMetadataKey = defineRecord({
  name: 'ShareGroupStatePartitionMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 15,
  fields: {
    groupId: string(),
  },
});
