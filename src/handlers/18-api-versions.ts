/** ApiVersions: what this node answers, in which versions. Main thread. */
import { apiVersions } from '../protocol/messages/18-api-versions.js';
import { type Handler, handler } from './handler.js';

/** What a client may call itself and its version (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** First version whose clients read features that begin at 0 (KAFKA-17011). */
const FEATURES_FROM_ZERO = 4;

/** What clients look at before they use it. `group.version` 1: consumer groups of KIP-848; `share.version` 1: share groups. */
const features = [
  { name: 'group.version', minVersion: 0, maxVersion: 1, level: 1 },
  { name: 'share.version', minVersion: 0, maxVersion: 1, level: 1 },
];
const supportedFeatures = features.map(({ name, minVersion, maxVersion }) => ({ name, minVersion, maxVersion }));
const finalizedFeatures = features.map(({ name, level }) => ({ name, maxVersionLevel: level, minVersionLevel: level }));

/** Advertises `others` (but those that say no) and itself, so that nothing is advertised that is not answered. */
export function apiVersionsHandlerFor(others: readonly Handler[]): Handler<typeof apiVersions> {
  const apiKeys = [...others.map(({ api }) => api), apiVersions]
    .filter(({ advertised }) => advertised)
    .sort((a, b) => a.key - b.key)
    .map(({ key, versions }) => ({ apiKey: key, minVersion: versions.min, maxVersion: versions.max }));
  return handler(apiVersions, (request, { apiVersion }) => {
    const named = SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion);
    if (apiVersion >= 3 && !named) return { errorCode: 'INVALID_REQUEST', apiKeys: [] };
    // Without `transaction.version` Java clients keep to the classic transaction flow.
    return {
      errorCode: 'NONE',
      apiKeys,
      supportedFeatures: supportedFeatures.filter(
        ({ minVersion }) => minVersion > 0 || apiVersion >= FEATURES_FROM_ZERO,
      ),
      finalizedFeaturesEpoch: 0,
      finalizedFeatures,
    };
  });
}
