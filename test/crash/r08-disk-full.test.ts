/**
 * R8: a real small disk is filled under producers, rolls, compactions and group commits, in some trials the broker is killed
 * or stopped on the full disk, and then there is room again. Nothing acknowledged is lost, nothing is torn, reading and
 * deleting go on, and producing resumes within five seconds without a restart. Test process.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaClient } from '../../src/cli/client.js';
import { LATEST, readOffsets } from '../../src/cli/topic-metadata.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { deleteTopics } from '../../src/protocol/messages/20-delete-topics.js';
import { deleteRecords } from '../../src/protocol/messages/21-delete-records.js';
import { describeDisk } from '../../src/protocol/messages/10000-describe-disk.js';
import { decodeRecords, encodeBatch, iterateBatches } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { checkHistory } from '../history/checker.js';
import { History } from '../history/history.js';
import { temporaryFolder } from '../temp-folder.js';
import { experiment, type Trial } from './lab/experiment.js';
import { judge } from './lab/judge.js';
import { SmallDisk } from './lab/small-disk.js';
import { askOffset, LoadConsumer, readBytes, readWhole } from './load-consumer.js';
import { LoadProducer } from './load-producer.js';
import { Session, untilKilled } from './session.js';

const MiB = 1024 * 1024;
const TOPIC = 'filling';
const PARTITIONS = 4;
/** Nothing of these goes for the budget: the disk is to be full in earnest. */
const KEPT = { 'retention.ms': '-1', 'retention.bytes': '-1', 'segment.bytes': String(MiB) };
const LEFT_BYTES = { min: 6 * MiB, span: 6 * MiB };
/** Half a MiB each. Without the last of them there is room for two ballasts, which is what the broker wants to see. */
const VICTIM_BATCHES = 8;
const RESUMES_WITHIN_MS = 5000;
const FILLS_WITHIN_MS = 60_000;
const MODES = ['ack', 'never', 'interval'] as const;
const ROOM_BY = ['DeleteRecords', 'DeleteTopics', 'others'] as const;
/** What happens to the broker while the disk is full. */
const FATES = ['lives on', 'lives on', 'is killed', 'is stopped'] as const;

experiment({
  id: 'R8',
  title: 'a full disk under producers, rolls, compaction and commits, with kills on it, until there is room again',
  unit: 'fillings',
  ci: 4,
  long: 100,
  ciSeed: 1,
  unable: () => (brokerIsBuilt ? SmallDisk.unable('tmpfs') : noBroker),
  trial: async (trial) => {
    const disk = new SmallDisk(trial.seed % 2 === 1 || SmallDisk.unable('ext4') !== null ? 'tmpfs' : 'ext4');
    try {
      const broker = await BrokerProcess.start({
        dataDirectory: disk.data,
        overrides: {
          flush: MODES[trial.random(MODES.length)],
          shards: 2,
          'log.cleaner.backoff.ms': 100,
          'log.cleaner.min.cleanable.ratio': 0.01,
          'log.segment.delete.delay.ms': 100,
        },
      });
      try {
        await fillAndFree(broker, disk, trial);
      } catch (error) {
        process.stderr.write(`${broker.stderr.slice(-6000)}\n`);
        throw error;
      } finally {
        await broker.dispose();
      }
    } finally {
      disk.dispose();
    }
  },
});

