/** Describing and altering settings of topics and of the broker through the handlers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeConfigsHandler } from '../../src/handlers/32-describe-configs.js';
import { alterConfigsHandler } from '../../src/handlers/33-alter-configs.js';
import { incrementalAlterConfigsHandler } from '../../src/handlers/44-incremental-alter-configs.js';
import { listConfigResourcesHandler } from '../../src/handlers/74-list-config-resources.js';
import { type AdminFixture, startAdmin } from './admin-fixture.js';

const TOPIC = 2;
const BROKER = 4;
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];

const resource = (resourceType: number, resourceName: string, configurationKeys: string[] | null = null) => ({
  resourceType,
  resourceName,
  configurationKeys,
});

async function withTopic(overrides: Record<string, string> = {}): Promise<AdminFixture> {
  const fixture = await startAdmin(overrides);
  await fixture.topics.create({ name: 'logs', partitions: 1, configs: new Map([['retention.ms', '5000']]) });
  return fixture;
}

describe('DescribeConfigs', () => {
  test('a topic: all settings, or those that were asked for, with source, synonyms, type and documentation', async () => {
    const { ask } = await withTopic({ 'log.retention.hours': '2' });
    for (let version = 1; version <= 4; version++) {
      const { results } = await ask(
        describeConfigsHandler,
        {
          resources: [resource(TOPIC, 'logs'), resource(TOPIC, 'logs', ['retention.ms', 'nonsense'])],
          includeSynonyms: true,
          includeDocumentation: true,
        },
        version,
      );
      assert.ok(results[0].configs.length > 20);
      const [retention, ...others] = results[1].configs;
      assert.deepEqual(others, []);
      assert.deepEqual([retention.name, retention.value, retention.configSource], ['retention.ms', '5000', 1]);
      assert.equal(retention.readOnly, false);
      assert.deepEqual(retention.synonyms[0], { name: 'retention.ms', value: '5000', source: 1 });
      assert.ok(
        retention.synonyms.some(
          ({ name, value, source }) => name === 'log.retention.hours' && value === '2' && source === 4,
        ),
      );
      assert.equal(retention.configType, version >= 3 ? 5 : 0);
      if (version >= 3) assert.match(retention.documentation ?? '', /\w/);
    }
    const { results } = await ask(describeConfigsHandler, { resources: [resource(TOPIC, 'logs', ['retention.ms'])] });
    assert.deepEqual(results[0].configs[0].synonyms, []);
    assert.equal(results[0].configs[0].documentation, null);
  });

  test('the broker by its id, its dynamic settings by the empty name', async () => {
    const { ask, topics } = await withTopic({ 'num.partitions': '3' });
    await topics.alterBrokerConfigs(new Map([['message.max.bytes', '4000']]));
    const { results } = await ask(describeConfigsHandler, { resources: [resource(BROKER, '1'), resource(BROKER, '')] });
    const byName = new Map(results[0].configs.map((config) => [config.name, config]));
    assert.deepEqual([byName.get('num.partitions')?.value, byName.get('num.partitions')?.configSource], ['3', 4]);
    assert.ok(byName.get('num.partitions')?.readOnly);
    assert.deepEqual(
      [byName.get('message.max.bytes')?.value, byName.get('message.max.bytes')?.configSource],
      ['4000', 2],
    );
    assert.deepEqual(
      results[1].configs.map(({ name, configSource }) => [name, configSource]),
      [['message.max.bytes', 3]],
    );
  });

  test('what is not there', async () => {
    const { ask } = await withTopic();
    const { results } = await ask(describeConfigsHandler, {
      resources: [resource(TOPIC, 'none'), resource(BROKER, '9'), resource(77, 'x'), resource(16, 'metrics')],
    });
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_REQUEST', 'INVALID_REQUEST', 'NONE'],
    );
  });
});

describe('AlterConfigs', () => {
  test('replaces everything that the topic sets itself', async () => {
    const { ask, topics } = await withTopic();
    const configs = [{ name: 'segment.bytes', value: '2097152' }];
    for (let version = 0; version <= 2; version++) {
      const request = { resources: [{ resourceType: TOPIC, resourceName: 'logs', configs }], validateOnly: true };
      assert.equal((await ask(alterConfigsHandler, request, version)).responses[0].errorCode, 'NONE');
    }
    assert.ok(topics.get('logs')?.configs.has('retention.ms'));
    await ask(alterConfigsHandler, {
      resources: [{ resourceType: TOPIC, resourceName: 'logs', configs }],
      validateOnly: false,
    });
    assert.deepEqual([...(topics.get('logs')?.configs ?? [])], [['segment.bytes', '2097152']]);
  });

  test('refuses what is wrong, resource by resource', async () => {
    const { ask, topics } = await withTopic();
    const alter = (resourceName: string, name: string, value: string | null) => ({
      resourceType: TOPIC,
      resourceName,
      configs: [{ name, value }],
    });
    await topics.create({ name: 'other', partitions: 1 });
    await topics.create({ name: 'fine', partitions: 1 });
    const { responses } = await ask(alterConfigsHandler, {
      resources: [
        alter('none', 'retention.ms', '1'),
        alter('logs', 'retention.ms', 'x'),
        alter('other', 'retention.ms', null),
        alter('fine', 'retention.ms', '1'),
      ],
      validateOnly: false,
    });
    assert.deepEqual(
      responses.map(({ errorCode }) => errorCode),
      ['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_CONFIG', 'INVALID_REQUEST', 'NONE'],
    );
    const twice = await ask(alterConfigsHandler, {
      resources: [alter('fine', 'retention.ms', '2'), alter('fine', 'retention.ms', '3')],
      validateOnly: false,
    });
    assert.deepEqual(
      twice.responses.map(({ errorCode }) => errorCode),
      ['INVALID_REQUEST', 'INVALID_REQUEST'],
    );
  });
});

describe('IncrementalAlterConfigs', () => {
  const change = (resourceType: number, resourceName: string, ...configs: [string, number, string | null][]) => ({
    resources: [
      {
        resourceType,
        resourceName,
        configs: configs.map(([name, configOperation, value]) => ({ name, configOperation, value })),
      },
    ],
    validateOnly: false,
  });

  test('sets, deletes, appends and subtracts', async () => {
    const { ask, topics } = await withTopic();
    const configs = () => topics.get('logs')?.configs;
    await ask(
      incrementalAlterConfigsHandler,
      change(TOPIC, 'logs', ['segment.bytes', SET, '2097152'], ['retention.ms', DELETE, null]),
    );
    assert.deepEqual([...(configs() ?? [])], [['segment.bytes', '2097152']]);
    await ask(incrementalAlterConfigsHandler, change(TOPIC, 'logs', ['cleanup.policy', APPEND, 'compact']), 0);
    assert.equal(configs()?.get('cleanup.policy'), 'delete,compact', 'appended to the default');
    await ask(incrementalAlterConfigsHandler, change(TOPIC, 'logs', ['cleanup.policy', SUBTRACT, 'delete']));
    assert.equal(configs()?.get('cleanup.policy'), 'compact');
  });

  test('refuses what cannot be', async () => {
    const { ask } = await withTopic();
    const error = async (...configs: [string, number, string | null][]) =>
      (await ask(incrementalAlterConfigsHandler, change(TOPIC, 'logs', ...configs))).responses[0].errorCode;
    assert.equal(await error(['retention.ms', APPEND, '1']), 'INVALID_CONFIG');
    assert.equal(await error(['retention.ms', SET, null]), 'INVALID_REQUEST');
    assert.equal(await error(['retention.ms', 9, '1']), 'INVALID_REQUEST');
    assert.equal(await error(['retention.ms', SET, '1'], ['retention.ms', SET, '2']), 'INVALID_REQUEST');
    assert.equal(await error(['nonsense', SET, '1']), 'INVALID_CONFIG');
  });

  test('broker settings that may change while it runs', async () => {
    const { ask, topics } = await withTopic();
    const error = async (name: string, operation: number, value: string | null) =>
      (await ask(incrementalAlterConfigsHandler, change(BROKER, '1', [name, operation, value]))).responses[0].errorCode;
    assert.equal(await error('log.segment.bytes', SET, '3145728'), 'NONE');
    assert.equal(topics.get('logs')?.logConfig.segmentBytesMax, 3_145_728);
    assert.equal(await error('log.segment.bytes', DELETE, null), 'NONE');
    assert.equal(topics.get('logs')?.logConfig.segmentBytesMax, 2 ** 30);
    assert.equal(await error('log.segment.bytes', SET, '1'), 'INVALID_CONFIG');
    assert.equal(await error('num.partitions', SET, '9'), 'INVALID_CONFIG');
  });
});

test('ListConfigResources', async () => {
  const { ask } = await withTopic();
  assert.deepEqual((await ask(listConfigResourcesHandler, {}, 0)).configResources, []);
  assert.deepEqual((await ask(listConfigResourcesHandler, { resourceTypes: [] })).configResources, [
    { resourceName: 'logs', resourceType: TOPIC },
    { resourceName: '1', resourceType: BROKER },
  ]);
  assert.equal((await ask(listConfigResourcesHandler, { resourceTypes: [99] })).errorCode, 'UNSUPPORTED_VERSION');
});
