/** Key of a resolved regular expression of a consumer group in `__consumer_offsets` (KIP-848). Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const consumerGroupRegularExpressionKey = defineRecord({
  name: 'ConsumerGroupRegularExpressionKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 16,
  fields: {
    groupId: string(),
    regularExpression: string(),
  },
});
