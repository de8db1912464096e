/** The registry's rules, one by one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ErrorName } from '../../src/base/error-code.js';
import { KafkaError } from '../../src/base/kafka-error.js';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { startRegistry } from './registry-fixture.js';

const fails = (error: ErrorName) => (thrown: unknown) => {
  assert.ok(thrown instanceof KafkaError, String(thrown));
  assert.equal(thrown.error, error);
  return true;
};

describe('create', () => {
  test('a topic is visible, has its partitions online and is in the log when it resolves', async () => {
    const { topics, log } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 3, configs: new Map([['retention.ms', '60000']]) });
    assert.equal(topics.get('logs'), topic);
    assert.equal(topics.byId(topic.id), topic);
    assert.deepEqual(
      topic.partitions.map(({ index, state }) => [index, state]),
      [
        [0, 'online'],
        [1, 'online'],
        [2, 'online'],
      ],
    );
    assert.equal(topic.logConfig.retentionMs, 60_000);
    assert.equal(log.records.length, 1);
  });

  test('of simultaneous creations of one name, one wins', async () => {
    const { topics, log } = await startRegistry();
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => topics.create({ name: 'logs', partitions: 1 })),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') fails('TOPIC_ALREADY_EXISTS')(result.reason);
    assert.equal(log.records.length, 1);
  });

  test('of simultaneous creations of names that collide, one wins', async () => {
    const { topics } = await startRegistry();
    const first = topics.create({ name: 'a.b', partitions: 1 });
    await assert.rejects(topics.create({ name: 'a_b', partitions: 1 }), fails('INVALID_TOPIC_EXCEPTION'));
    await first;
  });

  test('what is wrong is refused before anything is written', async () => {
    const { topics, log } = await startRegistry();
    await assert.rejects(topics.create({ name: 'a b', partitions: 1 }), fails('INVALID_TOPIC_EXCEPTION'));
    await assert.rejects(topics.create({ name: 'a', partitions: 0 }), fails('INVALID_PARTITIONS'));
    await assert.rejects(topics.create({ name: 'a', partitions: 10_001 }), fails('POLICY_VIOLATION'));
    await assert.rejects(topics.create({ name: '__consumer_offsets', partitions: 1 }), fails('INVALID_REQUEST'));
    await assert.rejects(
      topics.create({ name: '__cluster_metadata', partitions: 1, internal: true }),
      fails('INVALID_REQUEST'),
    );
    await assert.rejects(
      topics.create({ name: 'a', partitions: 1, configs: new Map([['retention.ms', 'soon']]) }),
      fails('INVALID_CONFIG'),
    );
    await assert.rejects(
      topics.create({ name: 'a', partitions: 1, configs: new Map([['no.such.setting', '1']]) }),
      fails('INVALID_CONFIG'),
    );
    assert.equal(log.appends, 0);
  });

  test('validateOnly checks and leaves no trace', async () => {
    const { topics, log } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 3, validateOnly: true });
    assert.equal(topic.id, ZERO_UUID);
    assert.equal(topics.get('logs'), undefined);
    assert.equal(log.appends, 0);
  });

  test('thousands of partitions in one go let others have their turn', async () => {
    const { topics, partitions, clock } = await startRegistry();
    let turns = 0;
    const after = clock.after.bind(clock);
    clock.after = (delayMs, action) => {
      turns++;
      return after(delayMs, action);
    };
    const topic = await topics.create({ name: 'wide', partitions: 4096 });
    assert.equal(topic.partitions.length, 4096);
    assert.equal(partitions.live.size, 4096);
    assert.ok(turns >= 31, `${turns} turns`);
  });
});

describe('ensure', () => {
  test('simultaneous callers share one creation, with the default partition count', async () => {
    const { topics, log } = await startRegistry(undefined, { 'num.partitions': '4' });
    const found = await Promise.all(Array.from({ length: 100 }, () => topics.ensure('logs')));
    assert.equal(new Set(found).size, 1);
    assert.equal(found[0].partitions.length, 4);
    assert.equal(log.appends, 1);
  });

  test('makes the offsets topic as its coordinator needs it', async () => {
    const { topics } = await startRegistry(undefined, { 'offsets.topic.num.partitions': '5' });
    const topic = await topics.ensure('__consumer_offsets');
    assert.ok(topic.internal && topic.logConfig.compacted && !topic.logConfig.deleted);
    assert.equal(topic.partitions.length, 5);
  });

  test('a creation that was in line before is the answer', async () => {
    const { topics } = await startRegistry();
    const created = topics.create({ name: 'logs', partitions: 7 });
    assert.equal((await topics.ensure('logs')).partitions.length, 7);
    await created;
  });
});

test('whoever listens hears of a topic that has grown, once it has', async () => {
  const { topics } = await startRegistry();
  const grown: [string, number][] = [];
  topics.onGrown(({ name, partitions }) => grown.push([name, partitions.length]));
  await topics.create({ name: 'logs', partitions: 2 });
  await topics.addPartitions('logs', 5);
  assert.deepEqual(grown, [['logs', 5]]);
});

describe('delete', () => {
  test('frees the name for a topic with another id', async () => {
    const { topics, partitions } = await startRegistry();
    const deleted: string[] = [];
    topics.onDeleted(({ id }) => deleted.push(id));
    const first = await topics.create({ name: 'logs', partitions: 2 });
    await topics.delete('logs');
    assert.equal(partitions.live.size, 0);
    assert.equal(topics.byId(first.id), undefined);
    const second = await topics.create({ name: 'logs', partitions: 1 });
    assert.notEqual(second.id, first.id);
    assert.deepEqual(deleted, [first.id]);
  });

  test('and a creation right behind it get along', async () => {
    const { topics } = await startRegistry();
    await topics.create({ name: 'logs', partitions: 2 });
    const gone = topics.delete('logs');
    const [topic] = await Promise.all([topics.create({ name: 'logs', partitions: 5 }), gone]);
    assert.equal(topics.get('logs'), topic);
    assert.equal(topic.partitions.length, 5);
  });

  test('of an unknown topic is refused', async () => {
    const { topics } = await startRegistry();
    await assert.rejects(topics.delete('logs'), fails('UNKNOWN_TOPIC_OR_PARTITION'));
  });

  test('that cannot move the files holds the name until it can', async () => {
    const { topics, partitions } = await startRegistry();
    await topics.create({ name: 'logs', partitions: 2 });
    partitions.removalsFail = true;
    await assert.rejects(topics.delete('logs'), fails('KAFKA_STORAGE_ERROR'));
    assert.equal(topics.get('logs'), undefined);
    await assert.rejects(topics.create({ name: 'logs', partitions: 1 }), fails('KAFKA_STORAGE_ERROR'));
    partitions.removalsFail = false;
    await topics.delete('logs');
    await assert.rejects(topics.delete('logs'), fails('UNKNOWN_TOPIC_OR_PARTITION'));
    await topics.create({ name: 'logs', partitions: 1 });
    assert.equal(partitions.live.size, 1);
  });

  test('that a crash cut short is finished by the next start', async () => {
    const { topics, partitions, log } = await startRegistry();
    await topics.create({ name: 'logs', partitions: 2 });
    partitions.removalsFail = true;
    await assert.rejects(topics.delete('logs'));
    const next = await startRegistry(log);
    assert.equal(next.topics.get('logs'), undefined);
    const topic = await next.topics.create({ name: 'logs', partitions: 1 });
    assert.deepEqual([...next.partitions.live.values()], [...topic.partitions]);
    const third = await startRegistry(log);
    assert.equal(third.topics.get('logs')?.id, topic.id);
  });
});

describe('change', () => {
  test('partitions only ever become more', async () => {
    const { topics, partitions } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 2 });
    const before = topic.partitions;
    await assert.rejects(topics.addPartitions('logs', 2), fails('INVALID_PARTITIONS'));
    await assert.rejects(topics.addPartitions('logs', 1), fails('INVALID_PARTITIONS'));
    await assert.rejects(topics.addPartitions('nope', 3), fails('UNKNOWN_TOPIC_OR_PARTITION'));
    await topics.addPartitions('logs', 9, true);
    assert.equal(topic.partitions.length, 2);
    await topics.addPartitions('logs', 3);
    assert.deepEqual(topic.partitions.slice(0, 2), before);
    assert.equal(topic.partitions[2].state, 'online');
    assert.equal(partitions.live.size, 3);
  });

  test('settings reach the partitions, and go back to the default', async () => {
    const { topics, partitions } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 1 });
    const standard = topic.logConfig.retentionMs;
    await topics.alterTopicConfigs('logs', new Map([['retention.ms', '1234']]));
    assert.equal(partitions.configOf(topic.partitions[0]).retentionMs, 1234);
    await topics.alterTopicConfigs('logs', new Map([['retention.ms', null]]));
    assert.equal(partitions.configOf(topic.partitions[0]).retentionMs, standard);
    assert.equal(topic.configs.size, 0);
    await assert.rejects(topics.alterTopicConfigs('logs', new Map([['retention.ms', 'x']])), fails('INVALID_CONFIG'));
    await topics.alterTopicConfigs('logs', new Map([['retention.ms', '5']]), true);
    assert.equal(topic.configs.size, 0);
  });

  test('edits of one topic see one another', async () => {
    const { topics } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 1 });
    await Promise.all(
      Array.from({ length: 10 }, () =>
        topics.alterTopicConfigs('logs', (current) => {
          return new Map([['retention.ms', String(Number(current.get('retention.ms') ?? 0) + 1)]]);
        }),
      ),
    );
    assert.equal(topic.configs.get('retention.ms'), '10');
  });

  test('broker settings reach topics that do not say otherwise, also after a restart', async () => {
    const { topics, partitions, log } = await startRegistry();
    const topic = await topics.create({ name: 'logs', partitions: 1 });
    const heard: number[] = [];
    topics.onBrokerConfig((config) => heard.push(config.get('message.max.bytes')));
    await topics.alterBrokerConfigs(new Map([['message.max.bytes', '5000']]));
    assert.equal(topics.config.get('message.max.bytes'), 5000);
    assert.equal(partitions.configOf(topic.partitions[0]).messageBytesMax, 5000);
    assert.deepEqual(heard, [5000]);
    await assert.rejects(topics.alterBrokerConfigs(new Map([['num.partitions', '5']])), fails('INVALID_CONFIG'));
    const next = await startRegistry(log);
    assert.equal(next.topics.get('logs')?.logConfig.messageBytesMax, 5000);
  });

  test('a stored setting that this run cannot use does not stop the start', async () => {
    const { topics, log } = await startRegistry();
    await topics.create({ name: 'logs', partitions: 1, configs: new Map([['retention.ms', '77']]) });
    const text = log.records[0].value?.toString() ?? '';
    const changed = text.replace('"retention.ms":"77"', '"retention.ms":"77","from.the.future":"1"');
    log.records[0] = { key: log.records[0].key, value: Buffer.from(changed) };
    const next = await startRegistry(log);
    assert.deepEqual([...(next.topics.get('logs')?.configs ?? [])], [['retention.ms', '77']]);
  });
});

describe('the catalogue', () => {
  test('a record of a newer version stops the start with a sentence', async () => {
    const { topics, log } = await startRegistry();
    await topics.create({ name: 'logs', partitions: 1 });
    const text = log.records[0].value?.toString() ?? '';
    log.records[0] = { key: log.records[0].key, value: Buffer.from(text.replace('"version":1', '"version":3')) };
    await assert.rejects(startRegistry(log), /newer release/);
  });

  test('the node epoch is raised and kept', async () => {
    const { topics, log } = await startRegistry();
    assert.equal(topics.nodeEpoch, 0);
    await topics.raiseNodeEpoch();
    await topics.raiseNodeEpoch();
    assert.equal(topics.nodeEpoch, 2);
    assert.equal((await startRegistry(log)).topics.nodeEpoch, 2);
  });

  test('a failed append changes nothing, and the log decides afterwards whether it happened', async () => {
    for (const failure of ['lost', 'kept'] as const) {
      const { topics, log } = await startRegistry();
      log.failNext(failure);
      await assert.rejects(topics.create({ name: 'logs', partitions: 1 }), fails('KAFKA_STORAGE_ERROR'));
      const again = topics.create({ name: 'logs', partitions: 1 });
      if (failure === 'lost') await again;
      else await assert.rejects(again, fails('TOPIC_ALREADY_EXISTS'));
      assert.ok(topics.get('logs'));
      assert.equal((await startRegistry(log)).topics.get('logs')?.id, topics.get('logs')?.id);
    }
  });

  test('while it cannot be read after a failure, changes are refused for the moment', async () => {
    const { topics, log, clock } = await startRegistry();
    log.failNext('kept');
    log.readable = false;
    await assert.rejects(topics.create({ name: 'logs', partitions: 1 }), fails('KAFKA_STORAGE_ERROR'));
    await assert.rejects(topics.create({ name: 'other', partitions: 1 }), fails('KAFKA_STORAGE_ERROR'));
    log.readable = true;
    const created = new Promise((resolve) => topics.onCreated(resolve));
    clock.advance(1000);
    assert.equal(await created, topics.get('logs'));
    await topics.create({ name: 'other', partitions: 1 });
  });
});
