/** API 92: makes an empty share group forget topics (KIP-932). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string, uuid } from '../schema.js';

export const deleteShareGroupOffsets = defineApi({
  key: 92,
  name: 'DeleteShareGroupOffsets',
  versions: '0',
  flexible: 0,
  request: {
    groupId: string(),
    topics: array({
      topicName: string(),
    }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    errorMessage: string({ nullable: true, default: null }),
    responses: array({
      topicName: string(),
      topicId: uuid(),
      errorCode: errorCode(),
      errorMessage: string({ nullable: true, default: null }),
    }),
  },
});
