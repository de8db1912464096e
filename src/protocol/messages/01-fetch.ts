/** API 1: reads record batches from partitions, waiting for them if asked to. Wire only, no behaviour; any thread. */
import { INT64_MAX } from '../int64.js';
import { array, defineApi, errorCode, int8, int32, int64, records, string, struct, uuid } from '../schema.js';

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  // 5 log start offset · 7 fetch sessions (KIP-227) · 9 leader epoch (KIP-320) · 11 rack (KIP-392) · 13 topic ids
  // 15 the follower speaks of itself in a tag (KIP-903) · 16 node endpoints (KIP-951) · 18 high watermark
  versions: '4-18',
  flexible: 12,
  request: {
    clusterId: string('12+', { nullable: true, tag: 0, default: null }),
    // A broker names itself here, a consumer says -1.
    replicaId: int32('0-14', { default: -1 }),
    replicaState: struct(
      '15+',
      { tag: 1 },
      {
        replicaId: int32({ default: -1 }),
        replicaEpoch: int64({ default: -1 }),
      },
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: int32('3+', { default: 2_147_483_647 }),
    // 0 read uncommitted · 1 read committed.
    isolationLevel: int8('4+', { default: 0 }),
    // Session 0 with epoch -1: no session wanted; with epoch 0: a new one (KIP-227).
    sessionId: int32('7+', { default: 0 }),
    sessionEpoch: int32('7+', { default: -1 }),
    topics: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partition: int32(),
        currentLeaderEpoch: int32('9+', { default: -1 }),
        fetchOffset: int64(),
        lastFetchedEpoch: int32('12+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        partitionMaxBytes: int32(),
        replicaDirectoryId: uuid('17+', { tag: 0 }),
        highWatermark: int64('18+', { tag: 1, default: INT64_MAX }),
      }),
    }),
    // What an incremental fetch no longer asks for.
    forgottenTopicsData: array('7+', {
      topic: string('7-12'),
      topicId: uuid('13+'),
      partitions: array(int32()),
    }),
    rackId: string('11+', { default: '' }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode('7+'),
    sessionId: int32('7+', { default: 0 }),
    responses: array({
      topic: string('0-12'),
      topicId: uuid('13+'),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        highWatermark: int64(),
        lastStableOffset: int64('4+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        divergingEpoch: struct(
          '12+',
          { tag: 0 },
          {
            epoch: int32({ default: -1 }),
            endOffset: int64({ default: -1 }),
          },
        ),
        currentLeader: struct(
          '12+',
          { tag: 1 },
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
        ),
        snapshotId: struct(
          '12+',
          { tag: 2 },
          {
            endOffset: int64({ default: -1 }),
            epoch: int32({ default: -1 }),
          },
        ),
        // null to read-uncommitted consumers.
        abortedTransactions: array(
          '4+',
          { nullable: true },
          {
            producerId: int64(),
            firstOffset: int64(),
          },
        ),
        preferredReadReplica: int32('11+', { default: -1 }),
        records: records({ nullable: true }),
      }),
    }),
    nodeEndpoints: array(
      '16+',
      { tag: 0 },
      {
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: string({ nullable: true, default: null }),
      },
    ),
  },
});
