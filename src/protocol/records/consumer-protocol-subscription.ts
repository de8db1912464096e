/** What a classic consumer says of itself when it joins; opaque to the wire, read for committed topics. Wire only; any thread. */
import { array, bytes, defineRecord, int32, string } from '../schema.js';

export const consumerProtocolSubscription = defineRecord({
  name: 'ConsumerProtocolSubscription',
  versions: '0-3',
  flexible: 'never',
  newerReadsAsNewest: true,
  fields: {
    topics: array(string()),
    userData: bytes({ nullable: true, default: null }),
    ownedPartitions: array('1+', {
      topic: string(),
      partitions: array(int32()),
    }),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: true, default: null }),
  },
});
