/** AlterShareGroupOffsets: makes a share group without members go on, or begin, at other offsets (KIP-932). Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { ZERO_UUID } from '../base/uuid.js';
import { alterShareGroupOffsets } from '../protocol/messages/91-alter-share-group-offsets.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Topic = RequestOf<typeof alterShareGroupOffsets>['topics'][number];
type Response = ResponseOf<typeof alterShareGroupOffsets>;
type TopicResponse = Response['responses'][number];

export const alterShareGroupOffsetsHandler = handler(
  alterShareGroupOffsets,
  async (request, _context, services): Promise<Response> => {
    const { groups, topics } = services;
    const { groupId } = request;
    // First of all: what is set must be found again when the group is deleted.
    const known = request.topics.flatMap(({ topicName }) => topics.get(topicName) ?? []);
    const errorCode = await groups.adoptShared(groupId, known);
    if (errorCode !== 'NONE') return { errorCode, responses: [] };
    return { errorCode, responses: await Promise.all(request.topics.map((topic) => alter(groupId, topic, services))) };
  },
);

async function alter(
  groupId: string,
  { topicName, partitions }: Topic,
  { topics, shares }: Services,
): Promise<TopicResponse> {
  const topic = topics.get(topicName);
  const altered = partitions.map(async ({ partitionIndex, startOffset }) => {
    const handle = topic?.partitions[partitionIndex];
    let errorCode: ErrorName = 'UNKNOWN_TOPIC_OR_PARTITION';
    if (startOffset < 0) errorCode = 'INVALID_REQUEST';
    else if (handle !== undefined) errorCode = await shares.setOffset(groupId, handle, startOffset);
    return { partitionIndex, errorCode };
  });
  return { topicName, topicId: topic?.id ?? ZERO_UUID, partitions: await Promise.all(altered) };
}
