/** Key of a committed offset as very old brokers wrote it: same fields, other type number. Wire only; any thread. */
import { defineRecord, int32, string } from '../schema.js';

export const legacyOffsetCommitKey = defineRecord({
  name: 'LegacyOffsetCommitKey',
  versions: '0',
  flexible: 'never',
  typeNumber: 0,
  fields: {
    group: string(),
    topic: string(),
    partition: int32(),
  },
});
