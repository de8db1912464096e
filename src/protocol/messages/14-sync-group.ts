/** API 14: the leader hands in the assignment, each member takes its own. Wire only, no behaviour; any thread. */
import { array, bytes, defineApi, errorCode, int32, string } from '../schema.js';

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  // 3 static members · 5 protocol type and name are checked (KIP-559)
  versions: '0-5',
  flexible: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: string('3+', { nullable: true, default: null }),
    protocolType: string('5+', { nullable: true, default: null }),
    protocolName: string('5+', { nullable: true, default: null }),
    assignments: array({
      memberId: string(),
      assignment: bytes(),
    }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode(),
    protocolType: string('5+', { nullable: true, default: null }),
    protocolName: string('5+', { nullable: true, default: null }),
    assignment: bytes(),
  },
});
