/** DescribeLogDirs: bytes on disk of each partition. Main thread. */
import { resolve } from 'node:path';
import { KafkaError } from '../base/kafka-error.js';
import type { Topic } from '../metadata/topic.js';
import type { PartitionHandle } from '../partition/partitions.js';
import { describeLogDirs } from '../protocol/messages/35-describe-log-dirs.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Answer = ResponseOf<typeof describeLogDirs>;

interface Sized {
  readonly partitionIndex: number;
  readonly partitionSize: number;
  readonly offsetLag: number;
  readonly isFutureKey: boolean;
}

export const describeLogDirsHandler = handler(describeLogDirs, async (request, _context, services): Promise<Answer> => {
  const topics = await Promise.all(
    wanted(request.topics, services).map(async ({ name, handles }) => ({
      name,
      partitions: (await Promise.all(handles.map((handle) => sized(handle, services)))).filter((size) => size !== null),
    })),
  );
  const [first, ...others] = services.topics.config.dataDirectories.map((directory) => resolve(directory));
  return {
    results: [
      { errorCode: 'NONE', logDir: first, topics: topics.filter(({ partitions }) => partitions.length > 0) },
      ...others.map((logDir) => ({ errorCode: 'NONE' as const, logDir, topics: [] })),
    ],
  };
});

function wanted(
  asked: RequestOf<typeof describeLogDirs>['topics'],
  { topics }: Services,
): { name: string; handles: readonly PartitionHandle[] }[] {
  if (asked === null) return Array.from(topics.all(), ({ name, partitions }: Topic) => ({ name, handles: partitions }));
  return asked.map(({ topic, partitions }) => {
    const known = topics.get(topic)?.partitions ?? [];
    return { name: topic, handles: partitions.filter((index) => index in known).map((index) => known[index]) };
  });
}

/** null for a partition that is offline at the moment: it has no size that anybody could tell. */
async function sized(handle: PartitionHandle, { partitions, logger }: Services): Promise<Sized | null> {
  try {
    const partitionSize = await partitions.sizeBytes(handle);
    return { partitionIndex: handle.index, partitionSize, offsetLag: 0, isFutureKey: false };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    logger.warn({ err: error, topic: handle.topic, partition: handle.index }, 'the size of a partition cannot be told');
    return null;
  }
}
