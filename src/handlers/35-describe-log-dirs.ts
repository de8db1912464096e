/** DescribeLogDirs: the data folders, and bytes on disk of each partition. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { Topic } from '../metadata/topic.js';
import type { PartitionHandle } from '../partition/partitions.js';
import { describeLogDirs } from '../protocol/messages/35-describe-log-dirs.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Answer = ResponseOf<typeof describeLogDirs>;

interface Sized {
  readonly logDir: string;
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
  const results = services.partitions.logDirectories().map(({ path, trouble }) => ({
    errorCode: trouble === null ? ('NONE' as const) : ('KAFKA_STORAGE_ERROR' as const),
    logDir: path,
    topics: topics
      .map(({ name, partitions }) => ({ name, partitions: partitions.filter(({ logDir }) => logDir === path) }))
      .filter(({ partitions }) => partitions.length > 0),
  }));
  return { results };
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
  const { logDirectory: logDir } = handle;
  if (logDir === null) return null;
  try {
    const partitionSize = await partitions.sizeBytes(handle);
    return { logDir, partitionIndex: handle.index, partitionSize, offsetLag: 0, isFutureKey: false };
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    logger.warn({ err: error, topic: handle.topic, partition: handle.index }, 'the size of a partition cannot be told');
    return null;
  }
}
