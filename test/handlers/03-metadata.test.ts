/** Metadata's answers, version by version where the rules differ. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { metadataHandler } from '../../src/handlers/03-metadata.js';
import {
  CLUSTER_OPERATIONS,
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from '../../src/handlers/authorized-operations.js';
import { startAdmin } from './admin-fixture.js';

const named = (...names: string[]) => names.map((name) => ({ name }));
const VERSIONS = Array.from({ length: 14 }, (_, version) => version);

test('a known topic is described in every version', async () => {
  const { ask, topics } = await startAdmin({ 'node.id': '7' });
  const topic = await topics.create({ name: 'logs', partitions: 2 });
  for (const version of VERSIONS) {
    const answer = await ask(metadataHandler, { topics: named('logs') }, version);
    assert.deepEqual(answer.brokers, [{ nodeId: 7, host: '10.0.0.1', port: 9092, rack: null }], `version ${version}`);
    assert.equal(answer.controllerId, version >= 1 ? 7 : -1);
    assert.equal(answer.clusterId, version >= 2 ? 'cluster-of-this-test' : null);
    const [found] = answer.topics;
    assert.equal(found.errorCode, 'NONE');
    assert.equal(found.topicId, version >= 10 ? topic.id : ZERO_UUID);
    assert.deepEqual(found.partitions[1], {
      errorCode: 'NONE',
      partitionIndex: 1,
      leaderId: 7,
      leaderEpoch: version >= 7 ? 0 : -1,
      replicaNodes: [7],
      isrNodes: [7],
      offlineReplicas: [],
    });
  }
});

test('which request means all topics, and which none', async () => {
  const { ask, topics } = await startAdmin();
  await topics.create({ name: 'a', partitions: 1 });
  await topics.ensure('__consumer_offsets');
  for (const version of VERSIONS) {
    const forAll = await ask(metadataHandler, { topics: version === 0 ? [] : null }, version);
    assert.deepEqual(
      forAll.topics.map(({ name, isInternal }) => [name, isInternal]),
      [
        ['a', false],
        ['__consumer_offsets', version >= 1],
      ],
    );
    if (version >= 1) assert.deepEqual((await ask(metadataHandler, { topics: [] }, version)).topics, []);
  }
});

test('a missing topic is created at once, with its partitions, when both sides allow it', async () => {
  const { ask } = await startAdmin({ 'num.partitions': '3' });
  for (const version of VERSIONS) {
    const answer = await ask(metadataHandler, { topics: named(`new-${version}`) }, version);
    assert.equal(answer.topics[0].errorCode, 'NONE', `version ${version}`);
    assert.equal(answer.topics[0].partitions.length, 3);
  }
  const refusing = await ask(metadataHandler, { topics: named('other'), allowAutoTopicCreation: false });
  assert.equal(refusing.topics[0].errorCode, 'UNKNOWN_TOPIC_OR_PARTITION');
  const closed = await startAdmin({ 'auto.create.topics.enable': 'false' });
  const forbidden = await closed.ask(metadataHandler, { topics: named('other') });
  assert.equal(forbidden.topics[0].errorCode, 'UNKNOWN_TOPIC_OR_PARTITION');
});

test('names that cannot be are told so, and internal topics are not made by asking', async () => {
  const { ask, topics } = await startAdmin();
  await topics.create({ name: 'a.b', partitions: 1 });
  const answer = await ask(metadataHandler, {
    topics: named('a b', '', '..', 'x'.repeat(250), 'a_b', '__consumer_offsets', '__millrace_catalogue'),
  });
  assert.deepEqual(
    answer.topics.map(({ errorCode }) => errorCode),
    [...Array(5).fill('INVALID_TOPIC_EXCEPTION'), 'UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
});

test('look-up by id', async () => {
  const { ask, topics } = await startAdmin();
  const topic = await topics.create({ name: 'logs', partitions: 1 });
  const unknown = 'BBBBBBBBBBBBBBBBBBBBBA';
  for (const version of [12, 13]) {
    const answer = await ask(
      metadataHandler,
      { topics: [{ topicId: topic.id, name: null }, { topicId: unknown, name: null }, { name: null }] },
      version,
    );
    assert.deepEqual(
      answer.topics.map(({ errorCode, name, topicId }) => [errorCode, name, topicId]),
      [
        ['NONE', 'logs', topic.id],
        ['UNKNOWN_TOPIC_ID', null, unknown],
        ['INVALID_REQUEST', null, ZERO_UUID],
      ],
    );
  }
  for (const version of [10, 11]) {
    const answer = await ask(metadataHandler, { topics: [{ topicId: topic.id, name: null }] }, version);
    assert.equal(answer.topics[0].errorCode, 'INVALID_REQUEST');
  }
});

test('a topic asked for twice is answered once', async () => {
  const { ask } = await startAdmin();
  assert.equal((await ask(metadataHandler, { topics: named('logs', 'logs') })).topics.length, 1);
});

test('operation bits only where they are asked for', async () => {
  const { ask } = await startAdmin();
  const plain = await ask(metadataHandler, { topics: named('logs') }, 8);
  assert.equal(plain.topics[0].topicAuthorizedOperations, OPERATIONS_NOT_ASKED);
  assert.equal(plain.clusterAuthorizedOperations, OPERATIONS_NOT_ASKED);
  const asked = await ask(
    metadataHandler,
    { topics: named('logs'), includeTopicAuthorizedOperations: true, includeClusterAuthorizedOperations: true },
    8,
  );
  assert.equal(asked.topics[0].topicAuthorizedOperations, TOPIC_OPERATIONS);
  assert.equal(asked.clusterAuthorizedOperations, CLUSTER_OPERATIONS);
  assert.deepEqual([TOPIC_OPERATIONS, CLUSTER_OPERATIONS], [3576, 8096], 'as Kafka answers without an authorizer');
});

test('the advertised address is the dialled one unless a setting says otherwise', async () => {
  const dialled = await startAdmin();
  const mapped = await dialled.ask(metadataHandler, { topics: [] }, 9, {
    localHost: '::ffff:192.168.1.5',
    localPort: 19092,
  });
  assert.deepEqual([mapped.brokers[0].host, mapped.brokers[0].port], ['192.168.1.5', 19092]);
  const told = await startAdmin({ 'advertised.listeners': 'PLAINTEXT://broker.example:29092' });
  const advertised = await told.ask(metadataHandler, { topics: [] });
  assert.deepEqual([advertised.brokers[0].host, advertised.brokers[0].port], ['broker.example', 29092]);
});

test('the leader epoch is the one that fetches are checked against', async () => {
  const { ask, topics, partitions } = await startAdmin();
  await topics.create({ name: 'logs', partitions: 1 });
  partitions.watermarksOf.leaderEpoch = 4;
  assert.equal((await ask(metadataHandler, { topics: named('logs') })).topics[0].partitions[0].leaderEpoch, 4);
});
