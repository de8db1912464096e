/** Fetch: finds the file ranges a consumer may read, waits for some if there are none, never touches a record. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import type { FileRecords } from '../base/file-slice.js';
import type { PartitionHandle } from '../partition/partitions.js';
import { fetch } from '../protocol/messages/01-fetch.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { type FetchPartition, type FetchSession, partitionKey } from './fetch-sessions.js';
import { handler, type RequestContext, type Services } from './handler.js';

type Request = RequestOf<typeof fetch>;
type Response = ResponseOf<typeof fetch>;
type PartitionResponse = Response['responses'][number]['partitions'][number];

/** From here on requests name topics by id only (KIP-516). */
const TOPIC_IDS_FROM_VERSION = 13;
const NO_SESSION = 0;
const FINAL_EPOCH = -1;
const INITIAL_EPOCH = 0;

/** What one partition has for the consumer at this moment. */
interface Found {
  readonly wanted: FetchPartition;
  /** null where it is not to be had. */
  readonly handle: PartitionHandle | null;
  readonly error: ErrorName;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  records: FileRecords | null;
}

export const fetchHandler = handler(fetch, async (request, context, services): Promise<Response> => {
  const usesTopicIds = context.apiVersion >= TOPIC_IDS_FROM_VERSION;
  const session = sessionOf(request, usesTopicIds, services);
  if (typeof session === 'string') return { errorCode: session, sessionId: NO_SESSION, responses: [] };
  const incremental = session !== null && request.sessionEpoch > INITIAL_EPOCH;
  const wanted = incremental ? session.partitions : wantedOf(request, usesTopicIds);
  const opened = session === null && mayOpen(request) ? services.fetchSessions.open(usesTopicIds, wanted) : session;

  const found = await waitAndFind(wanted, request, usesTopicIds, context, services);
  const told = incremental ? found.filter(isNews) : found;
  if (opened !== null) remember(opened, told);
  return { errorCode: 'NONE', sessionId: opened?.id ?? NO_SESSION, responses: byTopic(told, usesTopicIds) };
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

async function waitAndFind(
  wanted: ReadonlyMap<string, FetchPartition>,
  request: Request,
  usesTopicIds: boolean,
  context: RequestContext,
  services: Services,
): Promise<Found[]> {
  const { clock, partitions, purgatory } = services;
  const bytesMax = Math.max(0, Math.min(request.maxBytes, services.config.get('fetch.max.bytes')));
  const bytesMin = Math.min(request.minBytes, bytesMax);
  const deadlineMs = clock.monotonicMs() + request.maxWaitMs;
  for (;;) {
    const handles: PartitionHandle[] = [];
    const found = await findAll(wanted, bytesMax, usesTopicIds, services, handles);
    const bytes = keepWithin(found, bytesMax);
    const leftMs = deadlineMs - clock.monotonicMs();
    if (bytes >= bytesMin || leftMs <= 0 || handles.length === 0) return found;
    if (context.closed.aborted || purgatory.closed) return found;
    if (found.some(({ error }) => error !== 'NONE')) return found;
    // Something may have come while other partitions were being looked at: then there is nothing to wait for.
    if (
      found.some(
        ({ records, highWatermark }, at) =>
          records === null && partitions.watermarks(handles[at]).highWatermark !== highWatermark,
      )
    )
      continue;
    await purgatory.park(handles, leftMs, context.closed);
  }
}

/** Looks at every wanted partition, in order; the shards that must be asked are asked at the same time. */
async function findAll(
  wanted: ReadonlyMap<string, FetchPartition>,
  bytesMax: number,
  usesTopicIds: boolean,
  services: Services,
  handles: PartitionHandle[],
): Promise<Found[]> {
  const found: (Found | Promise<Found>)[] = [];
  let mustWait = false;
  for (const partition of wanted.values()) {
    const one = find(partition, bytesMax, usesTopicIds, services, handles);
    if (one instanceof Promise) mustWait = true;
    found.push(one);
  }
  return mustWait ? Promise.all(found) : (found as Found[]);
}

function find(
  wanted: FetchPartition,
  bytesMax: number,
  usesTopicIds: boolean,
  services: Services,
  handles: PartitionHandle[],
): Found | Promise<Found> {
  const { topics, partitions } = services;
  const topic = usesTopicIds ? topics.byId(wanted.topicId) : topics.get(wanted.topic);
  const handle = topic?.partitions[wanted.index];
  if (handle === undefined) {
    return failed(wanted, topic === undefined && usesTopicIds ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION');
  }
  if (handle.state !== 'online') {
    return failed(wanted, handle.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER');
  }
  handles.push(handle);
  const { highWatermark, lastStableOffset, logStartOffset, leaderEpoch } = partitions.watermarks(handle);
  if (wanted.currentLeaderEpoch >= 0 && wanted.currentLeaderEpoch !== leaderEpoch) {
    return failed(wanted, wanted.currentLeaderEpoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH');
  }
  // A partition may name any number, also below zero; its first batch it gets in any case (KIP-74).
  const partitionBytesMax = Math.max(0, Math.min(wanted.maxBytes, bytesMax));
  const read = partitions.read(handle, wanted.fetchOffset, partitionBytesMax);
  const toFound = ({ error, records }: { error: ErrorName; records: FileRecords | null }): Found =>
    error === 'NONE'
      ? { wanted, handle, error, highWatermark, lastStableOffset, logStartOffset, records }
      : failed(wanted, error);
  return read instanceof Promise ? read.then(toFound) : toFound(read);
}

function failed(wanted: FetchPartition, error: ErrorName): Found {
  return { wanted, handle: null, error, highWatermark: -1, lastStableOffset: -1, logStartOffset: -1, records: null };
}

/** Drops what goes beyond the reply's size; the first partition that has something always keeps it (KIP-74). Returns the bytes kept. */
function keepWithin(found: readonly Found[], bytesMax: number): number {
  let bytes = 0;
  for (const one of found) {
    if (one.records === null) continue;
    if (bytes > 0 && bytes + one.records.byteLength > bytesMax) one.records = null;
    else bytes += one.records.byteLength;
  }
  return bytes;
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
