/** Key of a classic group in `__consumer_offsets`. Wire only; any thread. */
import { defineRecord, string } from '../schema.js';

export const groupMetadataKey = defineRecord({
  name: 'GroupMetadataKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 2,
  fields: {
    group: string(),
  },
});
