/** DescribeDisk, our own: for the command line's `disk` and the columns of its `topic`. Main thread. */
import { readTopicsOnDisk, type TopicOnDisk } from '../metadata/topics-on-disk.js';
import { describeDisk } from '../protocol/messages/10000-describe-disk.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler } from './handler.js';

type Described = ResponseOf<typeof describeDisk>['topics'][number];

export const describeDiskHandler = handler(describeDisk, async ({ topics: wanted }, _context, services) => {
  const { topics, partitions, clock } = services;
  const found = await readTopicsOnDisk(topics, partitions, clock.nowMs());
  const { state, budgetBytes, usedBytes, freeBytes, totalBytes } = partitions.disk();
  return {
    ...{ state, budgetBytes, usedBytes, freeBytes, totalBytes },
    topics: (wanted ?? [...found.keys()]).map((name) => described(name, found.get(name))),
  };
});

function described(name: string, topic: TopicOnDisk | undefined): Described {
  if (topic === undefined) {
    const nothing = { sizeBytes: 0, segments: 0, oldestMs: -1, boundBytes: -1, deletionInMs: -1 };
    return {
      errorCode: 'UNKNOWN_TOPIC_OR_PARTITION',
      name,
      isInternal: false,
      ...nothing,
      boundBy: null,
      deletionBy: null,
    };
  }
  const { isInternal, bytes, segments, oldestMs, bound, deletion } = topic;
  return {
    ...{ errorCode: 'NONE' as const, name, isInternal, sizeBytes: bytes, segments, oldestMs },
    ...{ boundBytes: bound?.bytes ?? -1, boundBy: bound?.by ?? null },
    ...{ deletionInMs: deletion?.inMs ?? -1, deletionBy: deletion?.by ?? null },
  };
}
