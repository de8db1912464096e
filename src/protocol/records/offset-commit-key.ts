/** Key of a committed offset in `__consumer_offsets`. Wire only; any thread. */
import { defineRecord, int32, string } from '../schema.js';

export const offsetCommitKey = defineRecord({
  name: 'OffsetCommitKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 1,
  fields: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
});