async function fillAndFree(
  broker: BrokerProcess,
  disk: SmallDisk,
  { random, findings, seed, say }: Trial,
): Promise<void> {
  const history = new History();
  const complaints: string[] = [];
  const fate = FATES[seed % FATES.length];
  const producers = [
    { name: 'idempotent-a', acks: -1, idempotent: true },
    { name: 'idempotent-b', acks: 1, idempotent: true },
    { name: 'plain', acks: -1, idempotent: false },
  ].map(
    (each) =>
      new LoadProducer(history, { ...each, acks: each.acks as 1 | -1, topic: TOPIC, partitions: PARTITIONS, random }),
  );
  const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  const consumers = [
    new LoadConsumer(history, { name: 'assigned', topic: TOPIC, partitions: all }),
    new LoadConsumer(history, { name: 'member', topic: TOPIC, partitions: all, group: 'readers' }),
  ];
  const states = new LastValues();
  let session = new Session(broker.bootstrap);
  const client = await session.connect();
  await create(client, TOPIC, PARTITIONS, KEPT);
  await create(client, 'states', 1, { 'cleanup.policy': 'compact', 'segment.bytes': String(MiB) });
  await create(client, 'victim', 1, KEPT);
  for (let i = 0; i < VICTIM_BATCHES; i++) assert.equal(await send(client, 'victim', bulk(MiB / 2)), 'NONE');

  const begin = () => [...producers, ...consumers, states].map((load) => load.run(session));
  const end = async (loads: readonly Promise<void>[]): Promise<void> => {
    session.end();
    await Promise.all(loads);
    complaints.push(...session.complaints);
  };
  let loads = begin();
  await session.firstAcknowledged;
  disk.leave(LEFT_BYTES.min + random(LEFT_BYTES.span));
  await until('the disk is full', FILLS_WITHIN_MS, () => session.refusals > 0);
  await until('the broker says so', RESUMES_WITHIN_MS, async () => (await stateOf(client)) === 'full');
  assert.match(broker.stdout + broker.stderr, /the disk is full: what clients produce is refused/);

  if (fate !== 'lives on') {
    const stopped = fate === 'is stopped' ? await broker.stop() : await broker.kill9();
    if (fate === 'is stopped') assert.equal(stopped, 0, 'an orderly stop on a full disk');
    await end(loads);
    await broker.start();
    session = new Session(broker.bootstrap);
    loads = begin();
    await until('a start on a full disk serves, and refuses', FILLS_WITHIN_MS, () => session.refusals > 0);
  }

  const admin = await session.connect();
  await create(admin, 'made-while-full', 1, {});
  // With flush=interval consumers see it when it is on disk, which a full disk must not hinder.
  await until('what is there can be read', FILLS_WITHIN_MS, async () => {
    const [end] = await readOffsets(admin, [{ topic: 'victim', partition: 0 }], LATEST);
    return (await readBytes(admin, 'victim', 0, end as number)).length > 0;
  });
  const refusedBefore = session.refusals;
  await until('it stays full', FILLS_WITHIN_MS, () => session.refusals > refusedBefore);

  // Room comes by deleting records, or their topic, or because somebody else goes.
  const from = ROOM_BY[random(ROOM_BY.length)];
  const { acknowledgements } = session;
  const freedAt = performance.now();
  if (from === 'DeleteTopics') {
    const request = { topics: [], topicNames: ['victim'], timeoutMs: 10_000 };
    const { responses } = await admin.request(deleteTopics, request, { versionMax: 5 });
    assert.equal(responses[0].errorCode, 'NONE', 'DeleteTopics on a full disk');
  } else {
    const partitions = [{ partitionIndex: 0, offset: -1 }];
    const deleted = await admin.request(deleteRecords, { topics: [{ name: 'victim', partitions }], timeoutMs: 10_000 });
    assert.equal(deleted.topics[0].partitions[0].errorCode, 'NONE', 'DeleteRecords on a full disk');
  }
  if (from === 'others') disk.free();
  await until('producing resumes', RESUMES_WITHIN_MS, () => session.acknowledgements > acknowledgements);
  say(`R8: ${fate}; room by ${from}; producing resumed after ${Math.round(performance.now() - freedAt)} ms`);
  if (from !== 'others') disk.free();
  await until('and goes on', FILLS_WITHIN_MS, () => session.acknowledgements > acknowledgements + 20);
  await end(loads);

  const settling = new Session(broker.bootstrap);
  for (const producer of producers) {
    await producer.settle(settling);
    producer.tellOpen();
  }
  complaints.push(...settling.complaints);
  settling.end();
  // An orderly stop flushes: from here on consumers may see all that was acknowledged, in every mode.
  await broker.restart();
  const last = new Session(broker.bootstrap);
  const reader = await last.connect();
  await consumers[1].readCommitted(reader, 'readers');
  for (const partition of all) {
    await askOffset(reader, history, TOPIC, partition, 'earliest');
    await readWhole(reader, history, TOPIC, partition);
  }
  findings.lost += await states.lostIn(reader);
  last.end();
  assert.equal(await broker.stop(), 0, `stopping by SIGTERM\n${broker.stderr.slice(-4000)}`);
  const verdict = checkHistory(history.operations);
  if (verdict.anomalies.length > 0 || complaints.length > 0) {
    const path = join(temporaryFolder('history'), 'history.jsonl');
    history.write(path);
    process.stderr.write(`${path} (kept by MILLRACE_TEST_KEEP=1)\n${broker.stdout.slice(-4000)}\n`);
  }
  judge(verdict, findings);
  assert.equal(findings.lost, 0);
  assert.deepEqual(complaints.slice(0, 10), [], `${complaints.length} answers that should not have been`);
}

