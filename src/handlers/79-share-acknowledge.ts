/** ShareAcknowledge: a member of a share group says what became of records that it acquired (KIP-932). Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { FINAL_EPOCH, INITIAL_EPOCH } from '../coordinator/share/share-sessions.js';
import { shareAcknowledge } from '../protocol/messages/79-share-acknowledge.js';
import type { ResponseOf } from '../protocol/schema.js';
import { handler } from './handler.js';
import { acknowledgeAll, NO_LEADER } from './share-acknowledgements.js';

type Response = ResponseOf<typeof shareAcknowledge>;

export const shareAcknowledgeHandler = handler(
  shareAcknowledge,
  async (request, _context, services): Promise<Response> => {
    const { shares, groups } = services;
    const { shareSessionEpoch: epoch } = request;
    const [groupId, memberId] = [request.groupId ?? '', request.memberId ?? ''];
    const acquisitionLockTimeoutMs = shares.lockDurationMs(groupId);
    const answer = (errorCode: ErrorName, responses: Response['responses'] = []): Response => ({
      errorCode,
      acquisitionLockTimeoutMs,
      responses,
      nodeEndpoints: [],
    });
    const group = groups.shareGroup(groupId);
    if (typeof group === 'string') return answer(group);
    // Only a fetch opens a session.
    if (epoch === INITIAL_EPOCH) return answer('INVALID_SHARE_SESSION_EPOCH');
    const session = shares.sessions.resume(groupId, memberId, epoch);
    if (typeof session === 'string') return answer(session);
    const outcomes = await acknowledgeAll(groupId, session, request.topics, services);
    if (epoch === FINAL_EPOCH) shares.sessions.close(session, true);
    const topics = new Map<string, Response['responses'][number]['partitions'][number][]>();
    for (const { topicId, index, error, message } of outcomes.values()) {
      const partitions = topics.get(topicId) ?? [];
      topics.set(topicId, partitions);
      partitions.push({ partitionIndex: index, errorCode: error, errorMessage: message, currentLeader: NO_LEADER });
    }
    return answer(
      'NONE',
      [...topics].map(([topicId, partitions]) => ({ topicId, partitions })),
    );
  },
);
