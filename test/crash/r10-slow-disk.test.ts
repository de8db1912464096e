/**
 * R10: the disk of one folder takes seconds for each flush. Whoever produces to partitions in other folders, asks for
 * metadata or reads does not wait for it, and nothing is lost, doubled or reordered. Test process.
 *
 * Times with and without the slow disk are taken in turn, and the middle one of each counts: the machine may have other work.
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
/** Each of them a time without and a time with the slow disk. */
const ROUNDS = 3;
/** In each time. */
const PROBES_MIN = 100;
/** p99 beside a slow disk may be twice what it is without, or this. */
const P99_MS_ALWAYS_FINE = 20;
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

  const slowClient = await session.connect();
  const [before, during] = [new Rounds(), new Rounds()];
  const told = () => /slow-disk-\w+\/slow.*slow disk: /.test(broker.stdout + broker.stderr);
  for (let round = 1; round <= ROUNDS; round++) {
    before.add(await measure((count) => count >= PROBES_MIN));
    faults.begin({ path: `${slowFolder}/`, kind: 'slow', delayMs: DELAY_MS });
    const since = performance.now();
    let tookMs = 0;
    const flushing = append(slowClient, 1 - probed).then(() => {
      tookMs = performance.now() - since;
    });
    const [times] = await Promise.all([measure((count) => count >= PROBES_MIN && tookMs > 0), flushing]);
    during.add(times);
    assert.ok(tookMs >= DELAY_MS, 'the slow disk is slow');
    if (round === ROUNDS) await until('the broker says which disk is slow', 10_000, told);
    faults.end();
  }
  say(`R10: p99 of appends, in turn without and with a slow disk beside it: ${before.appends} and ${during.appends}`);
  say(`R10: p99 of ApiVersions and Metadata: ${before.questions} and ${during.questions}`);
  during.appends.assertNoWorseThan(before.appends, 'appends elsewhere do not wait');
  during.questions.assertNoWorseThan(before.questions, 'questions do not wait');
  await until('and that it is over', 10_000, () => /the disk answers again/.test(broker.stdout + broker.stderr));
  session.end();
  await load.progress(20);
  await load.endAndJudge(findings);
}

/** The p99 of each time that was taken. */
class Percentiles {
  readonly #ms: number[] = [];

  add(waits: Waits): void {
    this.#ms.push(waits.quantileMs(0.99));
  }

  get medianMs(): number {
    return this.#ms.toSorted((a, b) => a - b)[Math.floor(this.#ms.length / 2)];
  }

  assertNoWorseThan(baseline: Percentiles, what: string): void {
    const mostMs = Math.max(2 * baseline.medianMs, P99_MS_ALWAYS_FINE);
    assert.ok(this.medianMs <= mostMs, `${what}: p99 ${this} where it is ${baseline} without the slow disk`);
  }

  toString(): string {
    return `${this.#ms.map((ms) => ms.toFixed(1)).join(', ')} ms`;
  }
}

class Rounds {
  readonly appends = new Percentiles();
  readonly questions = new Percentiles();

  add({ probes, questions }: { probes: Waits; questions: Waits }): void {
    this.appends.add(probes);
    this.questions.add(questions);
  }
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
