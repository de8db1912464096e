/**
 * R2: the broker dies in front of each system call that it makes on its files in turn, and everything it acknowledged is
 * there when it comes back; on every other one the power goes with it. Test process.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { KafkaClient } from '../../src/cli/client.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { experiment, type Trial } from './lab/experiment.js';
import { Ledger } from './ledger.js';
import { LoopDisk, type LoopDiskKind } from './loop-disk.js';
import { type CrashPoint, crashPoints, dyingAt, noStrace, tracing } from './system-calls.js';

const MIB = 1024 * 1024;
/** Everything that happens now and then happens all the time. */
const SETTINGS = {
  flush: 'ack',
  shards: 1,
  'log.segment.bytes': MIB,
  'log.retention.check.interval.ms': 20,
  'log.segment.delete.delay.ms': 20,
  'log.cleaner.backoff.ms': 20,
  'log.cleaner.min.cleanable.ratio': 0.01,
  'log.flush.offset.checkpoint.interval.ms': 50,
  'offsets.topic.num.partitions': 2,
};
const LARGE_BYTES = 200_000;
const PATIENCE_MS = 5_000;
const POWER: readonly LoopDiskKind[] = ['ext4', 'xfs'];
/** Prime to the number of points or nearly so: few trials in a row are spread over all of the script. */
const STRIDE = 7919;

/** What dies: a topic's whole life, again under the same name, rolled, expired, compacted and cut segments, commits. */
async function script(client: KafkaClient, ledger: Ledger): Promise<void> {
  await ledger.create(client, 'whole', { kind: 'whole', partitions: 2 });
  await ledger.create(client, 'expiring', {
    kind: 'expiring',
    partitions: 1,
    configs: { 'retention.bytes': `${MIB}` },
  });
  const compacted = { 'cleanup.policy': 'compact' };
  await ledger.create(client, 'compacted', { kind: 'compacted', partitions: 1, configs: compacted });
  for (let round = 0; round < 3; round++) {
    await ledger.append(client, 'whole', 0, 3, 100);
    await ledger.append(client, 'whole', 1, 2, 10);
    await ledger.commit(client, 'whole', 0, ledger.endOf('whole', 0));
  }
  for (let round = 0; round < 4; round++) {
    for (const name of ['whole', 'expiring', 'compacted']) await ledger.append(client, name, 0, 4, LARGE_BYTES);
  }
  await until(async () => (await ledger.read(client, 'expiring', 0)).start > 0);
  await until(async () => (await ledger.read(client, 'compacted', 0)).records.length < ledger.endOf('compacted', 0));
  await ledger.deleteRecords(client, 'whole', 0, ledger.endOf('whole', 0) - 2);
  await ledger.append(client, 'whole', 0, 1, 100);
  await ledger.commit(client, 'whole', 0, ledger.endOf('whole', 0));
  await ledger.delete(client, 'whole');
  await ledger.create(client, 'whole', { kind: 'whole', partitions: 2 });
  await ledger.append(client, 'whole', 0, 2, 100);
  await ledger.commit(client, 'whole', 0, ledger.endOf('whole', 0));
}

/** What comes in its own time; a broker that does without it has dropped a promise, but none about a crash. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const begun = performance.now();
  while (!(await isSo())) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`still not so after ${PATIENCE_MS} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let points: Promise<readonly CrashPoint[]> | null = null;

/** From one whole run of the script, from the first start in an empty folder to the orderly stop. */
async function findPoints(): Promise<readonly CrashPoint[]> {
  const trace = join(temporaryFolder('trace'), 'calls');
  const dataDirectory = temporaryFolder('traced');
  const broker = await BrokerProcess.start({ overrides: SETTINGS, dataDirectory, under: tracing(trace) });
  try {
    const client = await KafkaClient.connect(broker.bootstrap);
    await script(client, new Ledger({ idempotent: true, group: 'readers' }));
    client.close();
    assert.equal(await broker.stop(), 0);
    return crashPoints(trace, dataDirectory);
  } finally {
    await broker.dispose();
    removeTemporaryFolder(dataDirectory);
  }
}

