/** DescribeShareGroupOffsets: how far share groups have come in their partitions, and how much is left (KIP-932). Main thread. */
import { ZERO_UUID } from '../base/uuid.js';
import type { ShareGroup } from '../coordinator/group/share-group.js';
import { describeShareGroupOffsets } from '../protocol/messages/90-describe-share-group-offsets.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type AskedGroup = RequestOf<typeof describeShareGroupOffsets>['groups'][number];
type Group = ResponseOf<typeof describeShareGroupOffsets>['groups'][number];
type Partition = Group['topics'][number]['partitions'][number];

export const describeShareGroupOffsetsHandler = handler(describeShareGroupOffsets, (request, _context, services) => ({
  groups: request.groups.map((asked) => describe(asked, services)),
}));

function describe({ groupId, topics }: AskedGroup, services: Services): Group {
  const group = services.groups.shareGroup(groupId);
  if (typeof group === 'string') return { groupId, topics: [], errorCode: group };
  const asked = topics ?? everythingOf(group);
  return {
    groupId,
    errorCode: 'NONE',
    topics: asked.map(({ topicName, partitions }) => ({
      topicName,
      topicId: services.topics.get(topicName)?.id ?? ZERO_UUID,
      partitions: partitions.map((index) => describePartition(group, topicName, index, services)),
    })),
  };
}

function everythingOf(group: ShareGroup): { topicName: string; partitions: number[] }[] {
  return [...group.topics.values()].map(({ name, partitions }) => ({
    topicName: name,
    partitions: [...partitions].sort((a, b) => a - b),
  }));
}

function describePartition(
  group: ShareGroup,
  topicName: string,
  partitionIndex: number,
  { topics, shares }: Services,
): Partition {
  const handle = topics.get(topicName)?.partitions[partitionIndex];
  if (handle === undefined) {
    return { partitionIndex, startOffset: -1, leaderEpoch: 0, errorCode: 'UNKNOWN_TOPIC_OR_PARTITION' };
  }
  const { error, startOffset, leaderEpoch, lag } = shares.offsets(group.id, handle);
  return { partitionIndex, startOffset, leaderEpoch, lag, errorCode: error };
}
