/** API 12: a classic member says that it is alive. Wire only, no behaviour; any thread. */
import { defineApi, errorCode, int32, string } from '../schema.js';

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  // 3 static members (KIP-345)
  versions: '0-4',
  flexible: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string('3+', { nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode(),
  },
});
