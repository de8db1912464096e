/** ShareFetch: acquires records for a member of a share group, and hears what became of earlier ones (KIP-932). Main thread. */
import type { ErrorName } from '../base/error-code.js';
import type { ShareGroup } from '../coordinator/group/share-group.js';
import type { AcknowledgeOutcome, FetchedShare } from '../coordinator/share/share-coordinator.js';
import {
  FINAL_EPOCH,
  INITIAL_EPOCH,
  type SessionPartition,
  type ShareSession,
  sessionPartitionKey,
} from '../coordinator/share/share-sessions.js';
import { shareFetch } from '../protocol/messages/78-share-fetch.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type RequestContext, type Services } from './handler.js';
import { acknowledgeAll, NO_LEADER } from './share-acknowledgements.js';

type Request = RequestOf<typeof shareFetch>;
type Response = ResponseOf<typeof shareFetch>;
type PartitionResponse = Response['responses'][number]['partitions'][number];

/** ShareAcquireMode: whole batches, or never more records than asked for (KIP-1206). */
const RECORD_LIMIT = 1;

export const shareFetchHandler = handler(shareFetch, async (request, context, services): Promise<Response> => {
  const { shareSessionEpoch } = request;
  const groupId = request.groupId ?? '';
  const lockMs = services.shares.lockDurationMs(groupId);
  const opened = open(groupId, request, context, services);
  if ('error' in opened) return refused(opened.error, opened.message, lockMs);
  const { session, group, unknown } = opened;
  const acknowledging = acknowledgeAll(groupId, session, request.topics, services);
  // Whoever renews wants to hear soon that it has. For others more is looked for while the disk is busy.
  const isOver = shareSessionEpoch === FINAL_EPOCH || request.isRenewAck;
  const waitMs = unknown.length > 0 ? 0 : request.maxWaitMs;
  const acquiring = isOver ? [] : acquire(session, group, { ...request, maxWaitMs: waitMs }, context, services);
  const [acknowledged, fetched] = await Promise.all([acknowledging, acquiring]);
  if (shareSessionEpoch === FINAL_EPOCH) services.shares.sessions.close(session, true);
  return {
    errorCode: 'NONE',
    acquisitionLockTimeoutMs: lockMs,
    responses: byTopic(acknowledged, [...fetched, ...unknown]),
    nodeEndpoints: [],
  };
});

type Opened =
  | {
      readonly session: ShareSession;
      readonly group: ShareGroup;
      /** What there is not is not remembered: a session is no larger than what it could read. */
      readonly unknown: readonly FetchedShare[];
    }
  | { readonly error: ErrorName; readonly message: string | null };

/** The request's session, with what the request adds to it and takes away, and its group. */
function open(groupId: string, request: Request, context: RequestContext, services: Services): Opened {
  const { shares, groups } = services;
  const { shareSessionEpoch: epoch, topics, forgottenTopicsData } = request;
  const memberId = request.memberId ?? '';
  if (memberId === '') return { error: 'INVALID_REQUEST', message: "MemberId can't be empty." };
  const group = groups.shareGroup(groupId);
  if (typeof group === 'string') return { error: group, message: null };
  if (epoch === INITIAL_EPOCH && topics.some(hasAcknowledgements)) {
    return { error: 'INVALID_REQUEST', message: 'A request that opens a session cannot acknowledge anything.' };
  }
  const session =
    epoch === INITIAL_EPOCH
      ? shares.sessions.open(groupId, memberId, context.closed)
      : shares.sessions.resume(groupId, memberId, epoch);
  if (typeof session === 'string') return { error: session, message: null };
  const unknown: FetchedShare[] = [];
  if (epoch === FINAL_EPOCH) return { session, group, unknown };
  for (const { topicId, partitions } of topics) {
    const topic = services.topics.byId(topicId);
    for (const { partitionIndex: index } of partitions) {
      const partition = { topicId, index };
      const key = sessionPartitionKey(partition);
      if (topic?.partitions[index] === undefined) {
        const error = topic === undefined ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION';
        unknown.push({ partition, error, handle: null, records: null, acquired: [] });
      } else if (!session.partitions.has(key)) session.partitions.set(key, partition);
    }
  }
  for (const { topicId, partitions } of forgottenTopicsData) {
    for (const index of partitions) session.partitions.delete(sessionPartitionKey({ topicId, index }));
  }
  return { session, group, unknown };
}

function hasAcknowledgements({ partitions }: Request['topics'][number]): boolean {
  return partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0);
}

function acquire(
  session: ShareSession,
  group: ShareGroup,
  request: Request,
  context: RequestContext,
  { shares, config }: Services,
): Promise<FetchedShare[]> {
  const bytesMax = Math.max(0, Math.min(request.maxBytes, config.get('fetch.max.bytes')));
  return shares.fetch(session, ({ topicId, index }) => group.reads(topicId, index), {
    recordsMax: request.maxRecords,
    bytesMax,
    bytesMin: Math.min(request.minBytes, bytesMax),
    isStrict: request.shareAcquireMode === RECORD_LIMIT,
    waitMs: request.maxWaitMs,
    connectionClosed: context.closed,
  });
}

function byTopic(
  acknowledged: ReadonlyMap<string, SessionPartition & AcknowledgeOutcome>,
  fetched: readonly FetchedShare[],
): Response['responses'] {
  const topics = new Map<string, PartitionResponse[]>();
  const told = new Set<string>();
  const tell = ({ topicId, index }: SessionPartition, share: FetchedShare | null): void => {
    const key = sessionPartitionKey({ topicId, index });
    told.add(key);
    const outcome = acknowledged.get(key);
    let partitions = topics.get(topicId);
    if (partitions === undefined) {
      partitions = [];
      topics.set(topicId, partitions);
    }
    if (share?.handle && share.records) share.handle.traffic.readBytes += share.records.byteLength;
    partitions.push({
      partitionIndex: index,
      errorCode: share?.error ?? 'NONE',
      acknowledgeErrorCode: outcome?.error ?? 'NONE',
      acknowledgeErrorMessage: outcome?.message ?? null,
      currentLeader: NO_LEADER,
      records: share?.records ?? EMPTY,
      acquiredRecords: share ? [...share.acquired] : [],
    });
  };
  for (const share of fetched) tell(share.partition, share);
  for (const [key, partition] of acknowledged) if (!told.has(key)) tell(partition, null);
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }));
}

function refused(errorCode: ErrorName, errorMessage: string | null, acquisitionLockTimeoutMs: number): Response {
  return { errorCode, errorMessage, acquisitionLockTimeoutMs, responses: [], nodeEndpoints: [] };
}

const EMPTY = Buffer.alloc(0);
