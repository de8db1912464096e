/** API 35: sizes of partitions, one list a log folder. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int32, int64, string } from '../schema.js';

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  // 3 an error for the whole answer · 4 total and usable bytes (KIP-827) · 5 cordoned folders (KIP-1066)
  versions: '1-5',
  flexible: 2,
  request: {
    topics: array(
      { nullable: true },
      {
        topic: string(),
        partitions: array(int32()),
      },
    ),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode('3+'),
    results: array({
      errorCode: errorCode(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: bool(),
        }),
      }),
      totalBytes: int64('4+', { default: -1 }),
      usableBytes: int64('4+', { default: -1 }),
      isCordoned: bool('5+', { default: false }),
    }),
  },
});
