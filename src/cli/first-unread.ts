/** How long the first record that a group has not read has been waiting: one batch is fetched, whatever the lag. Command line. */
import { KafkaError } from '../base/kafka-error.js';
import { fetch } from '../protocol/messages/01-fetch.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { NO_TIMESTAMP } from '../record/batch-layout.js';
import { iterateBatches, visitRecords } from '../record/record.js';
import { maxTimestampOf } from '../record/record-batch.js';
import type { KafkaClient } from './client.js';
import { EARLIEST, readOffsets, type TopicPartition } from './topic-metadata.js';

/** Version 13 wants topic ids. */
const FETCH_BY_NAME = 12;
/** A broker answers a fetch with at least one whole batch, so this asks for exactly one. */
const ONE_BATCH = 1;

type FetchedPartition = DecodedResponseOf<typeof fetch>['responses'][number]['partitions'][number];

async function fetchOneBatch(
  client: KafkaClient,
  { topic, partition }: TopicPartition,
  offset: number,
): Promise<FetchedPartition | undefined> {
  const partitions = [{ partition, fetchOffset: offset, partitionMaxBytes: ONE_BATCH }];
  const request = {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: ONE_BATCH,
    isolationLevel: 0,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [{ topic, partitions }],
    forgottenTopicsData: [],
  };
  const { responses } = await client.request(fetch, request, { versionMax: FETCH_BY_NAME });
  return responses[0]?.partitions[0];
}

/** The first record at or behind `offset`; the batch's newest where compaction has left none of its records. */
function timestampIn(batch: Buffer, offset: number): number {
  let found = maxTimestampOf(batch, 0);
  visitRecords(batch, (record) => {
    if (record.offset < offset) return true;
    found = record.timestampMs;
    return false;
  });
  return found;
}

/**
 * Timestamp in milliseconds since 1970 of the record at `offset`, or of the first that is still there behind it; null
 * where there is none, or it bears none, or cannot be read.
 */
export async function readTimestamp(
  client: KafkaClient,
  place: TopicPartition,
  offset: number,
): Promise<number | null> {
  let from = offset;
  let answer = await fetchOneBatch(client, place, from);
  if (answer?.errorCode === 'OFFSET_OUT_OF_RANGE') {
    // What the group did not read has been deleted meanwhile: the oldest record that it still can read counts.
    [from] = (await readOffsets(client, [place], EARLIEST)).map((start) => start ?? offset);
    answer = await fetchOneBatch(client, place, from);
  }
  if (answer?.errorCode !== 'NONE' || answer.records === null) return null;
  try {
    for (const batch of iterateBatches(answer.records)) {
      const timestampMs = timestampIn(batch, from);
      return timestampMs === NO_TIMESTAMP ? null : timestampMs;
    }
  } catch (error) {
    // A batch that cannot be unfolded here still has a lag in records.
    if (!(error instanceof KafkaError)) throw error;
  }
  return null;
}
