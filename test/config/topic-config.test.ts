/** What a topic's log is told: its own settings over the broker's over the defaults. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type BrokerConfig, checkTopicConfig } from '../../src/config/broker-config.js';
import { type BrokerSettingName, brokerSettingNames, brokerSettings } from '../../src/config/broker-settings.js';
import { configSource, describeBroker, describeTopic } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';
import { nearestName } from '../../src/config/nearest-name.js';
import { formatValue, LONG_MAX, type Setting } from '../../src/config/setting.js';
import { type TopicSetting, topicSettingNames, topicSettings } from '../../src/config/topic-settings.js';
import { fc } from '../property.js';

const configWith = (overrides: Record<string, string> = {}): BrokerConfig => loadConfig({ overrides }).config;
const own = (settings: Record<string, string> = {}) => new Map(Object.entries(settings));

suite('tables', () => {
  test('the text of every default reads back as the default', () => {
    const rows: [string, Setting][] = [...Object.entries(brokerSettings), ...Object.entries(topicSettings)];
    for (const [name, setting] of rows) {
      const text = formatValue(setting.default);
      if (text !== null) assert.deepEqual(setting.parse(text), setting.default, name);
    }
  });

  test('a topic that sets nothing on a broker that sets nothing has the default that its row says', () => {
    const config = configWith();
    for (const name of topicSettingNames) {
      assert.deepEqual(config.topicValue(name, own()), topicSettings[name].default, name);
      const setting: TopicSetting = topicSettings[name];
      for (const synonym of setting.synonyms) {
        const value = brokerSettings[synonym.name].default;
        if (value === null) continue;
        const scaled = typeof value === 'number' && value > 0 ? value * synonym.unit : value;
        assert.deepEqual(scaled, setting.default, `${synonym.name} against ${name}`);
      }
    }
  });
});

suite('a topic', () => {
  test('takes its own value, then the finest of the broker', () => {
    const hours = { 'log.retention.hours': '2' };
    assert.equal(configWith(hours).logConfig(own()).retentionMs, 7_200_000);
    const minutes = { ...hours, 'log.retention.minutes': '3' };
    assert.equal(configWith(minutes).logConfig(own()).retentionMs, 180_000);
    const ms = { ...minutes, 'log.retention.ms': '4' };
    assert.equal(configWith(ms).logConfig(own()).retentionMs, 4);
    assert.equal(configWith(ms).logConfig(own({ 'retention.ms': '5' })).retentionMs, 5);
    assert.equal(configWith({ 'log.retention.hours': '-1' }).logConfig(own()).retentionMs, -1);
  });

  test('by default: acknowledged means on disk, timestamps are taken as they come', () => {
    const log = configWith().logConfig(own());
    assert.equal(log.flush, 'ack');
    assert.equal(log.timestampAfterMaxMs, LONG_MAX);
    assert.equal(log.timestampBeforeMaxMs, LONG_MAX);
    assert.equal(log.messageBytesMax, 1_048_588);
    assert.deepEqual([log.compacted, log.deleted], [false, true]);
  });

  test('flush.messages or flush.ms of its own means interval with those numbers', () => {
    for (const flush of ['ack', 'interval', 'never']) {
      const config = configWith({ flush });
      const records = config.logConfig(own({ 'flush.messages': '7' }));
      assert.deepEqual([records.flush, records.flushIntervalRecords, records.flushIntervalMs], ['interval', 7, 1000]);
      const ms = config.logConfig(own({ 'flush.ms': '8' }));
      assert.deepEqual([ms.flush, ms.flushIntervalRecords, ms.flushIntervalMs], ['interval', 10_000, 8]);
      assert.equal(config.logConfig(own()).flush, flush);
    }
  });

  test("the node's interval is 10,000 records or a second, unless it says otherwise", () => {
    const standard = configWith({ flush: 'interval' }).logConfig(own());
    assert.deepEqual([standard.flushIntervalRecords, standard.flushIntervalMs], [10_000, 1000]);
    const config = configWith({ flush: 'interval', 'log.flush.interval.messages': '5', 'log.flush.interval.ms': '6' });
    const set = config.logConfig(own());
    assert.deepEqual([set.flushIntervalRecords, set.flushIntervalMs], [5, 6]);
    assert.equal(config.logConfig(own({ 'flush.ms': '9' })).flushIntervalRecords, 5);
  });

  test('cleanup policies', () => {
    const policy = (text: string) => {
      const { compacted, deleted } = configWith().logConfig(own({ 'cleanup.policy': text }));
      return [compacted, deleted];
    };
    assert.deepEqual(policy('compact'), [true, false]);
    assert.deepEqual(policy('compact,delete'), [true, true]);
    assert.deepEqual(policy(''), [false, false]);
  });

  test('the disk budget takes nothing of compacted topics, of those that delete nothing, and of what is kept for ever by hand', () => {
    const evictable = (settings: Record<string, string>, ofNode = {}) =>
      configWith(ofNode).logConfig(own(settings)).evictable;
    const forEver = { 'retention.ms': '-1', 'retention.bytes': '-1' };
    assert.equal(evictable({}), true);
    assert.equal(evictable({ 'retention.ms': '-1' }), true);
    assert.equal(
      evictable({}, { 'log.retention.ms': '-1', 'log.retention.bytes': '-1' }),
      true,
      'the node is not a hand',
    );
    assert.equal(evictable(forEver), false);
    for (const policy of ['compact', 'compact,delete', ''])
      assert.equal(evictable({ 'cleanup.policy': policy }), false);
  });

  test('complaints name the bound', () => {
    assert.equal(checkTopicConfig('retention.ms', '10'), null);
    assert.equal(checkTopicConfig('retention.ms', null), null);
    assert.equal(
      checkTopicConfig('segment.bytes', '1'),
      'segment.bytes must be a whole number of at least 1048576, but is "1".',
    );
    assert.match(checkTopicConfig('retention.msec', '1') ?? '', /did you mean retention\.ms\?/);
    assert.match(checkTopicConfig('remote.storage.enable', 'true') ?? '', /must be false/);
    const config = configWith();
    assert.match(config.checkTopicConfig('max.message.bytes', '16777217') ?? '', /half of ring\.bytes/);
    assert.equal(config.checkTopicConfig('max.message.bytes', '16777216'), null);
    const lags = own({ 'min.compaction.lag.ms': '10', 'max.compaction.lag.ms': '9' });
    assert.match(config.checkTopicConfigs(lags) ?? '', /must not be above/);
    assert.equal(config.checkTopicConfigs(own({ 'retention.ms': '-1' })), null);
  });
});

suite('while running', () => {
  test('dynamic settings stand above all others until they are taken back', () => {
    const config = configWith({ 'log.retention.ms': '1' });
    const changed = config.withDynamic(new Map([['log.retention.ms', '2']]));
    assert.equal(changed.get('log.retention.ms'), 2);
    assert.equal(changed.origin('log.retention.ms').kind, 'dynamic');
    assert.equal(changed.logConfig(own()).retentionMs, 2);
    assert.equal(config.get('log.retention.ms'), 1);
    assert.equal(changed.withDynamic(new Map()).get('log.retention.ms'), 1);
  });

  test('what is fixed at start stays', () => {
    const config = configWith();
    assert.match(config.checkDynamicConfig('listeners', 'x') ?? '', /cannot be changed while the broker runs/);
    assert.match(config.checkDynamicConfig('nonsense', 'x') ?? '', /not a known setting/);
    assert.match(config.checkDynamicConfig('message.max.bytes', '99999999') ?? '', /half of ring\.bytes/);
    assert.throws(() => config.withDynamic(new Map([['shards', '2']])), { name: 'ConfigError' });
  });
});

suite('descriptions', () => {
  test('a value comes with all places that have a word in it, strongest first', () => {
    const config = configWith({ 'log.retention.minutes': '5' }).withDynamic(new Map([['log.retention.ms', '6']]));
    const row = describeTopic(config, own({ 'retention.ms': '7' })).find(({ name }) => name === 'retention.ms');
    assert.deepEqual(row?.synonyms, [
      { name: 'retention.ms', value: '7', source: configSource.dynamicTopic },
      { name: 'log.retention.ms', value: '6', source: configSource.dynamicBroker },
      { name: 'log.retention.minutes', value: '5', source: configSource.staticBroker },
      { name: 'log.retention.hours', value: '168', source: configSource.default },
    ]);
    assert.equal(row?.value, '7');
    assert.equal(row?.configSource, configSource.dynamicTopic);
    assert.equal(row?.isDefault, false);
    assert.equal(row?.configType, 5);
  });

  test('longs without end are written as Kafka writes them', () => {
    const row = describeTopic(configWith(), own()).find(({ name }) => name === 'flush.messages');
    assert.equal(row?.value, '9223372036854775807');
    assert.equal(row?.isDefault, true);
  });

  test('broker settings say which of them may be changed', () => {
    const rows = new Map(describeBroker(configWith({ 'num.partitions': '3' })).map((row) => [row.name, row]));
    assert.equal(rows.size, brokerSettingNames.length);
    assert.equal(rows.get('num.partitions')?.value, '3');
    assert.equal(rows.get('num.partitions')?.configSource, configSource.staticBroker);
    assert.equal(rows.get('num.partitions')?.readOnly, true);
    assert.equal(rows.get('log.retention.ms')?.readOnly, false);
    assert.equal(rows.get('log.retention.ms')?.value, null);
  });
});

test('whatever text is given, a setting is read or refused with a sentence', () => {
  fc.assert(
    fc.property(fc.constantFrom(...brokerSettingNames), fc.string(), (name: BrokerSettingName, text) => {
      try {
        loadConfig({ overrides: { [name]: text } });
      } catch (error) {
        assert.equal((error as Error).name, 'ConfigError', `${(error as Error).stack}`);
      }
    }),
  );
});

test('the nearest name is found when one letter is wrong, and none when all are', () => {
  fc.assert(
    fc.property(fc.constantFrom(...brokerSettingNames), fc.nat(), (name, at) => {
      const index = at % name.length;
      const misspelt = `${name.slice(0, index)}#${name.slice(index + 1)}`;
      const found = nearestName(misspelt, brokerSettingNames);
      assert.ok(found !== null && found.length >= name.length - 1);
    }),
  );
  assert.equal(nearestName('xxxxxxxxxxxxxxx', brokerSettingNames), null);
});
