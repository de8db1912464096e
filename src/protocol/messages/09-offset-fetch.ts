/** API 9: reads the committed offsets of groups. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int32, int64, string, uuid } from '../schema.js';

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  // 1-7 one group a request · 2 null means all topics · 7 require stable (KIP-447)
  // 8 several groups (KIP-709) · 9 member epochs (KIP-848) · 10 topic ids
  versions: '1-10',
  flexible: 6,
  request: {
    // Up to 7: one group, here and in `topics`. From 8 on: `groups`.
    groupId: string('0-7'),
    topics: array(
      '0-7',
      { nullable: '2-7' },
      {
        name: string(),
        partitionIndexes: array(int32()),
      },
    ),
    groups: array('8+', {
      groupId: string(),
      memberId: string('9+', { nullable: true, default: null }),
      memberEpoch: int32('9+', { default: -1 }),
      topics: array(
        { nullable: true },
        {
          name: string('8-9'),
          topicId: uuid('10+'),
          partitionIndexes: array(int32()),
        },
      ),
    }),
    requireStable: bool('7+', { default: false }),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    topics: array('0-7', {
      name: string(),
      partitions: array({
        partitionIndex: int32(),
        committedOffset: int64(),
        committedLeaderEpoch: int32('5-7', { default: -1 }),
        metadata: string({ nullable: true }),
        errorCode: errorCode(),
      }),
    }),
    errorCode: errorCode('2-7', { default: 'NONE' }),
    groups: array('8+', {
      groupId: string(),
      topics: array({
        name: string('8-9'),
        topicId: uuid('10+'),
        partitions: array({
          partitionIndex: int32(),
          committedOffset: int64(),
          committedLeaderEpoch: int32({ default: -1 }),
          metadata: string({ nullable: true }),
          errorCode: errorCode(),
        }),
      }),
      errorCode: errorCode({ default: 'NONE' }),
    }),
  },
});
