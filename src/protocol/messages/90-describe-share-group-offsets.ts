/** API 90: how far share groups have come in their partitions (KIP-932). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, int64, string, uuid } from '../schema.js';

export const describeShareGroupOffsets = defineApi({
  key: 90,
  name: 'DescribeShareGroupOffsets',
  // 1 lag (KIP-1226)
  versions: '0-1',
  flexible: 0,
  request: {
    groups: array({
      groupId: string(),
      // null asks for everything that the group reads or has read.
      topics: array(
        '0+',
        { nullable: true },
        {
          topicName: string(),
          partitions: array(int32()),
        },
      ),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    groups: array({
      groupId: string(),
      topics: array({
        topicName: string(),
        topicId: uuid(),
        partitions: array({
          partitionIndex: int32(),
          // -1 where nobody has fetched yet.
          startOffset: int64(),
          leaderEpoch: int32(),
          lag: int64('1+', { default: -1 }),
          errorCode: errorCode(),
          errorMessage: string({ nullable: true, default: null }),
        }),
      }),
      errorCode: errorCode(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
});
