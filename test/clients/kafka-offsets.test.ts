/** What Apache Kafka has written into `__consumer_offsets` says here what it says there, transactions and all. Test process. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../src/base/logger.js';
import { ZERO_UUID } from '../../src/base/uuid.js';
import { KafkaClient } from '../../src/cli/client.js';
import { type InternalLogParts, PartitionInternalLog } from '../../src/partition/partition-internal-log.js';
import type { PartitionHandle } from '../../src/partition/partitions.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { iterateBatches } from '../../src/record/record.js';
import { lastOffsetOf } from '../../src/record/record-batch.js';
import { GroupWorld, OFFSETS_PARTITIONS } from '../coordinator/group-world.js';
import { CLIENT_TEST_TIMEOUT_MS } from '../live-broker.js';
import { ApacheKafka, kafkaClassPath, noApacheKafka } from '../peers/apache-kafka.js';
import { projectRoot } from '../project-root.js';
import { mustRun } from '../run-tool.js';

const TOPIC = 'logs';

/** The id of a topic that was made there. */
async function createTopic({ bootstrap }: ApacheKafka): Promise<string> {
  const client = await KafkaClient.connect(bootstrap);
  const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
  const { topics } = await client.request(createTopics, { topics: [topic], timeoutMs: 30_000, validateOnly: false });
  client.close();
  assert.equal(topics[0].errorCode, 'NONE');
  return topics[0].topicId;
}

/** A partition's log as its files have it. */
function logIn(folder: string): PartitionInternalLog {
  const segments = readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .sort();
  const bytes = Buffer.concat(segments.map((name) => readFileSync(join(folder, name))));
  const batches = [...iterateBatches(bytes)];
  const ends = batches.map((batch) => lastOffsetOf(batch, 0) + 1);
  const partitions = {
    watermarks: () => ({ logStartOffset: 0, highWatermark: ends.at(-1) ?? 0 }),
    read: () => ({ error: 'NONE', records: { byteLength: bytes.length, slices: [] } }),
  };
  return new PartitionInternalLog({
    partitions: partitions as unknown as InternalLogParts['partitions'],
    handle: { state: 'online', topic: '__consumer_offsets', index: 0 } as PartitionHandle,
    segmentFiles: { read: () => bytes },
    clock: { nowMs: () => 0 },
    logger: silentLogger,
    onDamage: 'refuse',
  });
}

/** The offset, or why there is none to be told. */
async function fetched(world: GroupWorld, groupId: string, requireStable: boolean): Promise<number | string> {
  const asked = [{ name: TOPIC, topicId: ZERO_UUID, partitionIndexes: [0] }];
  const { topics } = await world.groups.fetchOffsets(groupId, asked, { requireStable });
  const { errorCode, committedOffset } = topics[0].partitions[0];
  return errorCode === 'NONE' ? committedOffset : errorCode;
}

test('offsets that transactions of Apache Kafka have committed, aborted and left open', {
  timeout: CLIENT_TEST_TIMEOUT_MS,
}, async (t) => {
  const missing = noApacheKafka();
  if (missing) return t.skip(missing);
  const kafka = await ApacheKafka.start({ overrides: { 'offsets.topic.num.partitions': OFFSETS_PARTITIONS } });
  t.after(() => kafka.dispose());
  const topicId = await createTopic(kafka);
  const program = join(projectRoot, 'test/clients/java/TransactionalCommits.java');
  const java = ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), program];
  const said = (await mustRun('java', [...java, kafka.bootstrap, TOPIC])).split('\n').slice(0, -1);
  assert.deepEqual(said, ['plain 3', 'committed 11', 'aborted 3', 'twice 13', 'overtaken 5', 'new none', 'open 3']);
  await kafka.stop();

  const world = await GroupWorld.start();
  world.topics.add(TOPIC, 1, topicId);
  let ends = 0;
  let written = 0;
  for (let index = 0; index < OFFSETS_PARTITIONS; index++) {
    const { records } = world.log(index);
    await logIn(join(kafka.dataDirectory, `__consumer_offsets-${index}`)).replay(
      ({ key, value }, _, producerId) => {
        const kept = { key: key && Buffer.from(key), value: value && Buffer.from(value) };
        records.push(producerId === null ? kept : { ...kept, producerId });
        if (producerId !== null) written++;
      },
      (producerId, end) => {
        records.push({ key: null, value: null, producerId, end });
        ends++;
      },
    );
  }
  assert.equal(written, 9, 'records of transactions');
  assert.ok(ends > 0);
  world.topics.add('__consumer_offsets', OFFSETS_PARTITIONS);
  await world.restart();
  for (const line of said) {
    const [group, offset] = line.split(' ');
    const number = offset === 'none' ? -1 : Number(offset);
    assert.equal(await fetched(world, group, false), number, group);
    const stable = group === 'open' || group === 'new' ? 'UNSTABLE_OFFSET_COMMIT' : number;
    // The clock of this world is not that of Apache Kafka's process: its transactions have just begun.
    assert.equal(await fetched(world, group, true), stable, group);
  }
});
