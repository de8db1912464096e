/** ListOffsets: the ends of a log from the watermark board, offsets by time from its shard. Main thread. */
import type { ErrorName } from '../base/error-code.js';
import { listOffsets } from '../protocol/messages/02-list-offsets.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { handler, type RequestContext, type Services } from './handler.js';

type Wanted = RequestOf<typeof listOffsets>['topics'][number]['partitions'][number];
type PartitionResponse = ResponseOf<typeof listOffsets>['topics'][number]['partitions'][number];

/** Timestamps that are questions (KIP-734, KIP-405, KIP-1005, KIP-1023), with the version from which each may be asked. */
const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const EARLIEST_LOCAL = -4;
const LATEST_TIERED = -5;
const EARLIEST_PENDING_UPLOAD = -6;
const askedFromVersion = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
]);
const READ_COMMITTED = 1;

export const listOffsetsHandler = handler(listOffsets, async (request, context, services) => {
  const topics = await Promise.all(
    request.topics.map(async ({ name, partitions }) => {
      const asked = new Map<number, number>();
      for (const { partitionIndex } of partitions) asked.set(partitionIndex, (asked.get(partitionIndex) ?? 0) + 1);
      return {
        name,
        partitions: await Promise.all(
          partitions.map((wanted) =>
            (asked.get(wanted.partitionIndex) ?? 0) > 1
              ? failed(wanted, 'INVALID_REQUEST')
              : find(name, wanted, request.isolationLevel === READ_COMMITTED, context, services),
          ),
        ),
      };
    }),
  );
  return { topics };
});

async function find(
  name: string,
  wanted: Wanted,
  committedOnly: boolean,
  context: RequestContext,
  services: Services,
): Promise<PartitionResponse> {
  const { topics, partitions } = services;
  const handle = topics.get(name)?.partitions[wanted.partitionIndex];
  if (handle === undefined) return failed(wanted, 'UNKNOWN_TOPIC_OR_PARTITION');
  if (handle.state !== 'online') {
    return failed(wanted, handle.state === 'offline' ? 'KAFKA_STORAGE_ERROR' : 'NOT_LEADER_OR_FOLLOWER');
  }
  const { highWatermark, lastStableOffset, logStartOffset, leaderEpoch } = partitions.watermarks(handle);
  if (wanted.currentLeaderEpoch >= 0 && wanted.currentLeaderEpoch !== leaderEpoch) {
    return failed(wanted, wanted.currentLeaderEpoch < leaderEpoch ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH');
  }
  if (
    wanted.timestamp < 0 &&
    context.apiVersion < (askedFromVersion.get(wanted.timestamp) ?? Number.POSITIVE_INFINITY)
  ) {
    return failed(wanted, 'UNSUPPORTED_VERSION');
  }
  const readableEnd = committedOnly ? lastStableOffset : highWatermark;
  switch (wanted.timestamp) {
    case LATEST:
      return answered(wanted, readableEnd, -1, leaderEpoch);
    case EARLIEST:
    case EARLIEST_LOCAL:
      return answered(wanted, logStartOffset, -1, leaderEpoch);
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return answered(wanted, -1, -1, -1);
    default: {
      const found = await partitions.offsetAtTime(handle, wanted.timestamp);
      if (found.error !== 'NONE') return failed(wanted, found.error);
      if (found.offset >= readableEnd) return answered(wanted, -1, -1, -1);
      return answered(wanted, found.offset, found.timestampMs, found.leaderEpoch);
    }
  }
}

function answered(wanted: Wanted, offset: number, timestamp: number, leaderEpoch: number): PartitionResponse {
  return { partitionIndex: wanted.partitionIndex, errorCode: 'NONE', offset, timestamp, leaderEpoch };
}

function failed(wanted: Wanted, error: ErrorName): PartitionResponse {
  return { partitionIndex: wanted.partitionIndex, errorCode: error, offset: -1, timestamp: -1, leaderEpoch: -1 };
}
