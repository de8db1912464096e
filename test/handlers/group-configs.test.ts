/** Settings of groups: described, changed, listed and kept through the handlers, whether there is such a group or not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { loadConfig } from '../../src/config/load.js';
import { describeConfigsHandler } from '../../src/handlers/32-describe-configs.js';
import { incrementalAlterConfigsHandler } from '../../src/handlers/44-incremental-alter-configs.js';
import { listConfigResourcesHandler } from '../../src/handlers/74-list-config-resources.js';
import { GroupConfigs } from '../../src/metadata/group-configs.js';
import { startRegistry } from '../metadata/registry-fixture.js';
import { startAdmin } from './admin-fixture.js';

const GROUP = 32;
const [SET, DELETE, APPEND] = [0, 1, 2];
const SESSION = 'consumer.session.timeout.ms';

const change = (resourceName: string, name: string, configOperation: number, value: string | null) => ({
  resources: [{ resourceType: GROUP, resourceName, configs: [{ name, configOperation, value }] }],
  validateOnly: false,
});

test('a group’s own value, the broker’s, and the default, with their sources', async () => {
  const { ask } = await startAdmin({ 'group.consumer.heartbeat.interval.ms': '6000' });
  await ask(incrementalAlterConfigsHandler, change('readers', SESSION, SET, '50000'));
  const { results } = await ask(describeConfigsHandler, {
    resources: ['readers', 'others'].map((resourceName) => ({
      resourceType: GROUP,
      resourceName,
      configurationKeys: [SESSION, 'consumer.heartbeat.interval.ms'],
    })),
    includeSynonyms: true,
  });
  assert.deepEqual(
    results.map(({ configs }) =>
      configs.map(({ value, configSource, synonyms }) => [value, configSource, synonyms[0]]),
    ),
    [
      [
        ['50000', 8, { name: SESSION, value: '50000', source: 8 }],
        ['6000', 4, { name: 'group.consumer.heartbeat.interval.ms', value: '6000', source: 4 }],
      ],
      [
        ['45000', 5, { name: 'group.consumer.session.timeout.ms', value: '45000', source: 5 }],
        ['6000', 4, { name: 'group.consumer.heartbeat.interval.ms', value: '6000', source: 4 }],
      ],
    ],
  );
});

test('what a group may not set is refused with a reason', async () => {
  const { ask } = await startAdmin();
  const refusal = async (...args: Parameters<typeof change>) => {
    const { errorCode, errorMessage } = (await ask(incrementalAlterConfigsHandler, change(...args))).responses[0];
    return `${errorCode}: ${errorMessage}`;
  };
  assert.match(await refusal('readers', 'consumer.session.timeout', SET, '1'), /INVALID_CONFIG.*did you mean/);
  assert.match(await refusal('readers', SESSION, SET, 'x'), /INVALID_CONFIG.*whole number/);
  assert.match(await refusal('readers', SESSION, SET, '61000'), /INVALID_CONFIG.*must lie between/);
  assert.match(await refusal('readers', SESSION, APPEND, '1'), /INVALID_CONFIG.*not a list/);
  assert.match(await refusal('', SESSION, SET, '50000'), /INVALID_REQUEST/);
});

test('groups that set something are listed, until they set nothing any more; a restart knows them', async () => {
  const { ask, log } = await startAdmin();
  const listed = async () =>
    (await ask(listConfigResourcesHandler, { resourceTypes: [GROUP] })).configResources.map(
      ({ resourceName }) => resourceName,
    );
  await ask(incrementalAlterConfigsHandler, change('readers', SESSION, SET, '50000'));
  await ask(incrementalAlterConfigsHandler, change('writers', SESSION, SET, '51000'));
  await ask(incrementalAlterConfigsHandler, change('readers', SESSION, DELETE, null));
  assert.deepEqual(await listed(), ['writers']);
  const { topics } = await startRegistry(log);
  const configs = new GroupConfigs(topics.catalogue, () => topics.config, silentLogger);
  assert.deepEqual([configs.value('writers', SESSION), configs.value('readers', SESSION)], [51_000, 45_000]);
});

test('a value that the bounds of this run no longer allow is left aside with a warning', async () => {
  const { ask, log } = await startAdmin();
  await ask(incrementalAlterConfigsHandler, change('readers', SESSION, SET, '60000'));
  const overrides = { 'group.consumer.max.session.timeout.ms': '55000' };
  const { topics } = await startRegistry(log, overrides);
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message: string) => void warnings.push(message) };
  const configs = new GroupConfigs(topics.catalogue, () => loadConfig({ overrides }).config, logger);
  assert.equal(configs.value('readers', SESSION), 45_000);
  assert.equal(configs.value('readers', SESSION), 45_000);
  assert.deepEqual(warnings, ['a stored setting cannot be used and is left aside']);
});