/** A compacted topic that is written over and over: of each key, what was acknowledged last is there. */
class LastValues {
  #round = 0;
  #acknowledged = 0;

  run(session: Session): Promise<void> {
    return untilKilled(session, 'states', async (client) => {
      while (!session.over) {
        const round = ++this.#round;
        const records = Array.from({ length: 20 }, (_, key) => ({
          key: Buffer.from(`key ${key}`),
          value: Buffer.concat([Buffer.from(`${round} `), Buffer.alloc(500, 's')]),
        }));
        const error = await send(client, 'states', encodeBatch({ records }));
        if (error === 'NONE') this.#acknowledged = round;
        else if (error !== 'NOT_ENOUGH_REPLICAS') session.complain(`states: ${error}`);
        if (error !== 'NONE') await pause(20);
      }
    });
  }

  /** How many keys are older in the log than what was acknowledged. */
  async lostIn(client: KafkaClient): Promise<number> {
    const [end] = await readOffsets(client, [{ topic: 'states', partition: 0 }], LATEST);
    const rounds = new Map<string, number>();
    for (const bytes of await readBytes(client, 'states', 0, end as number)) {
      for (const batch of iterateBatches(bytes)) {
        for (const { key, value } of decodeRecords(batch)) rounds.set(String(key), Number.parseInt(String(value), 10));
      }
    }
    const acknowledged = this.#acknowledged;
    return Array.from({ length: 20 }, (_, key) => rounds.get(`key ${key}`) ?? 0).filter((one) => one < acknowledged)
      .length;
  }
}

const bulk = (bytes: number): Buffer => encodeBatch({ records: [{ value: Buffer.alloc(bytes, 'v') }] });

async function send(client: KafkaClient, name: string, records: Buffer): Promise<string> {
  const topicData = [{ name, partitionData: [{ index: 0, records }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 12 });
  return responses[0].partitionResponses[0].errorCode;
}

async function create(
  client: KafkaClient,
  name: string,
  numPartitions: number,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }));
  const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs }];
  const { topics: made } = await client.request(createTopics, { topics, timeoutMs: 30_000, validateOnly: false });
  assert.equal(made[0].errorCode, 'NONE', `creating ${name}`);
}

async function stateOf(client: KafkaClient): Promise<string> {
  return (await client.request(describeDisk, { topics: [] })).state;
}

/** Asks again, a moment later each time, until the answer is yes. */
async function until(what: string, withinMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endAt = performance.now() + withinMs;
  while (!(await holds())) {
    assert.ok(performance.now() < endAt, `${what} within ${withinMs} ms`);
    await pause(10);
  }
}
