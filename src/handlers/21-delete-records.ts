/** DeleteRecords: moves the log start of partitions. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { Offset } from '../base/units.js';
import { deleteRecords } from '../protocol/messages/21-delete-records.js';
import type { ResponseOf } from '../protocol/schema.js';
import { answerError } from './answer-error.js';
import { handler, type Services } from './handler.js';

type PartitionAnswer = ResponseOf<typeof deleteRecords>['topics'][number]['partitions'][number];

/** Asks for everything up to the high watermark. */
const TO_HIGH_WATERMARK = -1;

export const deleteRecordsHandler = handler(deleteRecords, async (request, _context, services) => ({
  topics: await Promise.all(
    request.topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(
        partitions.map(({ partitionIndex, offset }) => remove(name, partitionIndex, offset, services)),
      ),
    })),
  ),
}));

async function remove(
  name: string,
  partitionIndex: number,
  offset: Offset,
  services: Services,
): Promise<PartitionAnswer> {
  try {
    const topic = services.topics.get(name);
    const partition = topic?.partitions[partitionIndex];
    if (topic === undefined || partition === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION');
    if (topic.internal) throw new KafkaError('INVALID_TOPIC_EXCEPTION', `Topic '${name}' belongs to the broker.`);
    if (topic.logConfig.compacted && !topic.logConfig.deleted) {
      throw new KafkaError('POLICY_VIOLATION', `Topic '${name}' is compacted only: its records go by key, not by age.`);
    }
    if (offset < TO_HIGH_WATERMARK) throw new KafkaError('OFFSET_OUT_OF_RANGE');
    return {
      partitionIndex,
      lowWatermark: await services.partitions.deleteRecords(partition, offset),
      errorCode: 'NONE',
    };
  } catch (error) {
    const { errorCode } = answerError(error, services.logger, 'DeleteRecords');
    return { partitionIndex, lowWatermark: -1, errorCode };
  }
}
