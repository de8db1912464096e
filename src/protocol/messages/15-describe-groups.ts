/** API 15: state and members of groups. Wire only, no behaviour; any thread. */
import { OPERATIONS_NOT_ASKED_FOR } from '../authorized-operations.js';
import { array, bool, bytes, defineApi, errorCode, int32, string } from '../schema.js';

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  // 3 authorized operations · 4 static members · 6 GROUP_ID_NOT_FOUND with a message (KIP-1043)
  versions: '0-6',
  flexible: 5,
  request: {
    groups: array(string()),
    includeAuthorizedOperations: bool('3+'),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    groups: array({
      errorCode: errorCode(),
      errorMessage: string('6+', { nullable: true, default: null }),
      groupId: string(),
      groupState: string(),
      protocolType: string(),
      protocolData: string(),
      members: array({
        memberId: string(),
        groupInstanceId: string('4+', { nullable: true, default: null }),
        clientId: string(),
        clientHost: string(),
        memberMetadata: bytes(),
        memberAssignment: bytes(),
      }),
      authorizedOperations: int32('3+', { default: OPERATIONS_NOT_ASKED_FOR }),
    }),
  },
});
