/** Creating, growing, describing and deleting topics and their records through the handlers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { createTopicsHandler } from '../../src/handlers/19-create-topics.js';
import { deleteTopicsHandler } from '../../src/handlers/20-delete-topics.js';
import { deleteRecordsHandler } from '../../src/handlers/21-delete-records.js';
import { createPartitionsHandler } from '../../src/handlers/37-create-partitions.js';
import { describeTopicPartitionsHandler } from '../../src/handlers/75-describe-topic-partitions.js';
import { startAdmin } from './admin-fixture.js';

const topicOf = (name: string, more: object = {}) => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [] as { partitionIndex: number; brokerIds: number[] }[],
  configs: [] as { name: string; value: string | null }[],
  ...more,
});

const byName = (name: string) => ({ name, topicId: ZERO_UUID });

describe('CreateTopics', () => {
  test('answers what it made, as far as each version can say it', async () => {
    const { ask, topics } = await startAdmin();
    for (let version = 2; version <= 7; version++) {
      const name = `logs-${version}`;
      const configs = [{ name: 'retention.ms', value: '5000' }];
      const { topics: answers } = await ask(
        createTopicsHandler,
        { topics: [topicOf(name, { numPartitions: 3, configs })] },
        version,
      );
      const topic = topics.get(name);
      assert.equal(topic?.partitions.length, 3);
      assert.equal(answers[0].errorCode, 'NONE');
      assert.equal(answers[0].numPartitions, version >= 5 ? 3 : -1);
      assert.equal(answers[0].topicId, version >= 7 ? topic?.id : ZERO_UUID);
      if (version < 5) continue;
      const retention = answers[0].configs?.find(({ name }) => name === 'retention.ms');
      assert.deepEqual([retention?.value, retention?.configSource], ['5000', 1]);
    }
  });

  test('-1 asks for the defaults', async () => {
    const { ask, topics } = await startAdmin({ 'num.partitions': '6' });
    await ask(createTopicsHandler, { topics: [topicOf('logs', { numPartitions: -1, replicationFactor: -1 })] });
    assert.equal(topics.get('logs')?.partitions.length, 6);
  });

  test('a replication factor above 1 is taken as 1, or refused where that is wished', async () => {
    const { ask, warnings } = await startAdmin();
    const { topics: answers } = await ask(createTopicsHandler, { topics: [topicOf('logs', { replicationFactor: 3 })] });
    assert.deepEqual([answers[0].errorCode, answers[0].replicationFactor, warnings.length], ['NONE', 1, 1]);
    const strict = await startAdmin({ 'replication.factor.strict': 'true' });
    const refused = await strict.ask(createTopicsHandler, { topics: [topicOf('logs', { replicationFactor: 3 })] });
    assert.equal(refused.topics[0].errorCode, 'INVALID_REPLICATION_FACTOR');
    assert.equal(strict.topics.size, 0);
  });

  test('each mistake has its error', async () => {
    const { ask, topics } = await startAdmin();
    await topics.create({ name: 'there', partitions: 1 });
    await topics.create({ name: 'dot.ted', partitions: 1 });
    const manual = { numPartitions: -1, replicationFactor: -1 };
    const cases: [ReturnType<typeof topicOf>, string][] = [
      [topicOf('there'), 'TOPIC_ALREADY_EXISTS'],
      [topicOf('a/b'), 'INVALID_TOPIC_EXCEPTION'],
      [topicOf('dot_ted'), 'INVALID_TOPIC_EXCEPTION'],
      [topicOf('p0', { numPartitions: 0 }), 'INVALID_PARTITIONS'],
      [topicOf('p2', { numPartitions: -2 }), 'INVALID_PARTITIONS'],
      [topicOf('r0', { replicationFactor: 0 }), 'INVALID_REPLICATION_FACTOR'],
      [topicOf('c1', { configs: [{ name: 'nonsense', value: '1' }] }), 'INVALID_CONFIG'],
      [topicOf('c2', { configs: [{ name: 'retention.ms', value: null }] }), 'INVALID_CONFIG'],
      [topicOf('c3', { configs: [{ name: 'cleanup.policy', value: 'burn' }] }), 'INVALID_CONFIG'],
      [topicOf('a1', { assignments: [{ partitionIndex: 0, brokerIds: [1] }] }), 'INVALID_REQUEST'],
      [
        topicOf('a2', { ...manual, assignments: [{ partitionIndex: 1, brokerIds: [1] }] }),
        'INVALID_REPLICA_ASSIGNMENT',
      ],
      [
        topicOf('a3', { ...manual, assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }] }),
        'INVALID_REPLICA_ASSIGNMENT',
      ],
      [topicOf('__consumer_offsets'), 'INVALID_REQUEST'],
    ];
    const { topics: answers } = await ask(createTopicsHandler, { topics: cases.map(([topic]) => topic) });
    assert.deepEqual(
      answers.map(({ name, errorCode }) => [name, errorCode]),
      cases.map(([{ name }, error]) => [name, error]),
    );
    for (const { errorMessage } of answers) assert.match(errorMessage ?? '', /\w/);
    assert.equal(topics.size, 2);
  });

  test('assignments by hand to this node, a name twice, validateOnly', async () => {
    const { ask, topics } = await startAdmin();
    const assignments = [1, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
    const byHand = topicOf('hand', { numPartitions: -1, replicationFactor: -1, assignments });
    const { topics: answers } = await ask(createTopicsHandler, {
      topics: [byHand, topicOf('twice'), topicOf('twice')],
    });
    assert.deepEqual(
      answers.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['hand', 'NONE'],
        ['twice', 'INVALID_REQUEST'],
      ],
    );
    assert.equal(topics.get('hand')?.partitions.length, 2);
    const checked = await ask(createTopicsHandler, {
      topics: [topicOf('later', { numPartitions: 4 })],
      validateOnly: true,
    });
    assert.deepEqual([checked.topics[0].errorCode, checked.topics[0].numPartitions], ['NONE', 4]);
    assert.equal(topics.get('later'), undefined);
  });
});

describe('DeleteTopics', () => {
  test('by name in every version, by id in the newest', async () => {
    const { ask, topics } = await startAdmin();
    for (let version = 1; version <= 6; version++) {
      await topics.create({ name: 'logs', partitions: 1 });
      const request = version < 6 ? { topicNames: ['logs', 'none'] } : { topics: [byName('logs'), byName('none')] };
      const { responses } = await ask(deleteTopicsHandler, { ...request, timeoutMs: 1000 }, version);
      assert.deepEqual(
        responses.map(({ name, errorCode }) => [name, errorCode]),
        [
          ['logs', 'NONE'],
          ['none', 'UNKNOWN_TOPIC_OR_PARTITION'],
        ],
      );
    }
    const topic = await topics.create({ name: 'logs', partitions: 1 });
    const unknown = 'BBBBBBBBBBBBBBBBBBBBBA';
    const { responses } = await ask(deleteTopicsHandler, {
      topics: [{ topicId: topic.id }, { topicId: unknown }, { topicId: ZERO_UUID }, { name: 'x', topicId: topic.id }],
      timeoutMs: 1000,
    });
    assert.deepEqual(
      responses.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['logs', 'NONE'],
        [null, 'UNKNOWN_TOPIC_ID'],
        [null, 'INVALID_REQUEST'],
        ['x', 'INVALID_REQUEST'],
      ],
    );
  });

  test('not where deletion is off, and not what belongs to the broker', async () => {
    const off = await startAdmin({ 'delete.topic.enable': 'false' });
    await off.topics.create({ name: 'logs', partitions: 1 });
    for (const [version, error] of [
      [2, 'INVALID_REQUEST'],
      [3, 'TOPIC_DELETION_DISABLED'],
    ] as const) {
      const { responses } = await off.ask(deleteTopicsHandler, { topicNames: ['logs'], timeoutMs: 1 }, version);
      assert.equal(responses[0].errorCode, error);
    }
    const { ask, topics } = await startAdmin();
    await topics.ensure('__consumer_offsets');
    const { responses } = await ask(deleteTopicsHandler, { topics: [byName('__consumer_offsets')], timeoutMs: 1 });
    assert.equal(responses[0].errorCode, 'INVALID_REQUEST');
  });
});

describe('CreatePartitions', () => {
  test('grows, checks, refuses', async () => {
    const { ask, topics } = await startAdmin();
    for (const name of ['a', 'b', 'c', 'd']) await topics.create({ name, partitions: 2 });
    const request = {
      topics: [
        { name: 'a', count: 3, assignments: null },
        { name: 'b', count: 3, assignments: [{ brokerIds: [1] }] },
        { name: 'c', count: 3, assignments: [{ brokerIds: [2] }] },
        { name: 'd', count: 2, assignments: null },
        { name: 'none', count: 2, assignments: null },
      ],
      timeoutMs: 1000,
      validateOnly: true,
    };
    const expected = ['NONE', 'NONE', 'INVALID_REPLICA_ASSIGNMENT', 'INVALID_PARTITIONS', 'UNKNOWN_TOPIC_OR_PARTITION'];
    for (let version = 0; version <= 3; version++) {
      const { results } = await ask(createPartitionsHandler, request, version);
      assert.deepEqual(
        results.map(({ errorCode }) => errorCode),
        expected,
      );
    }
    assert.equal(topics.get('a')?.partitions.length, 2);
    await ask(createPartitionsHandler, { ...request, validateOnly: false });
    assert.equal(topics.get('a')?.partitions.length, 3);
    assert.equal(topics.get('b')?.partitions.length, 3);
  });
});

describe('DeleteRecords', () => {
  test('moves the log start, or says why not', async () => {
    const { ask, topics } = await startAdmin();
    await topics.create({ name: 'logs', partitions: 1 });
    await topics.create({ name: 'keyed', partitions: 1, configs: new Map([['cleanup.policy', 'compact']]) });
    await topics.ensure('__consumer_offsets');
    const at = (name: string, partitionIndex: number, offset: number) => ({
      name,
      partitions: [{ partitionIndex, offset }],
    });
    const { topics: answers } = await ask(deleteRecordsHandler, {
      topics: [
        at('logs', 0, 4),
        at('logs', 0, -1),
        at('logs', 0, 11),
        at('logs', 0, -2),
        at('logs', 1, 0),
        at('keyed', 0, 0),
        at('__consumer_offsets', 0, 0),
      ],
      timeoutMs: 1000,
    });
    assert.deepEqual(
      answers.map(({ partitions: [{ lowWatermark, errorCode }] }) => [lowWatermark, errorCode]),
      [
        [4, 'NONE'],
        [10, 'NONE'],
        [-1, 'OFFSET_OUT_OF_RANGE'],
        [-1, 'OFFSET_OUT_OF_RANGE'],
        [-1, 'UNKNOWN_TOPIC_OR_PARTITION'],
        [-1, 'POLICY_VIOLATION'],
        [-1, 'INVALID_TOPIC_EXCEPTION'],
      ],
    );
  });
});

describe('DescribeTopicPartitions', () => {
  test('pages end at the limit and go on at the cursor', async () => {
    const { ask, topics } = await startAdmin();
    for (const [name, partitions] of [
      ['c', 3],
      ['a', 2],
      ['b', 4],
    ] as const)
      await topics.create({ name, partitions });
    for (const limit of [1, 2, 3, 4, 5, 100]) {
      const seen: string[] = [];
      let cursor: { topicName: string; partitionIndex: number } | null = null;
      do {
        const page: Awaited<ReturnType<typeof ask<typeof describeTopicPartitionsHandler.api>>> = await ask(
          describeTopicPartitionsHandler,
          { topics: [], responsePartitionLimit: limit, cursor },
        );
        const partitions = page.topics.flatMap(({ name, partitions }) =>
          partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`),
        );
        assert.ok(partitions.length > 0 && partitions.length <= limit);
        seen.push(...partitions);
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(seen, ['a-0', 'a-1', 'b-0', 'b-1', 'b-2', 'b-3', 'c-0', 'c-1', 'c-2']);
    }
  });

  test('named topics, unknown ones, and a cursor whose topic is gone', async () => {
    const { ask, topics } = await startAdmin();
    await topics.create({ name: 'b', partitions: 1 });
    const named = await ask(describeTopicPartitionsHandler, { topics: [{ name: 'x' }, { name: 'b' }, { name: '' }] });
    assert.deepEqual(
      named.topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['', 'INVALID_TOPIC_EXCEPTION'],
        ['b', 'NONE'],
        ['x', 'UNKNOWN_TOPIC_OR_PARTITION'],
      ],
    );
    const rest = await ask(describeTopicPartitionsHandler, {
      topics: [],
      cursor: { topicName: 'a', partitionIndex: 5 },
    });
    assert.deepEqual(
      rest.topics.map(({ name, partitions }) => [name, partitions.length]),
      [['b', 1]],
    );
  });
});
