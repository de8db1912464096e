/** API 55: the voters of the metadata quorum (KIP-595). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, int64, string, uint16, uuid } from '../schema.js';

const replicaState = {
  replicaId: int32(),
  replicaDirectoryId: uuid('2+'),
  logEndOffset: int64(),
  lastFetchTimestamp: int64('1+', { default: -1 }),
  lastCaughtUpTimestamp: int64('1+', { default: -1 }),
};

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  // 1 fetch and caught-up times (KIP-836) · 2 directory ids, node list, messages (KIP-853)
  versions: '0-2',
  flexible: 0,
  request: {
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
      }),
    }),
  },
  response: {
    errorCode: errorCode(),
    errorMessage: string('2+', { nullable: true }),
    topics: array({
      topicName: string(),
      partitions: array({
        partitionIndex: int32(),
        errorCode: errorCode(),
        errorMessage: string('2+', { nullable: true }),
        leaderId: int32(),
        leaderEpoch: int32(),
        highWatermark: int64(),
        currentVoters: array(replicaState),
        observers: array(replicaState),
      }),
    }),
    nodes: array('2+', {
      nodeId: int32(),
      listeners: array({
        name: string(),
        host: string(),
        port: uint16(),
      }),
    }),
  },
});