let disks: readonly LoopDiskKind[] | null = null;

experiment({
  id: 'R2',
  title: 'death in front of each system call on files, over a script of topics, segments, retention and compaction',
  unit: 'points',
  ci: 12,
  ciSeed: 1,
  long: 2000,
  unable: () => (brokerIsBuilt ? noStrace() : noBroker),
  trial: async (trial) => {
    points ??= findPoints();
    disks ??= POWER.filter((kind) => {
      const reason = LoopDisk.unable(kind);
      if (reason !== null) trial.say(`R2: no cuts of power: ${reason}`);
      return reason === null;
    });
    const all = await points;
    if (trial.number === 0) trial.say(`R2: ${all.length} points`);
    const point = all[(trial.seed * STRIDE) % all.length];
    const withPower = trial.random(2) === 0;
    const kind = withPower && disks.length > 0 ? disks[trial.random(disks.length)] : null;
    try {
      await dieAt(point, kind, trial);
    } catch (error) {
      const how = kind === null ? '' : `, with the power of ${kind}`;
      throw new Error(`dead in front of ${point.call} number ${point.ordinal}${how}`, { cause: error });
    }
  },
});

async function dieAt(point: CrashPoint, kind: LoopDiskKind | null, { findings, random }: Trial): Promise<void> {
  const disk = kind === null ? null : new LoopDisk(kind);
  const dataDirectory = disk?.folder ?? temporaryFolder('points');
  const ledger = new Ledger({ idempotent: true, group: 'readers' });
  const brokers: BrokerProcess[] = [];
  const start = async (under?: readonly string[]): Promise<BrokerProcess> => {
    const broker = await BrokerProcess.create({ overrides: SETTINGS, dataDirectory, under });
    brokers.push(broker);
    await broker.start();
    return broker;
  };
  const goDark = async (): Promise<void> => {
    disk?.cut(random(2) === 0);
    await brokers.at(-1)?.kill9();
    disk?.restore();
  };
  try {
    await untilDead(brokers, async () => {
      const client = await KafkaClient.connect((await start(dyingAt(point))).bootstrap);
      await script(client, ledger);
    });
    await goDark();
    // Now and then recovery dies as well.
    if (random(3) === 0) {
      await untilDead(brokers, async () => {
        const call = random(2) === 0 ? 'pwrite64' : 'fsync';
        await start(dyingAt({ call, ordinal: 1 + random(6) }));
      });
      await goDark();
    }
    const broker = await start();
    const client = await KafkaClient.connect(broker.bootstrap);
    const complaints = await ledger.check(client);
    await ledger.settle(client);
    for (const name of ledger.topics) await ledger.append(client, name, 0, 1, 10);
    complaints.push(...(await ledger.check(client)));
    client.close();
    assert.equal(await broker.stop(), 0);
    findings.acknowledged += ledger.acknowledged;
    findings.lost += complaints.filter((complaint) => / lacks | ends at /.test(complaint)).length;
    assert.deepEqual(complaints.slice(0, 10), [], `${complaints.length} complaints\n${broker.stderr.slice(-2_000)}`);
  } finally {
    for (const broker of brokers) await broker.kill9();
    disk?.dispose();
    if (disk === null) removeTemporaryFolder(dataDirectory);
  }
}

/** What a client or a start says because the broker died is expected; everything else is not. */
async function untilDead(brokers: readonly BrokerProcess[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // The connection may be told of it before the test is told that the process is gone.
    const { name, message } = error as Error;
    const isDeath =
      name === 'CliError'
        ? /closed|failed|Nobody listens/.test(message)
        : message.includes('(SIGKILL) before it was ready');
    if (!isDeath) throw new Error(`${message}\n${brokers.at(-1)?.stderr.slice(-2_000)}`, { cause: error });
  }
}
