/**
 * R10: the disk of one folder takes seconds for each flush. Whoever produces to partitions in other folders, asks for
 * metadata or reads does not wait for it, and nothing is lost, doubled or reordered. Test process.
 */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { describeLogDirs } from '../../src/protocol/messages/35-describe-log-dirs.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { askVersions, createTopic, DisturbedLoad, until, Waits } from './lab/disturbed-load.js';
import { experiment, type Trial } from './lab/experiment.js';
import { ThreadFaults } from './lab/thread-fault.js';
import { Session } from './session.js';

const DELAY_MS = 1500;
const FLUSHES_SEEN = 2;
/** In front of the slow disk, and while it is slow. */
const PROBES_MIN = 200;
/** Who had to wait for the slow disk would wait for nearly all of its delay. */
const WAIT_MS_MAX = DELAY_MS / 4;
/** One in each folder: then flushes ask for the file and not for its whole file system. */
const PARTITIONS = 2;

experiment({
  id: 'R10',
  title: `flushes in one of two folders take ${DELAY_MS} ms longer, while the other is produced to, read and asked for`,
  unit: 'slow disks',
  ci: 1,
  long: 50,
  ciSeed: 1,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async (trial) => {
    const folder = temporaryFolder('slow-disk');
    const folders = ['fast', 'slow'].map((name) => join(folder, name));
    for (const each of folders) mkdirSync(each);
    const faults = new ThreadFaults();
    const broker = await BrokerProcess.start({
      dataDirectory: folders[0],
      overrides: { 'log.dirs': folders.join(','), shards: 2, 'num.partitions': 1, 'offsets.topic.num.partitions': 4 },
      env: faults.environment(),
    });
    try {
      await slowDown(broker, folders[1], faults, trial);
    } catch (error) {
      process.stderr.write(`${broker.stdout.slice(-4000)}\n${broker.stderr.slice(-4000)}\n`);
      throw error;
    } finally {
      await broker.dispose();
      removeTemporaryFolder(folder);
    }
  },
});

async function slowDown(
  broker: BrokerProcess,
  slowFolder: string,
  faults: ThreadFaults,
  { random, findings, say }: Trial,
): Promise<void> {
  const session = new Session(broker.bootstrap);
  const client = await session.connect();
  // First of all: what else there is makes the folders uneven.
  await createTopic(client, 'probe', PARTITIONS);
  const load = new DisturbedLoad({ broker, topic: 'both', partitions: PARTITIONS, random, retriable: [] });
  await load.begin();
  const probed = (await partitionIn(client, 'probe', slowFolder)) === 0 ? 1 : 0;

  const measure = async (over: (probes: number) => boolean): Promise<{ probes: Waits; questions: Waits }> => {
    const probes = new Waits();
    const questions = new Waits();
    const isOver = () => over(probes.count);
    const [producing, asking] = await Promise.all([session.connect(), session.connect()]);
    await Promise.all([
      probes.take(() => append(producing, probed), isOver),
      questions.take(async () => {
        await askVersions(asking);
        await asking.request(metadata, { topics: null });
      }, isOver),
    ]);
    return { probes, questions };
  };

  const before = await measure((count) => count >= PROBES_MIN);
  faults.begin({ path: `${slowFolder}/`, kind: 'slow', delayMs: DELAY_MS });
  let slowFlushes = 0;
  const slowClient = await session.connect();
  const flushing = (async () => {
    for (; slowFlushes < FLUSHES_SEEN; slowFlushes++) {
      const since = performance.now();
      await append(slowClient, 1 - probed);
      assert.ok(performance.now() - since >= DELAY_MS, 'the slow disk is slow');
    }
  })();
  const [during] = await Promise.all([
    measure((count) => count >= PROBES_MIN && slowFlushes >= FLUSHES_SEEN),
    flushing,
  ]);
  say(`R10: before: appends ${before.probes}; ApiVersions and Metadata ${before.questions}`);
  say(`R10: with a slow disk beside it: appends ${during.probes}; ApiVersions and Metadata ${during.questions}`);
  assert.ok(during.probes.quantileMs(0.99) < WAIT_MS_MAX, `appends elsewhere do not wait: ${during.probes}`);
  assert.ok(during.questions.quantileMs(0.99) < WAIT_MS_MAX, `questions do not wait: ${during.questions}`);
  const told = () => /slow-disk-\w+\/slow.*slow disk: /.test(broker.stdout + broker.stderr);
  await until('the broker says which disk is slow', 10_000, told);
  faults.end();
  await until('and that it is over', 10_000, () => /the disk answers again/.test(broker.stdout + broker.stderr));
  session.end();
  await load.progress(20);
  await load.endAndJudge(findings);
}

async function append(client: KafkaClient, index: number): Promise<void> {
  const topicData = [
    { name: 'probe', partitionData: [{ index, records: encodeBatch({ records: [{ value: VALUE }] }) }] },
  ];
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 12 });
  assert.equal(responses[0].partitionResponses[0].errorCode, 'NONE');
}

const VALUE = Buffer.alloc(100, 'p');

async function partitionIn(client: KafkaClient, topic: string, folder: string): Promise<number> {
  const { results } = await client.request(describeLogDirs, { topics: null });
  const found = results.find(({ logDir }) => logDir === folder)?.topics.find(({ name }) => name === topic);
  assert.equal(found?.partitions.length, 1, `one partition of ${topic} is in ${folder}`);
  return found.partitions[0].partitionIndex;
}
