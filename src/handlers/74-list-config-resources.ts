/** ListConfigResources: names of what has settings. Main thread. */
import { listConfigResources } from '../protocol/messages/74-list-config-resources.js';
import type { ResponseOf } from '../protocol/schema.js';
import {
  type ConfigResource,
  RESOURCE_BROKER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from './config-resource.js';
import { handler } from './handler.js';

type Answer = ResponseOf<typeof listConfigResources>;

export const listConfigResourcesHandler = handler(listConfigResources, (request, context, services): Answer => {
  const { topics, groupConfigs } = services;
  // Version 0 only knows client metrics, of which there are none.
  if (context.apiVersion === 0) return { errorCode: 'NONE', configResources: [] };
  const listers = new Map<number, () => ConfigResource[]>([
    [
      RESOURCE_TOPIC,
      () => Array.from(topics.all(), ({ name }) => ({ resourceType: RESOURCE_TOPIC, resourceName: name })),
    ],
    [RESOURCE_BROKER, () => [{ resourceType: RESOURCE_BROKER, resourceName: String(topics.config.nodeId) }]],
    [RESOURCE_CLIENT_METRICS, () => []],
    [
      RESOURCE_GROUP,
      () => Array.from(groupConfigs.names(), (name) => ({ resourceType: RESOURCE_GROUP, resourceName: name })),
    ],
  ]);
  const types = request.resourceTypes.length === 0 ? [...listers.keys()] : [...new Set(request.resourceTypes)];
  if (types.some((type) => !listers.has(type))) return { errorCode: 'UNSUPPORTED_VERSION', configResources: [] };
  return { errorCode: 'NONE', configResources: types.flatMap((type) => listers.get(type)?.() ?? []) };
});
