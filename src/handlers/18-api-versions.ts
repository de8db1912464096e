/** ApiVersions: what this node answers, in which versions. Main thread. */
import { apiVersions } from '../protocol/messages/18-api-versions.js';
import { type Handler, handler } from './handler.js';

/** What a client may call itself and its version (KIP-511). */
const SOFTWARE = /^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$/;

/** Advertises `others` and itself, so that nothing is advertised that is not answered. */
export function apiVersionsHandlerFor(others: readonly Handler[]): Handler<typeof apiVersions> {
  const apiKeys = [...others.map(({ api }) => api), apiVersions]
    .sort((a, b) => a.key - b.key)
    .map(({ key, versions }) => ({ apiKey: key, minVersion: versions.min, maxVersion: versions.max }));
  return handler(apiVersions, (request, { apiVersion }) => {
    const named = SOFTWARE.test(request.clientSoftwareName) && SOFTWARE.test(request.clientSoftwareVersion);
    if (apiVersion >= 3 && !named) return { errorCode: 'INVALID_REQUEST', apiKeys: [] };
    // No features: without `transaction.version` Java clients keep to the classic transaction flow.
    return { errorCode: 'NONE', apiKeys };
  });
}
