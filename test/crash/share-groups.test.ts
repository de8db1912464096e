/** kill -9 under a share group at work: no record whose acceptance was answered comes back, and every record is delivered. Test process. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';
import { shareGroupHeartbeat } from '../../src/protocol/messages/76-share-group-heartbeat.js';
import { shareFetch } from '../../src/protocol/messages/78-share-fetch.js';
import { shareAcknowledge } from '../../src/protocol/messages/79-share-acknowledge.js';
import { describeShareGroupOffsets } from '../../src/protocol/messages/90-describe-share-group-offsets.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { type Random, randomOf } from '../history/good-history.js';
import { Session, untilKilled } from './session.js';

const GROUP = 'workers';
const TOPIC = 'jobs';
const PARTITIONS = 3;
const MEMBERS = 4;
const KILLS = 8;
const KILL_AFTER_MS = { min: 50, max: 500 };
const DELIVERIES_MAX = 10;
const GROUP_RESOURCE = 32;
const [ACCEPT, RELEASE] = [1, 2];

/** What the whole test knows of each record, by `partition:offset`. */
class Ledger {
  readonly produced = new Set<string>();
  readonly deliveries = new Map<string, number>();
  readonly accepted = new Set<string>();
  /** Accepted, and nobody knows whether the broker heard it. */
  readonly maybeAccepted = new Set<string>();
  readonly complaints: string[] = [];

  delivered(record: string, count: number): void {
    if (this.accepted.has(record)) this.complaints.push(`${record} came back after its acceptance was answered`);
    if (count > DELIVERIES_MAX) this.complaints.push(`${record} was delivered ${count} times`);
    this.deliveries.set(record, Math.max(count, this.deliveries.get(record) ?? 0));
  }
}

async function produceUntilOver(session: Session, ledger: Ledger, random: Random): Promise<void> {
  await untilKilled(session, 'producer', async (client) => {
    while (!session.over) {
      const index = random(PARTITIONS);
      const records = Array.from({ length: 1 + random(20) }, (_, i) => ({
        key: null,
        value: Buffer.from(`job ${i}`),
        timestampMs: Date.now(),
      }));
      const topicData = [{ name: TOPIC, partitionData: [{ index, records: encodeBatch({ records }) }] }];
      const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
      const { responses } = await client.request(produce, request, { versionMax: 12 });
      const { errorCode, baseOffset } = responses[0].partitionResponses[0];
      if (errorCode !== 'NONE') session.complain(`producing: ${errorCode}`);
      else for (let i = 0; i < records.length; i++) ledger.produced.add(`${index}:${baseOffset + i}`);
      session.acknowledged();
    }
  });
}

interface Acquired {
  readonly partitionIndex: number;
  readonly firstOffset: number;
  readonly types: readonly number[];
}

/** One life of a member: it joins, and takes and answers records until the broker dies or `isDone`. */
async function work(
  client: KafkaClient,
  ledger: Ledger,
  memberId: string,
  topicId: string,
  decide: () => number,
  isDone: () => boolean,
): Promise<void> {
  const joined = await client.request(shareGroupHeartbeat, {
    groupId: GROUP,
    memberId,
    memberEpoch: 0,
    rackId: null,
    subscribedTopicNames: [TOPIC],
  });
  // While the group is read back it cannot be joined.
  if (joined.errorCode !== 'NONE') return;
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    acknowledgementBatches: [],
  }));
  for (let epoch = 0; !isDone(); ) {
    const fetched = await client.request(shareFetch, {
      groupId: GROUP,
      memberId,
      shareSessionEpoch: epoch++,
      maxWaitMs: 20,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 30,
      batchSize: 30,
      topics: epoch === 1 ? [{ topicId, partitions }] : [],
      forgottenTopicsData: [],
    });
    if (fetched.errorCode !== 'NONE') return;
    const acquired: Acquired[] = [];
    for (const { partitions: answers } of fetched.responses) {
      for (const { partitionIndex, acquiredRecords } of answers) {
        for (const { firstOffset, lastOffset, deliveryCount } of acquiredRecords) {
          const types: number[] = [];
          for (let offset = firstOffset; offset <= lastOffset; offset++) {
            const record = `${partitionIndex}:${offset}`;
            ledger.delivered(record, deliveryCount);
            const type = decide();
            types.push(type);
            if (type === ACCEPT) ledger.maybeAccepted.add(record);
          }
          acquired.push({ partitionIndex, firstOffset, types });
        }
      }
    }
    if (acquired.length === 0) continue;
    const answer = await client.request(shareAcknowledge, {
      groupId: GROUP,
      memberId,
      shareSessionEpoch: epoch++,
      topics: [{ topicId, partitions: acknowledgements(acquired) }],
    });
    if (answer.errorCode !== 'NONE') return;
    for (const { partitionIndex, errorCode } of answer.responses[0].partitions) {
      if (errorCode !== 'NONE') continue;
      for (const one of acquired) {
        if (one.partitionIndex !== partitionIndex) continue;
        for (const [i, type] of one.types.entries()) {
          if (type === ACCEPT) ledger.accepted.add(`${partitionIndex}:${one.firstOffset + i}`);
        }
      }
    }
  }
}

