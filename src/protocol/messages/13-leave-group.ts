/** API 13: members leave a classic group. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string } from '../schema.js';

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  // 0-2 one member a request, 3 and later several (KIP-345) · 5 reason (KIP-800)
  versions: '0-5',
  flexible: 4,
  request: {
    groupId: string(),
    // Up to 2: one member, here. From 3 on: `members`.
    memberId: string('0-2'),
    members: array('3+', {
      memberId: string(),
      groupInstanceId: string({ nullable: true, default: null }),
      reason: string('5+', { nullable: true, default: null }),
    }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode(),
    members: array('3+', {
      memberId: string(),
      groupInstanceId: string({ nullable: true }),
      errorCode: errorCode(),
    }),
  },
});
