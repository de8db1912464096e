/** Value of a committed offset in `__consumer_offsets`; only version 1 has an expiry time. Wire only; any thread. */
import { defineRecord, int32, int64, string, uuid } from '../schema.js';

export const offsetCommitValue = defineRecord({
  name: 'OffsetCommitValue',
  versions: '0-4',
  flexible: 4,
  fields: {
    offset: int64(),
    leaderEpoch: int32('3+', { default: -1 }),
    metadata: string(),
    commitTimestamp: int64(),
    expireTimestamp: int64('1', { default: -1 }),
    topicId: uuid('4+', { tag: 0 }),
  },
});
