/** The topics that a regular expression stands for, in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { array, defineRecord, int64, string } from '../schema.js';

export const consumerGroupRegularExpressionValue = defineRecord({
  name: 'ConsumerGroupRegularExpressionValue',
  versions: '0',
  flexible: 0,
  fields: {
    topics: array(string()),
    version: int64(),
    timestamp: int64(),
  },
});
