/** API 19: creates topics. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int8, int16, int32, string, uuid } from '../schema.js';

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  // 4 -1 asks for default counts (KIP-464) · 5 the answer tells settings (KIP-525) · 7 topic ids (KIP-516)
  versions: '2-7',
  flexible: 5,
  request: {
    topics: array({
      name: string(),
      numPartitions: int32(),
      replicationFactor: int16(),
      assignments: array({
        partitionIndex: int32(),
        brokerIds: array(int32()),
      }),
      configs: array({
        name: string(),
        value: string({ nullable: true }),
      }),
    }),
    timeoutMs: int32({ default: 60_000 }),
    validateOnly: bool('1+', { default: false }),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    topics: array({
      name: string(),
      topicId: uuid('7+'),
      errorCode: errorCode(),
      errorMessage: string('1+', { nullable: true }),
      topicConfigErrorCode: errorCode('5+', { tag: 0 }),
      numPartitions: int32('5+', { default: -1 }),
      replicationFactor: int16('5+', { default: -1 }),
      configs: array(
        '5+',
        { nullable: true },
        {
          name: string(),
          value: string({ nullable: true }),
          readOnly: bool(),
          configSource: int8({ default: -1 }),
          isSensitive: bool(),
        },
      ),
    }),
  },
});
