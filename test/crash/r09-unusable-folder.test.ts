/**
 * R9: one of two data folders takes no writes, or goes away, or there are no descriptors left, or a second broker wants the
 * same folders. What lives in the other folder is served throughout, each trouble has its name in log and metrics, and all
 * comes back without a restart, with nothing lost, doubled or reordered. Test process.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { describeLogDirs } from '../../src/protocol/messages/35-describe-log-dirs.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { freePort } from '../free-port.js';
import { removeTemporaryFolder, temporaryFolder } from '../temp-folder.js';
import { createTopic, DisturbedLoad, RETRIABLE, until } from './lab/disturbed-load.js';
import { experiment, type Trial } from './lab/experiment.js';
import { Session } from './session.js';

const TOPIC = 'held';
const PARTITIONS = 4;
const WITHIN_MS = 20_000;
/** Segments are rolled all the time, for which files must be made. */
const SMALL_SEGMENTS = { 'segment.ms': '200' };

interface Setting {
  readonly broker: BrokerProcess;
  /** The one with the catalogue, and the one that is met. */
  readonly folders: readonly [string, string];
}

interface Fate {
  readonly name: string;
  /** As the broker names it; null where it meets nothing. */
  readonly trouble: string | null;
  /** A sentence where this machine cannot. */
  unable(folder: string): string | null;
  begin(setting: Setting): void | Promise<void>;
  end(setting: Setting): void;
}

const fates: readonly Fate[] = [
  {
    name: 'read-only',
    trouble: 'not writable',
    unable: (folder) => {
      const refusal = run('chattr', '+i', folder);
      run('chattr', '-i', folder);
      return refusal;
    },
    begin: ({ folders }) => assert.equal(run('chattr', '-R', '+i', folders[1]), null),
    end: ({ folders }) => assert.equal(run('chattr', '-R', '-i', folders[1]), null),
  },
  {
    name: 'gone',
    trouble: 'gone',
    unable: () => null,
    begin: ({ folders }) => {
      renameSync(folders[1], `${folders[1]}-away`);
      // Where a disk is not mounted there is an empty folder.
      mkdirSync(folders[1]);
    },
    end: ({ folders }) => {
      assert.deepEqual(readdirSync(folders[1]), [], 'nothing was put where nothing belongs');
      rmSync(folders[1], { recursive: true });
      renameSync(`${folders[1]}-away`, folders[1]);
    },
  },
  {
    name: 'no descriptors',
    trouble: 'out of descriptors',
    unable: () => run('prlimit', '--pid', String(process.pid), '--nofile'),
    // Fewer than there are: of those that are closed none is given out again.
    begin: ({ broker }) => limitDescriptors(broker, readdirSync(`/proc/${broker.pid}/fd`).length - 10),
    end: ({ broker }) => limitDescriptors(broker, 4096),
  },
  {
    name: 'a second broker',
    trouble: null,
    unable: () => null,
    begin: async ({ broker, folders }) => {
      for (const logDirs of [folders.join(','), folders[0], [...folders].reverse().join(',')]) {
        const second = await BrokerProcess.create({
          dataDirectory: folders[0],
          overrides: { 'log.dirs': logDirs },
        });
        await assert.rejects(second.start(), new RegExp(`in use by process ${broker.pid}`), logDirs);
        await second.dispose();
      }
    },
    end: () => undefined,
  },
];