function acknowledgements(acquired: readonly Acquired[]) {
  return [...new Set(acquired.map(({ partitionIndex }) => partitionIndex))].map((partitionIndex) => ({
    partitionIndex,
    acknowledgementBatches: acquired
      .filter((one) => one.partitionIndex === partitionIndex)
      .map(({ firstOffset, types }) => ({
        firstOffset,
        lastOffset: firstOffset + types.length - 1,
        acknowledgeTypes: [...types],
      })),
  }));
}

test('a share group loses nothing to kill -9 and is given nothing back that it accepted', async (t) => {
  if (!brokerIsBuilt) return t.skip(noBroker);
  const seed = Number(process.env.MILLRACE_TEST_SEED ?? Date.now() % 1_000_000);
  t.diagnostic(`seed ${seed} (MILLRACE_TEST_SEED)`);
  const random = randomOf(seed);
  const overrides = { 'share.coordinator.snapshot.update.records.per.snapshot': 20, shards: 2 };
  const broker = await BrokerProcess.start({ overrides });
  t.after(() => broker.dispose());
  const ledger = new Ledger();
  const topicId = await prepare(broker.bootstrap);
  for (let life = 0; life < KILLS; life++) {
    const session = new Session(broker.bootstrap);
    // Now and then a member just goes, with what it has in its hands.
    const members = Array.from({ length: MEMBERS }, (_, i) =>
      untilKilled(session, `member ${i}`, (client) => {
        let left = 20 + random(60);
        const decide = () => (random(8) === 0 ? RELEASE : ACCEPT);
        const isDone = () => session.over || (i === 0 && left-- === 0);
        return work(client, ledger, `member-${life}-${i}`, topicId, decide, isDone).finally(() => client.close());
      }),
    );
    const producing = produceUntilOver(session, ledger, random);
    await session.firstAcknowledged;
    const span = KILL_AFTER_MS.max - KILL_AFTER_MS.min;
    await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS.min + random(span)));
    await broker.kill9();
    session.end();
    await Promise.all([...members, producing]);
    ledger.complaints.push(...session.complaints.map((complaint) => `life ${life}: ${complaint}`));
    await broker.start();
  }
  const session = new Session(broker.bootstrap);
  const client = await session.connect();
  const lag = async (): Promise<number> => {
    const { groups } = await client.request(describeShareGroupOffsets, { groups: [{ groupId: GROUP, topics: null }] });
    return groups[0].topics[0].partitions.reduce((sum, partition) => sum + partition.lag, 0);
  };
  const givingUpAt = Date.now() + 30_000;
  while ((await lag()) > 0 && Date.now() < givingUpAt) {
    let fetchesLeft = 100;
    await work(
      client,
      ledger,
      'last',
      topicId,
      () => ACCEPT,
      () => fetchesLeft-- === 0,
    );
  }
  const left = await lag();
  const given = (record: string) => ledger.deliveries.get(record) ?? 0;
  const missing = [...ledger.produced].filter((record) => !ledger.maybeAccepted.has(record));
  const lost = missing.filter((record) => given(record) < DELIVERIES_MAX);
  session.end();
  t.diagnostic(`${ledger.produced.size} records, ${ledger.accepted.size} accepted, ${missing.length} given up`);
  assert.deepEqual(ledger.complaints.slice(0, 10), [], `${ledger.complaints.length} complaints`);
  assert.deepEqual(lost.slice(0, 10), [], `${lost.length} records were never accepted`);
  assert.equal(left, 0);
  assert.ok(ledger.accepted.size > 100);
});

async function prepare(bootstrap: string): Promise<string> {
  const session = new Session(bootstrap);
  const client = await session.connect();
  const made = await client.request(createTopics, {
    topics: [{ name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 30_000,
    validateOnly: false,
  });
  const configs = [
    { name: 'share.auto.offset.reset', configOperation: 0, value: 'earliest' },
    { name: 'share.delivery.count.limit', configOperation: 0, value: String(DELIVERIES_MAX) },
  ];
  const configured = await client.request(incrementalAlterConfigs, {
    resources: [{ resourceType: GROUP_RESOURCE, resourceName: GROUP, configs }],
    validateOnly: false,
  });
  assert.equal(configured.responses[0].errorCode, 'NONE');
  session.end();
  return made.topics[0].topicId;
}
