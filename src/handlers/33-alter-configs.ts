/** AlterConfigs: replaces all that a topic or this broker sets itself. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import { alterConfigs } from '../protocol/messages/33-alter-configs.js';
import type { RequestOf } from '../protocol/schema.js';
import { alterEach } from './alter-config-resource.js';
import { duplicatesOf } from './duplicates.js';
import { handler } from './handler.js';

type Resource = RequestOf<typeof alterConfigs>['resources'][number];

export const alterConfigsHandler = handler(alterConfigs, async (request, _context, services) => ({
  responses: await alterEach(request.resources, request.validateOnly, services, 'AlterConfigs', (resource) => {
    const wanted = configsOf(resource);
    return (current) => new Map([...[...current.keys()].map((name) => [name, null] as const), ...wanted]);
  }),
}));

function configsOf({ configs }: Resource): Map<string, string> {
  const twice = duplicatesOf(configs.map(({ name }) => name));
  if (twice.size > 0) throw new KafkaError('INVALID_REQUEST', `Set more than once: ${[...twice].join(', ')}.`);
  const wanted = new Map<string, string>();
  for (const { name, value } of configs) {
    if (value === null) throw new KafkaError('INVALID_REQUEST', `Setting ${name} has no value.`);
    wanted.set(name, value);
  }
  return wanted;
}
