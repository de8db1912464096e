/** API 74: names of resources that have settings (KIP-714, KIP-1142). Wire only, no behaviour; any thread. */
import { array, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  // 0 client-metrics subscriptions only · 1 any resource type
  versions: '0-1',
  flexible: 0,
  request: {
    resourceTypes: array('1+', int8()),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    errorCode: errorCode(),
    configResources: array({
      resourceName: string(),
      resourceType: int8('1+', { default: 16 }),
    }),
  },
});
