/** Fetch: finds the file ranges a consumer may read, waits for some if there are none, never touches a record. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import type { Later } from '../base/later.js';
import { fetch } from '../protocol/messages/01-fetch.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { type FetchPartition, type FetchSession, partitionKey } from './fetch-sessions.js';
import { FetchWait, type Found } from './fetch-wait.js';
import { handler, type Services } from './handler.js';

type Request = RequestOf<typeof fetch>;
type Response = ResponseOf<typeof fetch>;
type PartitionResponse = Response['responses'][number]['partitions'][number];

/** From here on requests name topics by id only (KIP-516). */
const TOPIC_IDS_FROM_VERSION = 13;
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;

export const fetchHandler = handler(fetch, (request, context, services): Response | Later<Response | null> => {
  const usesTopicIds = context.apiVersion >= TOPIC_IDS_FROM_VERSION;
  const session = sessionOf(request, usesTopicIds, services);
  if (typeof session === 'string') return { errorCode: session, sessionId: NO_SESSION, responses: [] };
  const incremental = session !== null && request.sessionEpoch > INITIAL_EPOCH;
  const wanted = incremental ? session.partitions : wantedOf(request, usesTopicIds);
  const opened = session === null && mayOpen(request) ? services.fetchSessions.open(usesTopicIds, wanted) : session;

  const answer = (found: readonly Found[]): Response => {
    const told = incremental ? found.filter(isNews) : found;
    if (opened !== null) remember(opened, told);
    return { errorCode: 'NONE', sessionId: opened?.id ?? NO_SESSION, responses: byTopic(told, usesTopicIds) };
  };
  const { maxBytes, minBytes, maxWaitMs } = request;
  const limits = {
    bytesMax: Math.max(0, Math.min(maxBytes, services.config.get('fetch.max.bytes'))),
    minBytes,
    maxWaitMs,
  };
  return new FetchWait(wanted, usesTopicIds, limits, context, services, answer).begin();
});

/** The session that the request goes on with, null without one, or the error that its epoch or id deserves. */
function sessionOf(request: Request, usesTopicIds: boolean, services: Services): FetchSession | null | ErrorName {
  const { sessionId, sessionEpoch } = request;
  if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
    if (sessionId !== NO_SESSION) services.fetchSessions.close(sessionId);
    return null;
  }
  const session = services.fetchSessions.resume(sessionId, sessionEpoch, usesTopicIds);
  if (typeof session === 'string') return session;
  for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
    for (const index of partitions) session.partitions.delete(partitionKey(topic, topicId, usesTopicIds, index));
  }
  for (const [key, partition] of wantedOf(request, usesTopicIds)) {
    const known = session.partitions.get(key);
    if (known === undefined) {
      session.partitions.set(key, partition);
      continue;
    }
    known.fetchOffset = partition.fetchOffset;
    known.maxBytes = partition.maxBytes;
    known.currentLeaderEpoch = partition.currentLeaderEpoch;
  }
  return session;
}

const mayOpen = (request: Request): boolean => request.sessionEpoch === INITIAL_EPOCH && request.topics.length > 0;

function wantedOf(request: Request, usesTopicIds: boolean): Map<string, FetchPartition> {
  const wanted = new Map<string, FetchPartition>();
  for (const { topic, topicId, partitions } of request.topics) {
    for (const { partition, fetchOffset, partitionMaxBytes, currentLeaderEpoch } of partitions) {
      wanted.set(partitionKey(topic, topicId, usesTopicIds, partition), {
        topic,
        topicId,
        index: partition,
        fetchOffset,
        maxBytes: partitionMaxBytes,
        currentLeaderEpoch,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
      });
    }
  }
  return wanted;
}

/** In an incremental reply only what the consumer does not know yet is said. */
function isNews({ wanted, error, records, highWatermark, logStartOffset }: Found): boolean {
  return (
    records !== null ||
    error !== 'NONE' ||
    wanted.toldHighWatermark !== highWatermark ||
    wanted.toldLogStartOffset !== logStartOffset
  );
}

function remember(session: FetchSession, told: readonly Found[]): void {
  for (const { wanted, error, records, highWatermark, logStartOffset } of told) {
    wanted.toldHighWatermark = error === 'NONE' ? highWatermark : -1;
    wanted.toldLogStartOffset = logStartOffset;
    if (records === null) continue;
    // Partitions that had their say go to the end, so that a full reply starves nobody.
    const key = partitionKey(wanted.topic, wanted.topicId, session.usesTopicIds, wanted.index);
    if (session.partitions.delete(key)) session.partitions.set(key, wanted);
  }
}

function byTopic(told: readonly Found[], usesTopicIds: boolean): Response['responses'] {
  const topics = new Map<string, { topic: string; topicId: string; partitions: PartitionResponse[] }>();
  for (const { wanted, handle, error, records, highWatermark, lastStableOffset, logStartOffset } of told) {
    if (handle !== null && records !== null) handle.traffic.readBytes += records.byteLength;
    const name = usesTopicIds ? wanted.topicId : wanted.topic;
    let topic = topics.get(name);
    if (topic === undefined) {
      topic = { topic: wanted.topic, topicId: wanted.topicId, partitions: [] };
      topics.set(name, topic);
    }
    topic.partitions.push({
      partitionIndex: wanted.index,
      errorCode: error,
      highWatermark,
      lastStableOffset,
      logStartOffset,
      abortedTransactions: null,
      // Not null: librdkafka and kafkajs read a length here.
      records: records ?? EMPTY,
    });
  }
  return [...topics.values()];
}

const EMPTY = Buffer.alloc(0);
