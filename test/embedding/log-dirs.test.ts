/** A broker with several data folders, one of which goes missing and comes back: only what lives there is off line. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/base/clock.js';
import type { Logger } from '../../src/base/logger.js';
import { Broker } from '../../src/broker.js';
import { KafkaClient } from '../../src/cli/client.js';
import { loadConfig } from '../../src/config/load.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteTopics } from '../../src/protocol/messages/20-delete-topics.js';
import { describeLogDirs } from '../../src/protocol/messages/35-describe-log-dirs.js';
import { createPartitions } from '../../src/protocol/messages/37-create-partitions.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../../src/record/record.js';
import { LineLogger } from '../network/node.js';
import { temporaryFolder } from '../temp-folder.js';

const PARTITIONS = 6;
const TOPIC = 'logs';
const all = Array.from({ length: PARTITIONS }, (_, index) => index);

/** The system's, but what is tried again after seconds is tried again at once. */
const clock = {
  ...systemClock,
  after: (delayMs: number, action: () => void) => systemClock.after(delayMs === 5000 ? 20 : delayMs, action),
};

class Run {
  constructor(
    readonly broker: Broker,
    readonly client: KafkaClient,
  ) {}

  static async start(t: TestContext, paths: readonly string[], logger?: Logger): Promise<Run> {
    const overrides = { 'log.dirs': paths.join(','), listeners: 'PLAINTEXT://127.0.0.1:0', shards: '2' };
    const broker = new Broker({ config: loadConfig({ overrides }).config, clock, logger });
    t.after(() => broker.close());
    await broker.start();
    return new Run(broker, await KafkaClient.connect(broker.bootstrapServers));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.broker.close();
  }

