/** What one node answers to questions about a cluster, and to producers who want an id. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { apiVersionsHandlerFor } from '../../src/handlers/18-api-versions.js';
import { initProducerIdHandler } from '../../src/handlers/22-init-producer-id.js';
import { describeLogDirsHandler } from '../../src/handlers/35-describe-log-dirs.js';
import { electLeadersHandler } from '../../src/handlers/43-elect-leaders.js';
import { alterPartitionReassignmentsHandler } from '../../src/handlers/45-alter-partition-reassignments.js';
import { listPartitionReassignmentsHandler } from '../../src/handlers/46-list-partition-reassignments.js';
import { describeQuorumHandler } from '../../src/handlers/55-describe-quorum.js';
import { describeClusterHandler } from '../../src/handlers/60-describe-cluster.js';
import { describeProducersHandler } from '../../src/handlers/61-describe-producers.js';
import { startAdmin } from './admin-fixture.js';

test('ApiVersions advertises what is answered, and checks who asks', async () => {
  const { ask } = await startAdmin();
  const handler = apiVersionsHandlerFor([initProducerIdHandler, describeLogDirsHandler]);
  for (let version = 0; version <= 4; version++) {
    const answer = await ask(
      handler,
      { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.1' },
      version,
    );
    assert.equal(answer.errorCode, 'NONE');
    assert.deepEqual(answer.apiKeys, [
      { apiKey: 18, minVersion: 0, maxVersion: 4 },
      { apiKey: 22, minVersion: 0, maxVersion: 5 },
      { apiKey: 35, minVersion: 1, maxVersion: 5 },
    ]);
    const supported = ['group.version', 'share.version'].map((name) => ({ name, minVersion: 0, maxVersion: 1 }));
    // Clients of version 3 fail on a feature that begins at 0.
    assert.deepEqual(answer.supportedFeatures, version >= 4 ? supported : []);
    const finalized = supported.map(({ name }) => ({ name, maxVersionLevel: 1, minVersionLevel: 1 }));
    assert.deepEqual(answer.finalizedFeatures, version >= 3 ? finalized : []);
    assert.equal(answer.finalizedFeaturesEpoch, version >= 3 ? 0 : -1);
  }
  for (const [clientSoftwareName, clientSoftwareVersion] of [
    ['', '1'],
    ['-a', '1'],
    ['a', '1 2'],
    ['a', ''],
  ]) {
    const refused = await ask(handler, { clientSoftwareName, clientSoftwareVersion }, 3);
    assert.equal(refused.errorCode, 'INVALID_REQUEST', `${clientSoftwareName}/${clientSoftwareVersion}`);
  }
});

test('InitProducerId gives fresh ids to producers without transactions, and only to them', async () => {
  const { ask } = await startAdmin();
  const ids = new Set<number>();
  for (let version = 0; version <= 5; version++) {
    const answer = await ask(initProducerIdHandler, { transactionalId: null, transactionTimeoutMs: 0 }, version);
    assert.deepEqual([answer.errorCode, answer.producerEpoch], ['NONE', 0]);
    ids.add(answer.producerId);
  }
  assert.equal(ids.size, 6);
  const ask5 = async (request: { transactionalId: string | null; producerId?: number; producerEpoch?: number }) => {
    const { errorCode, producerId, producerEpoch } = await ask(initProducerIdHandler, {
      ...request,
      transactionTimeoutMs: 1,
    });
    return [errorCode, producerId, producerEpoch];
  };
  assert.deepEqual(await ask5({ transactionalId: '' }), ['INVALID_REQUEST', -1, -1]);
  assert.deepEqual(await ask5({ transactionalId: 't' }), ['UNSUPPORTED_VERSION', -1, -1]);
  assert.deepEqual(await ask5({ transactionalId: null, producerId: 3 }), ['INVALID_REQUEST', -1, -1]);
  assert.deepEqual(await ask5({ transactionalId: null, producerId: 3, producerEpoch: 1 }), ['NONE', 6, 0]);
});

test('DescribeLogDirs tells sizes of all partitions, or of those asked for that are here', async () => {
  const { ask, topics, partitions } = await startAdmin();
  await topics.create({ name: 'logs', partitions: 2 });
  const other = await topics.create({ name: 'other', partitions: 1 });
  for (let version = 1; version <= 5; version++) {
    const { results } = await ask(describeLogDirsHandler, { topics: null }, version);
    assert.deepEqual(
      results.map(({ logDir, topics }) => [logDir, topics.length]),
      [['/data', 2]],
    );
    assert.deepEqual(results[0].topics[0].partitions[1], {
      partitionIndex: 1,
      partitionSize: 1001,
      offsetLag: 0,
      isFutureKey: false,
    });
  }
  const asked = [
    { topic: 'logs', partitions: [1, 5] },
    { topic: 'none', partitions: [0] },
    { topic: 'other', partitions: [0] },
  ];
  Object.assign(other.partitions[0], { state: 'offline' });
  assert.equal(partitions.live.size, 3);
  const { results } = await ask(describeLogDirsHandler, { topics: asked });
  assert.deepEqual(
    results[0].topics.map(({ name, partitions }) => [name, partitions.map(({ partitionIndex }) => partitionIndex)]),
    [['logs', [1]]],
  );
});

test('ElectLeaders has nobody to elect', async () => {
  const { ask, topics } = await startAdmin();
  await topics.create({ name: 'logs', partitions: 1 });
  for (let version = 0; version <= 2; version++) {
    const topicPartitions = [{ topic: 'logs', partitions: [0, 1] }];
    const { replicaElectionResults } = await ask(electLeadersHandler, { topicPartitions }, version);
    assert.deepEqual(
      replicaElectionResults[0].partitionResult.map(({ errorCode }) => errorCode),
      ['ELECTION_NOT_NEEDED', 'UNKNOWN_TOPIC_OR_PARTITION'],
    );
    assert.deepEqual((await ask(electLeadersHandler, { topicPartitions: null }, version)).replicaElectionResults, []);
  }
});

test('reassignments: none under way, none possible', async () => {
  const { ask, topics } = await startAdmin();
  await topics.create({ name: 'logs', partitions: 1 });
  const partitions = [null, [1], [1, 2], [2]].map((replicas) => ({ partitionIndex: 0, replicas }));
  const request = { topics: [{ name: 'logs', partitions: [...partitions, { partitionIndex: 9, replicas: [1] }] }] };
  for (const version of [0, 1]) {
    const { responses } = await ask(alterPartitionReassignmentsHandler, request, version);
    assert.deepEqual(
      responses[0].partitions.map(({ errorCode }) => errorCode),
      [
        'NO_REASSIGNMENT_IN_PROGRESS',
        'NONE',
        'INVALID_REPLICA_ASSIGNMENT',
        'INVALID_REPLICA_ASSIGNMENT',
        'UNKNOWN_TOPIC_OR_PARTITION',
      ],
    );
  }
  const listed = await ask(listPartitionReassignmentsHandler, { topics: null });
  assert.deepEqual([listed.errorCode, listed.topics], ['NONE', []]);
});

test('DescribeQuorum: this node is the only voter', async () => {
  const { ask, topics } = await startAdmin();
  await topics.raiseNodeEpoch();
  for (let version = 0; version <= 2; version++) {
    const { topics: answers, nodes } = await ask(
      describeQuorumHandler,
      { topics: [{ topicName: '__cluster_metadata', partitions: [{ partitionIndex: 0 }, { partitionIndex: 1 }] }] },
      version,
    );
    const [quorum, unknown] = answers[0].partitions;
    assert.deepEqual([quorum.leaderId, quorum.leaderEpoch, quorum.highWatermark], [1, 1, 1]);
    assert.deepEqual(
      quorum.currentVoters.map(({ replicaId, logEndOffset }) => [replicaId, logEndOffset]),
      [[1, 1]],
    );
    assert.equal(unknown.errorCode, 'UNKNOWN_TOPIC_OR_PARTITION');
    assert.equal(nodes.length, version >= 2 ? 1 : 0);
  }
});

test('DescribeCluster: brokers yes, controllers no', async () => {
  const { ask } = await startAdmin();
  for (let version = 0; version <= 2; version++) {
    const answer = await ask(describeClusterHandler, { includeClusterAuthorizedOperations: true }, version);
    assert.deepEqual([answer.errorCode, answer.clusterId, answer.controllerId], ['NONE', 'cluster-of-this-test', 1]);
    assert.deepEqual(answer.brokers, [{ brokerId: 1, host: '10.0.0.1', port: 9092, rack: null, isFenced: false }]);
    assert.equal(answer.clusterAuthorizedOperations, 8096);
  }
  const controllers = await ask(describeClusterHandler, { includeClusterAuthorizedOperations: false, endpointType: 2 });
  assert.equal(controllers.errorCode, 'MISMATCHED_ENDPOINT_TYPE');
  const strange = await ask(describeClusterHandler, { includeClusterAuthorizedOperations: false, endpointType: 3 });
  assert.equal(strange.errorCode, 'UNSUPPORTED_ENDPOINT_TYPE');
});

test('DescribeProducers tells who writes idempotently, partition by partition', async () => {
  const { ask, topics } = await startAdmin({});
  const logs = await topics.create({ name: 'logs', partitions: 2 });
  Object.assign(logs.partitions[0], { state: 'offline' });
  const { topics: answers } = await ask(describeProducersHandler, {
    topics: [{ name: 'logs', partitionIndexes: [0, 1, 2] }],
  });
  assert.deepEqual(
    answers[0].partitions.map(({ errorCode }) => errorCode),
    ['KAFKA_STORAGE_ERROR', 'NONE', 'UNKNOWN_TOPIC_OR_PARTITION'],
  );
  assert.deepEqual(answers[0].partitions[1].activeProducers, [
    {
      producerId: 7,
      producerEpoch: 1,
      lastSequence: 1,
      lastTimestamp: 1000,
      coordinatorEpoch: -1,
      currentTxnStartOffset: -1,
    },
  ]);
});
