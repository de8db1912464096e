/**
 * API 10000, our own: how the disk stands, and what of each topic goes next. Not advertised: Kafka's clients never see it, and
 * Kafka closes the connection of who asks. Wire only, no behaviour; any thread.
 */
import { array, bool, defineApi, errorCode, int32, int64, string } from '../schema.js';

export const describeDisk = defineApi({
  key: 10000,
  name: 'DescribeDisk',
  versions: '0',
  advertised: false,
  flexible: 0,
  request: {
    // null: all of them.
    topics: array({ nullable: true }, string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    // 'ok', 'low', 'full'; 'unwatched' where there is no budget.
    state: string(),
    // -1 where there is none.
    budgetBytes: int64(),
    usedBytes: int64(),
    freeBytes: int64(),
    totalBytes: int64(),
    topics: array({
      errorCode: errorCode(),
      name: string(),
      isInternal: bool(),
      sizeBytes: int64(),
      segments: int32(),
      // Arrival, ms since 1970; -1 where nothing is there, or nobody knows.
      oldestMs: int64(),
      // What all partitions together may take, and by which rule; -1 where nothing bounds them.
      boundBytes: int64(),
      boundBy: string({ nullable: true }),
      // When the oldest segment is likely to go, and by which rule; -1 where none is going to.
      deletionInMs: int64(),
      deletionBy: string({ nullable: true }),
    }),
  },
});
