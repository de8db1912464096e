/** DeleteShareGroupOffsets: makes a share group without members forget topics (KIP-932). Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { ZERO_UUID } from '../base/uuid.js';
import type { ShareGroup } from '../coordinator/group/share-group.js';
import { deleteShareGroupOffsets } from '../protocol/messages/92-delete-share-group-offsets.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler, type Services } from './handler.js';

type Response = ResponseOf<typeof deleteShareGroupOffsets>;

export const deleteShareGroupOffsetsHandler = handler(
  deleteShareGroupOffsets,
  async (request, _context, services): Promise<Response> => {
    const group = services.groups.shareGroup(request.groupId);
    if (typeof group === 'string') return { errorCode: group, responses: [] };
    if (group.state !== 'Empty') return { errorCode: 'NON_EMPTY_GROUP', responses: [] };
    const forgotten = request.topics.map(async ({ topicName }) => {
      const topicId = services.topics.get(topicName)?.id ?? ZERO_UUID;
      return { topicName, topicId, errorCode: await forget(group, topicId, services) };
    });
    return { errorCode: 'NONE', responses: await Promise.all(forgotten) };
  },
);

async function forget(group: ShareGroup, topicId: string, { groups, shares }: Services): Promise<ErrorName> {
  if (!group.topics.has(topicId)) return 'UNKNOWN_TOPIC_OR_PARTITION';
  const topicIds = new Set([topicId]);
  const error = await shares.forget(group.id, topicIds);
  return error === 'NONE' ? groups.forgetShared(group, topicIds) : error;
}
