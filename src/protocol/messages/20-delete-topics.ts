/** API 20: deletes topics by name or id. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string, uuid } from '../schema.js';

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  // 5 error messages · 6 topic ids (KIP-516)
  versions: '1-6',
  flexible: 4,
  request: {
    topics: array('6+', {
      name: string({ nullable: true, default: null }),
      topicId: uuid(),
    }),
    topicNames: array('0-5', string()),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    responses: array({
      name: string({ nullable: '6+' }),
      topicId: uuid('6+'),
      errorCode: errorCode(),
      errorMessage: string('5+', { nullable: true, default: null }),
    }),
  },
});
