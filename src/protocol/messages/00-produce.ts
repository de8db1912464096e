/** API 0: appends record batches to partitions. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int16, int32, int64, records, string, struct, uuid } from '../schema.js';

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  // 0-2 are advertised because librdkafka keeps compression off without them (KAFKA-18659); no broker answers them.
  // 7 zstd allowed · 8 errors per record · 10 current leader (KIP-951) · 13 topic ids instead of names (KIP-516)
  versions: '0-13',
  answeredFrom: 3,
  flexible: 9,
  request: {
    transactionalId: string('3+', { nullable: true, default: null }),
    // -1 all · 1 leader · 0 nobody answers.
    acks: int16(),
    timeoutMs: int32(),
    topicData: array({
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionData: array({
        index: int32(),
        records: records({ nullable: true }),
      }),
    }),
  },
  response: {
    responses: array({
      name: string('0-12'),
      topicId: uuid('13+'),
      partitionResponses: array({
        index: int32(),
        errorCode: errorCode(),
        baseOffset: int64(),
        // -1 unless the topic stamps arrival times.
        logAppendTimeMs: int64('2+', { default: -1 }),
        logStartOffset: int64('5+', { default: -1 }),
        recordErrors: array('8+', {
          batchIndex: int32(),
          batchIndexErrorMessage: string({ nullable: true, default: null }),
        }),
        errorMessage: string('8+', { nullable: true, default: null }),
        currentLeader: struct(
          '10+',
          { tag: 0 },
          {
            leaderId: int32({ default: -1 }),
            leaderEpoch: int32({ default: -1 }),
          },
        ),
      }),
    }),
    throttleTimeMs: int32('1+', { default: 0 }),
    nodeEndpoints: array(
      '10+',
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
