/** DescribeProducers (KIP-664): who writes idempotently to a partition, as its log remembers them. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import { describeProducers } from '../protocol/messages/61-describe-producers.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Answer = ResponseOf<typeof describeProducers>;
type PartitionAnswer = Answer['topics'][number]['partitions'][number];

export const describeProducersHandler = handler(
  describeProducers,
  async (request, _context, services): Promise<Answer> => ({
    topics: await Promise.all(
      request.topics.map(async ({ name, partitionIndexes }) => ({
        name,
        partitions: await Promise.all(partitionIndexes.map((index) => describe(name, index, services))),
      })),
    ),
  }),
);

async function describe(
  name: string,
  partitionIndex: number,
  { topics, partitions }: Services,
): Promise<PartitionAnswer> {
  const handle = topics.get(name)?.partitions[partitionIndex];
  if (handle === undefined) return { partitionIndex, errorCode: 'UNKNOWN_TOPIC_OR_PARTITION', activeProducers: [] };
  try {
    const producers = await partitions.activeProducers(handle);
    return {
      partitionIndex,
      errorCode: 'NONE',
      activeProducers: producers.map(({ lastTimestampMs, ...producer }) => ({
        ...producer,
        lastTimestamp: lastTimestampMs,
        // Both belong to transactions.
        coordinatorEpoch: -1,
        currentTxnStartOffset: -1,
      })),
    };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    return { partitionIndex, errorCode: error.error, errorMessage: error.message, activeProducers: [] };
  }
}