  async create(name = TOPIC, numPartitions = PARTITIONS): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] };
    const { topics } = await this.client.request(createTopics, {
      topics: [topic],
      timeoutMs: 9_000,
      validateOnly: false,
    });
    assert.equal(topics[0].errorCode, 'NONE');
  }

  /** The error of an append, or NONE. */
  async append(index: number, value: string, name = TOPIC): Promise<string> {
    const records = encodeBatch({ records: [{ value: Buffer.from(value), timestampMs: 1 }] });
    const topicData = [{ name, partitionData: [{ index, records }] }];
    const request = { transactionalId: null, acks: -1, timeoutMs: 9_000, topicData };
    const { responses } = await this.client.request(produce, request, { versionMax: 12 });
    return responses[0].partitionResponses[0].errorCode;
  }

  async read(index: number): Promise<string> {
    const partition = {
      partition: index,
      currentLeaderEpoch: -1,
      fetchOffset: 0,
      logStartOffset: -1,
      partitionMaxBytes: 1e6,
    };
    const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1e6, isolationLevel: 0, sessionId: 0, sessionEpoch: -1 };
    const topics = [{ topic: TOPIC, partitions: [partition] }];
    const { responses } = await this.client.request(
      fetch,
      { ...limits, topics, forgottenTopicsData: [] },
      { versionMax: 11 },
    );
    const { errorCode, records } = responses[0].partitions[0];
    if (errorCode !== 'NONE') return errorCode;
    const values = [...iterateBatches(records as Buffer)].flatMap((batch) => decodeRecords(batch));
    return values.map(({ value }) => value?.toString()).join(' ');
  }

  async folders(): Promise<Map<string, { error: string; partitions: number[] }>> {
    const { results } = await this.client.request(describeLogDirs, { topics: null });
    return new Map(
      results.map(({ logDir, errorCode, topics }) => {
        const partitions = topics.find(({ name }) => name === TOPIC)?.partitions ?? [];
        return [logDir, { error: errorCode, partitions: partitions.map(({ partitionIndex }) => partitionIndex) }];
      }),
    );
  }

  /** Appends until it is accepted: what is off line comes back in its own time. */
  async appendOnceBack(index: number, value: string): Promise<void> {
    const givingUpAtMs = systemClock.monotonicMs() + 20_000;
    for (;;) {
      const error = await this.append(index, value);
      if (error === 'NONE') return;
      assert.match(error, /^(KAFKA_STORAGE_ERROR|NOT_LEADER_OR_FOLLOWER)$/);
      assert.ok(systemClock.monotonicMs() < givingUpAtMs, 'it never came back');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function threePaths(): [string, string, string] {
  const folder = temporaryFolder('log-dirs');
  return [join(folder, 'a'), join(folder, 'b'), join(folder, 'c')];
}

async function filled(t: TestContext, paths: readonly string[]): Promise<Map<string, number[]>> {
  const run = await Run.start(t, paths);
  await run.create();
  for (const index of all) assert.equal(await run.append(index, `first-${index}`), 'NONE');
  const folders = await run.folders();
  await run.stop();
  return new Map([...folders].map(([path, { partitions }]) => [path, partitions]));
}

test('partitions are spread over the folders and found again in whatever order they are named', async (t) => {
  const paths = threePaths();
  const where = await filled(t, paths);
  for (const path of paths) {
    const partitions = where.get(path) ?? [];
    // The folder with the catalogue has that one, too.
    assert.ok(partitions.length >= 1 && partitions.length <= 3, `${path}: ${partitions}`);
    for (const index of partitions) assert.ok(existsSync(join(path, `${TOPIC}-${index}`)));
  }
  const run = await Run.start(t, [paths[2], paths[0], paths[1]]);
  for (const index of all) assert.equal(await run.append(index, 'second'), 'NONE');
  for (const index of all) assert.equal(await run.read(index), `first-${index} second`);
  const again = await run.folders();
  for (const [path, { error, partitions }] of again) assert.deepEqual([error, partitions], ['NONE', where.get(path)]);
  await run.stop();
});

test('a folder that is missing at the start takes only its partitions with it, and they come back with it', async (t) => {
  const paths = threePaths();
  const [, , missing] = paths;
  const where = await filled(t, paths);
  const lost = where.get(missing) ?? [];
  renameSync(missing, `${missing}-away`);
  // Where a disk is not mounted there is an empty folder.
  mkdirSync(missing);
  const run = await Run.start(t, paths);
  for (const index of all) {
    const expected = lost.includes(index) ? 'KAFKA_STORAGE_ERROR' : 'NONE';
    assert.equal(await run.append(index, 'second'), expected);
    assert.equal(await run.read(index), lost.includes(index) ? 'KAFKA_STORAGE_ERROR' : `first-${index} second`);
  }
  assert.equal((await run.folders()).get(missing)?.error, 'KAFKA_STORAGE_ERROR');
  // What is made meanwhile goes elsewhere.
  await run.create('others', 4);
  for (let index = 0; index < 4; index++) assert.equal(await run.append(index, 'x', 'others'), 'NONE');
  assert.deepEqual(readdirSync(missing), [], 'nothing was put where nothing belongs');
  rmSync(missing, { recursive: true });
  renameSync(`${missing}-away`, missing);
  for (const index of lost) {
    await run.appendOnceBack(index, 'third');
    assert.equal(await run.read(index), `first-${index} third`);
  }
  assert.equal((await run.folders()).get(missing)?.error, 'NONE');
  await run.stop();
  const next = await Run.start(t, paths);
  for (const index of lost) assert.equal(await next.read(index), `first-${index} third`);
  await next.stop();
});

test('a partition that is in two folders is served where the catalogue has it, and the other is left alone', async (t) => {
  const paths = threePaths();
  const where = await filled(t, paths);
  const [home, , other] = paths;
  const index = (where.get(home) ?? [])[0];
  const name = `${TOPIC}-${index}`;
  cpSync(join(home, name), join(other, name), { recursive: true });
  const contents = () =>
    readdirSync(join(other, name)).map((file) => readFileSync(join(other, name, file)).toString('hex'));
  const before = contents();
  for (const order of [paths, [other, paths[1], home]]) {
    const logger = new LineLogger();
    const run = await Run.start(t, order, logger);
    const { level, fields } = logger.said(/a partition is in several data folders/);
    assert.deepEqual([level, fields.partition, fields.served, fields.leftAlone], ['warn', index, home, other]);
    for (const each of all) assert.equal(await run.append(each, 'more'), 'NONE');
    assert.match(await run.read(index), /^first-\d( more)+$/);
    assert.ok((await run.folders()).get(home)?.partitions.includes(index));
    await run.stop();
    assert.deepEqual(contents(), before, 'nothing was written there');
  }
});

test('a folder that goes away while the broker runs: nothing is begun where it was, and it comes back', async (t) => {
  const paths = threePaths();
  const [, going] = paths;
  const run = await Run.start(t, paths);
  await run.create(TOPIC, 3);
  const where = await run.folders();
  const lost = where.get(going)?.partitions ?? [];
  assert.equal(lost.length, 1);
  // No record yet, so no folder yet: the first append would make it.
  renameSync(going, `${going}-away`);
  mkdirSync(going);
  for (const index of [0, 1, 2]) {
    assert.equal(await run.append(index, 'first'), lost.includes(index) ? 'KAFKA_STORAGE_ERROR' : 'NONE');
  }
  assert.deepEqual(
    readdirSync(going).filter((name) => name.startsWith(TOPIC)),
    [],
  );
  rmSync(going, { recursive: true, maxRetries: 5 });
  renameSync(`${going}-away`, going);
  await run.appendOnceBack(lost[0], 'second');
  assert.equal(await run.read(lost[0]), 'second');
  await run.stop();
});

test('topics whose folder is lost can be deleted, and grow where there is room', async (t) => {
  const paths = threePaths();
  const [, lost] = paths;
  await filled(t, paths);
  renameSync(lost, `${lost}-away`);
  mkdirSync(lost);
  const run = await Run.start(t, paths);
  const grown = { name: TOPIC, count: PARTITIONS + 2, assignments: null };
  const { results } = await run.client.request(createPartitions, {
    topics: [grown],
    timeoutMs: 9_000,
    validateOnly: false,
  });
  assert.equal(results[0].errorCode, 'NONE');
  assert.equal(await run.append(PARTITIONS, 'x'), 'NONE');
  assert.equal(await run.append(PARTITIONS + 1, 'x'), 'NONE');
  const { responses } = await run.client.request(
    deleteTopics,
    { topics: [], topicNames: [TOPIC], timeoutMs: 9_000 },
    { versionMax: 5 },
  );
  assert.equal(responses[0].errorCode, 'NONE');
  await run.create(TOPIC, 2);
  for (const index of [0, 1]) assert.equal(await run.append(index, 'new'), 'NONE');
  for (const index of [0, 1]) assert.equal(await run.read(index), 'new');
  await run.stop();
  // The old folder is back: what it has of the deleted topic is not served.
  rmSync(lost, { recursive: true });
  renameSync(`${lost}-away`, lost);
  const next = await Run.start(t, paths);
  for (const index of [0, 1]) assert.equal(await next.read(index), 'new');
  assert.equal((await next.folders()).get(lost)?.error, 'NONE');
  await next.stop();
});
