/** DescribeLogDirs: the data folders, and bytes on disk of each partition. Main thread. */
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
  const survey = await services.partitions.survey();
  const topics = wanted(request.topics, services).map(({ name, handles }) => ({
    name,
    partitions: handles.flatMap((handle) => sized(handle, survey.get(handle)?.bytes)),
  }));
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

/** Nothing for a partition that is offline: it has no size that anybody could tell. */
function sized({ logDirectory: logDir, index }: PartitionHandle, bytes: number | undefined): Sized[] {
  if (logDir === null || bytes === undefined) return [];
  return [{ logDir, partitionIndex: index, partitionSize: bytes, offsetLag: 0, isFutureKey: false }];
}
