/** API 44: sets, deletes, appends to or subtracts from single settings (KIP-339). Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: 1,
  request: {
    resources: array({
      // 2 topic · 4 broker · 8 broker logger · 16 client metrics · 32 group.
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        // 0 set · 1 delete · 2 append · 3 subtract.
        configOperation: int8(),
        value: string({ nullable: true }),
      }),
    }),
    validateOnly: bool(),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    responses: array({
      errorCode: errorCode(),
      errorMessage: string({ nullable: true }),
      resourceType: int8(),
      resourceName: string(),
    }),
  },
});
