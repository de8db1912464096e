/** API 42: deletes empty groups (KIP-229). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int32, string } from '../schema.js';

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: '0-2',
  flexible: 2,
  request: {
    groupsNames: array(string()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      groupId: string(),
      errorCode: errorCode(),
    }),
  },
});
