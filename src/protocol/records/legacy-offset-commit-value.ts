/** The first form of a committed offset's value, under the same version number as the later one. Wire only; any thread. */
import { defineRecord, int64, string } from '../schema.js';

export const legacyOffsetCommitValue = defineRecord({
  name: 'LegacyOffsetCommitValue',
  versions: '0',
  flexible: 'never',
  fields: {
    offset: int64(),
    metadata: string(),
    commitTimestamp: int64(),
  },
});