experiment({
  id: 'R9',
  title: 'a folder that takes no writes or goes away, no descriptors, a second broker on the same folders',
  unit: 'troubles',
  ci: fates.length,
  long: 100,
  ciSeed: 0,
  unable: () => (brokerIsBuilt ? null : noBroker),
  trial: async (trial) => {
    const folder = temporaryFolder('unusable');
    const folders = [join(folder, 'kept'), join(folder, 'met')] as const;
    for (const each of folders) mkdirSync(each);
    const fate = fates[trial.seed % fates.length];
    const refusal = fate.unable(folders[1]);
    if (refusal !== null) {
      trial.say(`R9: ${fate.name} skipped: ${refusal}`);
      return;
    }
    const port = await freePort();
    const broker = await BrokerProcess.start({
      dataDirectory: folders[0],
      overrides: {
        'log.dirs': folders.join(','),
        shards: 2,
        'http.listener': `127.0.0.1:${port}`,
        'offsets.topic.num.partitions': 2,
      },
    });
    try {
      await meet(fate, { broker, folders }, port, trial);
    } catch (error) {
      process.stderr.write(`${broker.stdout.slice(-4000)}\n${broker.stderr.slice(-4000)}\n`);
      throw error;
    } finally {
      run('chattr', '-R', '-i', folders[1]);
      await broker.dispose();
      removeTemporaryFolder(folder);
    }
  },
});

async function meet(fate: Fate, setting: Setting, port: number, { random, findings, say }: Trial): Promise<void> {
  const { broker, folders } = setting;
  const session = new Session(broker.bootstrap);
  const client = await session.connect();
  await createTopic(client, 'probe', PARTITIONS);
  const kept = await partitionIn(client, 'probe', folders[0]);
  await append(client, kept);
  const load = new DisturbedLoad({ broker, topic: TOPIC, partitions: PARTITIONS, random, retriable: RETRIABLE });
  await load.begin(SMALL_SEGMENTS);

  const { trouble } = fate;
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await metrics();
  await fate.begin(setting);
  const beganAt = performance.now();
  if (trouble !== null) {
    const metric = `millrace_storage_errors_total{topic="${TOPIC}",trouble="${trouble}"}`;
    await until(`${metric} counts`, WITHIN_MS, async () => {
      // Where there are no descriptors, nobody new can ask.
      const text = await metrics().catch(() => '');
      const told = `"msg":"${trouble}: `;
      return (
        text.includes(metric) || (trouble === 'out of descriptors' && (broker.stdout + broker.stderr).includes(told))
      );
    });
    assert.match(broker.stdout + broker.stderr, new RegExp(`"msg":"${trouble}: `), 'one line says so');
    // Descriptors are the whole process's; of folders the other one is whole.
    if (trouble !== 'out of descriptors') for (let i = 0; i < 20; i++) await append(client, kept);
  }
  // Descriptors are everybody's: then nothing has to go on.
  if (trouble !== 'out of descriptors') await load.progress(PARTITIONS);
  fate.end(setting);
  const endedAt = performance.now();
  if (trouble !== null) {
    await until('it is over', 60_000, () => /the trouble is over/.test(broker.stdout + broker.stderr));
    say(
      `R9: ${fate.name} for ${Math.round(endedAt - beganAt)} ms, over ${Math.round(performance.now() - endedAt)} ms after its end; refused: ${JSON.stringify(Object.fromEntries(load.retries))}`,
    );
    assert.ok(load.retries.size > 0, 'somebody was refused');
  }
  await load.progress(20 * PARTITIONS);
  for (const path of folders) assert.ok(existsSync(path));
  session.end();
  await load.endAndJudge(findings);
}

function run(command: string, ...args: readonly string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? null : (error?.message ?? stderr.trim());
}

function limitDescriptors({ pid }: BrokerProcess, count: number): void {
  assert.equal(run('prlimit', '--pid', String(pid), `--nofile=${count}:`), null);
}

async function append(client: KafkaClient, index: number): Promise<void> {
  const records = encodeBatch({ records: [{ value: Buffer.alloc(100, 'p') }] });
  const topicData = [{ name: 'probe', partitionData: [{ index, records }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 12 });
  assert.equal(responses[0].partitionResponses[0].errorCode, 'NONE');
}

async function partitionIn(client: KafkaClient, topic: string, folder: string): Promise<number> {
  const { results } = await client.request(describeLogDirs, { topics: null });
  const found = results.find(({ logDir }) => logDir === folder)?.topics.find(({ name }) => name === topic);
  assert.ok(found !== undefined && found.partitions.length > 0, `a partition of ${topic} is in ${folder}`);
  return found.partitions[0].partitionIndex;
}
