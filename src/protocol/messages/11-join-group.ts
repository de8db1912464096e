/** API 11: a classic consumer enters a rebalance and waits for its generation. Wire only, no behaviour; any thread. */
import { array, bool, bytes, defineApi, errorCode, int32, string } from '../schema.js';

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  // 1 rebalance timeout · 4 member id first (KIP-394) · 5 static members (KIP-345)
  // 7 protocol type in the answer (KIP-559) · 8 reason (KIP-800) · 9 skip assignment (KIP-814)
  versions: '0-9',
  flexible: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: int32('1+', { default: -1 }),
    memberId: string(),
    groupInstanceId: string('5+', { nullable: true, default: null }),
    protocolType: string(),
    protocols: array({
      name: string(),
      metadata: bytes(),
    }),
    reason: string('8+', { nullable: true, default: null }),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    errorCode: errorCode(),
    generationId: int32({ default: -1 }),
    protocolType: string('7+', { nullable: true, default: null }),
    protocolName: string({ nullable: '7+' }),
    leader: string(),
    skipAssignment: bool('9+', { default: false }),
    memberId: string(),
    members: array({
      memberId: string(),
      groupInstanceId: string('5+', { nullable: true, default: null }),
      metadata: bytes(),
    }),
  },
});
