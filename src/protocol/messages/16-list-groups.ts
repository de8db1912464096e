/** API 16: the groups that live here. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string } from '../schema.js';

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  // 4 filter by state (KIP-518) · 5 filter by type (KIP-848)
  versions: '0-5',
  flexible: 3,
  request: {
    statesFilter: array('4+', string()),
    typesFilter: array('5+', string()),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode(),
    groups: array({
      groupId: string(),
      protocolType: string(),
      groupState: string('4+'),
      groupType: string('5+'),
    }),
  },
});
