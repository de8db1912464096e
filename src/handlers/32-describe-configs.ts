/** DescribeConfigs: settings of topics and of this broker, with where each comes from. Main thread. */
import { configSource, type DescribedSetting } from '../config/describe.js';
import { describeConfigs } from '../protocol/messages/32-describe-configs.js';
import type { RequestOf, ResponseOf } from '../protocol/schema.js';
import { answerError, NO_ERROR } from './answer-error.js';
import { configOwner, describedSettings, RESOURCE_BROKER, RESOURCE_CLIENT_METRICS } from './config-resource.js';
import { handler, type Services } from './handler.js';

type Request = RequestOf<typeof describeConfigs>;
type Answer = ResponseOf<typeof describeConfigs>['results'][number];

/** Kafka's code of the source of a setting that holds for all brokers and was set while they run. */
const DYNAMIC_DEFAULT_BROKER = 3;

export const describeConfigsHandler = handler(describeConfigs, (request, _context, services) => ({
  results: request.resources.map((resource) => describe(resource, request, services)),
}));

function describe(resource: Request['resources'][number], request: Request, services: Services): Answer {
  const { resourceType, resourceName, configurationKeys } = resource;
  try {
    const wanted = configurationKeys && new Set(configurationKeys);
    const shown = settingsOf(resource, services).filter(({ name }) => wanted === null || wanted.has(name));
    return { ...NO_ERROR, resourceType, resourceName, configs: shown.map((setting) => entry(setting, request)) };
  } catch (error) {
    return { ...answerError(error, services.logger, 'DescribeConfigs'), resourceType, resourceName, configs: [] };
  }
}

function settingsOf(resource: Request['resources'][number], services: Services): DescribedSetting[] {
  // Nobody subscribes to client metrics here, and tools that ask want to hear just that.
  if (resource.resourceType === RESOURCE_CLIENT_METRICS) return [];
  const settings = describedSettings(configOwner(resource, services), services);
  const allBrokers = resource.resourceType === RESOURCE_BROKER && resource.resourceName === '';
  return allBrokers ? settings.filter(isDynamic).map(asDefaultOfAllBrokers) : settings;
}

function isDynamic(setting: DescribedSetting): boolean {
  return setting.configSource === configSource.dynamicBroker;
}

/**
 * The nameless broker stands for what was set for all brokers while they run. Here that is one and the same with what
 * was set for this one, but tools look for it under a source of its own.
 */
function asDefaultOfAllBrokers({ name, value, synonyms, ...rest }: DescribedSetting): DescribedSetting {
  const own = { name, value, source: DYNAMIC_DEFAULT_BROKER };
  const others = synonyms.filter(({ source }) => source !== configSource.dynamicBroker);
  return { ...rest, name, value, configSource: DYNAMIC_DEFAULT_BROKER, synonyms: [own, ...others] };
}

function entry(setting: DescribedSetting, { includeSynonyms, includeDocumentation }: Request) {
  const { synonyms, documentation, ...rest } = setting;
  return {
    ...rest,
    synonyms: includeSynonyms ? synonyms : [],
    documentation: includeDocumentation ? documentation : null,
  };
}
