/** What AlterConfigs and IncrementalAlterConfigs share: one edit of one resource, and its answer. Main thread. */
import type { ConfigEdit } from '../metadata/topic.js';
import { answerError, NO_ERROR } from './answer-error.js';
import {
  type ConfigOwner,
  type ConfigResource,
  configOwner,
  type ResourceAnswer,
  resourceKey,
} from './config-resource.js';
import { duplicatesOf } from './duplicates.js';
import type { Services } from './handler.js';

/** Edits each resource on its own: one that fails does not hold up the others. A resource named twice is refused. */
export async function alterEach<Resource extends ConfigResource>(
  resources: readonly Resource[],
  validateOnly: boolean,
  services: Services,
  api: string,
  editFor: (resource: Resource, owner: ConfigOwner) => ConfigEdit,
): Promise<ResourceAnswer[]> {
  const twice = duplicatesOf(resources.map(resourceKey));
  return Promise.all(
    resources.map(async (resource): Promise<ResourceAnswer> => {
      const { resourceType, resourceName } = resource;
      if (twice.has(resourceKey(resource))) {
        const errorMessage = 'The request names this resource twice.';
        return { errorCode: 'INVALID_REQUEST', errorMessage, resourceType, resourceName };
      }
      try {
        const owner = configOwner(resource, services);
        const edit = editFor(resource, owner);
        if (owner.kind === 'topic') await services.topics.alterTopicConfigs(owner.name, edit, validateOnly);
        else if (owner.kind === 'group') await services.groupConfigs.alter(owner.name, edit, validateOnly);
        else await services.topics.alterBrokerConfigs(edit, validateOnly);
        return { ...NO_ERROR, resourceType, resourceName };
      } catch (error) {
        return { ...answerError(error, services.logger, api), resourceType, resourceName };
      }
    }),
  );
}
