/** API 10: which broker coordinates a group or a transactional id. Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const findCoordinator = defineApi({
  key: 10,
  name: 'FindCoordinator',
  // 1 key type · 4 several keys (KIP-699) · 6 share groups (KIP-932)
  versions: '0-6',
  flexible: 3,
  request: {
    // Up to 3: one key, here, answered beside the error. From 4 on: `coordinatorKeys`, answered in `coordinators`.
    key: string('0-3'),
    // 0 group · 1 transactional id · 2 share group.
    keyType: int8('1+', { default: 0 }),
    coordinatorKeys: array('4+', string()),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: errorCode('0-3'),
    errorMessage: string('1-3', { nullable: true }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array('4+', {
      key: string(),
      nodeId: int32(),
      host: string(),
      port: int32(),
      errorCode: errorCode(),
      errorMessage: string({ nullable: true }),
    }),
  },
});
