/** API 18: what a client may send; the first question on a connection. Wire only, no behaviour; any thread. */
import { array, bool, defineApi, errorCode, int16, int32, int64, string } from '../schema.js';

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  // 3 client software name, features · 4 features that start at 0 (KAFKA-17011)
  versions: '0-4',
  flexible: 3,
  request: {
    clientSoftwareName: string('3+'),
    clientSoftwareVersion: string('3+'),
  },
  response: {
    errorCode: errorCode(),
    apiKeys: array({
      apiKey: int16(),
      minVersion: int16(),
      maxVersion: int16(),
    }),
    throttleTimeMs: int32('1+', { default: 0 }),
    supportedFeatures: array(
      '3+',
      { tag: 0 },
      {
        name: string(),
        minVersion: int16(),
        maxVersion: int16(),
      },
    ),
    finalizedFeaturesEpoch: int64('3+', { tag: 1, default: -1 }),
    finalizedFeatures: array(
      '3+',
      { tag: 2 },
      {
        name: string(),
        maxVersionLevel: int16(),
        minVersionLevel: int16(),
      },
    ),
    zkMigrationReady: bool('3+', { tag: 3, default: false }),
  },
});
