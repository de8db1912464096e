/** API 8: stores the committed offsets of a group. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, int64, string, uuid } from '../schema.js';

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  // 2-4 retention time · 6 leader epoch · 7 static members · 9 member epochs (KIP-848) · 10 topic ids
  versions: '2-10',
  flexible: 8,
  request: {
    groupId: string(),
    // -1 for a commit from outside any group membership.
    generationIdOrMemberEpoch: int32('1+', { default: -1 }),
    memberId: string('1+'),
    groupInstanceId: string('7+', { nullable: true, default: null }),
    retentionTimeMs: int64('2-4', { default: -1 }),
    topics: array({
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32('6+', { default: -1 }),
        committedMetadata: string({ nullable: true }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    topics: array({
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
      }),
    }),
  },
});
