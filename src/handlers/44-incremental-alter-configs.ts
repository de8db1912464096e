/** IncrementalAlterConfigs: sets, deletes, appends to or subtracts from single settings. Main thread. */
import { KafkaError } from '../base/kafka-error.js';
import type { DescribedSetting } from '../config/describe.js';
import { incrementalAlterConfigs } from '../protocol/messages/44-incremental-alter-configs.js';
import type { RequestOf } from '../protocol/schema.js';
import { alterEach } from './alter-config-resource.js';
import { describedSettings } from './config-resource.js';
import { duplicatesOf } from './duplicates.js';
import { handler } from './handler.js';

type Operation = RequestOf<typeof incrementalAlterConfigs>['resources'][number]['configs'][number];

/** Kafka's codes of AlterConfigOp. */
const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** DescribeConfigs' code for lists: the only settings that can be appended to. */
const LIST_TYPE = 7;

export const incrementalAlterConfigsHandler = handler(incrementalAlterConfigs, async (request, _context, services) => ({
  responses: await alterEach(
    request.resources,
    request.validateOnly,
    services,
    'IncrementalAlterConfigs',
    ({ configs }, owner) => {
      const twice = duplicatesOf(configs.map(({ name }) => name));
      if (twice.size > 0) throw new KafkaError('INVALID_REQUEST', `Changed more than once: ${[...twice].join(', ')}.`);
      return () => {
        const settings = new Map(describedSettings(owner, services).map((setting) => [setting.name, setting]));
        return new Map(configs.map((operation) => [operation.name, valueAfter(operation, settings)]));
      };
    },
  ),
}));

/** The new value; null where the setting goes back to its default. Lists are appended to as they hold now, default or not. */
function valueAfter(operation: Operation, settings: ReadonlyMap<string, DescribedSetting>): string | null {
  const { name, configOperation, value } = operation;
  if (configOperation === DELETE) return null;
  if (value === null) throw new KafkaError('INVALID_REQUEST', `Setting ${name} has no value.`);
  if (configOperation === SET) return value;
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    throw new KafkaError('INVALID_REQUEST', `Operation ${configOperation} on setting ${name} is not known.`);
  }
  const setting = settings.get(name);
  if (setting !== undefined && setting.configType !== LIST_TYPE) {
    throw new KafkaError(
      'INVALID_CONFIG',
      `Setting ${name} is not a list: it can be set, but not appended to or subtracted from.`,
    );
  }
  const items = itemsOf(setting?.value ?? '');
  const changed = itemsOf(value);
  const after =
    configOperation === APPEND
      ? [...items, ...changed.filter((item) => !items.includes(item))]
      : items.filter((item) => !changed.includes(item));
  return after.join(',');
}

function itemsOf(list: string): string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
