/** API 32: settings of topics and brokers, with where each comes from. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int8, int32, string } from '../schema.js';

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  // 1 sources and synonyms · 3 types and documentation (KIP-569)
  versions: '1-4',
  flexible: 4,
  request: {
    resources: array({
      resourceType: int8(),
      resourceName: string(),
      configurationKeys: array({ nullable: true }, string()),
    }),
    includeSynonyms: bool('1+', { default: false }),
    includeDocumentation: bool('3+', { default: false }),
  },
  response: {
    throttleTimeMs: int32({ default: 0 }),
    results: array({
      errorCode: errorCode(),
      errorMessage: string({ nullable: true }),
      resourceType: int8(),
      resourceName: string(),
      configs: array({
        name: string(),
        value: string({ nullable: true }),
        readOnly: bool(),
        configSource: int8('1+', { default: -1 }),
        isSensitive: bool(),
        synonyms: array('1+', {
          name: string(),
          value: string({ nullable: true }),
          source: int8(),
        }),
        configType: int8('3+', { default: 0 }),
        documentation: string('3+', { nullable: true }),
      }),
    }),
  },
});
