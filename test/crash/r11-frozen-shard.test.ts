/**
 * R11: one shard's thread is held for a while, under more batches than its ring takes. The other shards, whoever asks the main
 * thread, and who reads from the held one and another in the same request, go on; memory stays bounded; nothing is lost, doubled or reordered when it runs again. Test process.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { KafkaClient } from '../../src/cli/client.js';
import { produce } from '../../src/protocol/messages/00-produce.js';
import { fetch } from '../../src/protocol/messages/01-fetch.js';
import { describeDisk } from '../../src/protocol/messages/10000-describe-disk.js';
import { encodeBatch } from '../../src/record/record.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { readRecords } from './contents.js';
import { askVersions, createTopic, DisturbedLoad, until, Waits } from './lab/disturbed-load.js';
import { experiment, type Trial } from './lab/experiment.js';
import { FrozenThread } from './lab/frozen-thread.js';
import { ThreadFaults } from './lab/thread-fault.js';
import { Session } from './session.js';

const MiB = 1024 * 1024;
const TOPIC = 'freezing';
const PARTITIONS = 4;
const FROZEN_MS = { min: 2500, span: 2500 };
/** Who had to wait for the frozen thread would wait for nearly all of its time. */
const WAIT_MS_MAX = FROZEN_MS.min / 4;
/** What the consumer of both shards lets the broker wait for more. */
const FETCH_WAIT_MS = 500;
const RING_BYTES = 4 * MiB;
/** Several rings full, from one client and from others. */
const FLOOD_BATCH_BYTES = MiB;
const FLOODERS = 4;
const FLOOD_BATCHES_EACH = 8;
/** Rings, what waits in front of them (64 MiB), what sockets hold, and what a heap may grow meanwhile. */
const GROWTH_BYTES_MAX = 256 * MiB;

experiment({
  id: 'R11',
  title: 'the thread of one shard is held under more batches than its ring takes, then goes on',
  unit: 'freezes',
  ci: 2,
  long: 50,
  ciSeed: 1,
  unable: () => (brokerIsBuilt ? FrozenThread.unable() : noBroker),
  trial: async (trial) => {
    const faults = new ThreadFaults();
    const broker = await BrokerProcess.start({
      overrides: { shards: 2, 'ring.bytes': RING_BYTES, flush: trial.seed % 2 === 0 ? 'ack' : 'never' },
      env: faults.environment(),
    });
    try {
      await freeze(broker, faults, trial);
    } catch (error) {
      process.stderr.write(`${broker.stdout.slice(-4000)}\n${broker.stderr.slice(-4000)}\n`);
      throw error;
    } finally {
      await broker.dispose();
    }
  },
});

async function freeze(broker: BrokerProcess, faults: ThreadFaults, { random, findings, say }: Trial): Promise<void> {
  const load = new DisturbedLoad({ broker, topic: TOPIC, partitions: PARTITIONS, random, retriable: [] });
  await load.begin();
  const session = new Session(broker.bootstrap);
  const client = await session.connect();
  await createTopic(client, 'other', PARTITIONS);
  for (let index = 0; index < PARTITIONS; index++) assert.equal(await append(client, 'other', index, SMALL), 'NONE');
  // Threads know their partitions since the first append.
  const frozen = faults.writerOf('other-0');
  const free = [1, 2, 3].find((index) => faults.writerOf(`other-${index}`) !== frozen);
  assert.ok(free !== undefined, 'partitions of one topic lie on both shards');

  const [producing, asking, reading, looking] = await Promise.all(Array.from({ length: 4 }, () => session.connect()));
  const reader = new Reader(reading, 'other', [0, free]);
  const residentBefore = residentBytes(broker.pid);
  const holder = await FrozenThread.hold(frozen);
  const heldAt = performance.now();
  const flood = Array.from({ length: FLOODERS }, async () => {
    const flooder = await session.connect();
    return Promise.all(Array.from({ length: FLOOD_BATCHES_EACH }, () => append(flooder, 'other', 0, LARGE)));
  });
  const flooded = Promise.all(flood);
  // What fails first is told, not what follows from it.
  flooded.catch(() => undefined);
  let over = false;
  const probes = new Waits();
  const questions = new Waits();
  const reads = new Waits();
  const overviews = new Waits();
  const probing = Promise.all([
    probes.take(
      async () => assert.equal(await append(producing, 'other', free, SMALL), 'NONE'),
      () => over,
    ),
    questions.take(
      () => askVersions(asking),
      () => over,
    ),
    overviews.take(
      () => askDisk(looking),
      () => over,
    ),
    reads.take(
      () => reader.poll(),
      () => over,
    ),
  ]);
  probing.catch(() => undefined);
  const frozenMs = FROZEN_MS.min + random(FROZEN_MS.span);
  await pause(frozenMs);
  const grownBytes = residentBytes(broker.pid) - residentBefore;
  over = true;
  const readOfHeld = reader.read(0);
  const told = /frozen shard: /.test(broker.stdout + broker.stderr);
  await holder.thaw();
  const heldMs = performance.now() - heldAt;
  await probing;
  say(
    `R11: held for ${Math.round(heldMs)} ms: appends to the other shard ${probes}; ApiVersions ${questions}, DescribeDisk ${overviews}; fetches from both ${reads}; resident memory grew by ${Math.round(grownBytes / MiB)} MiB`,
  );
  assert.ok(probes.quantileMs(1) < WAIT_MS_MAX, `the other shard's clients do not wait: ${probes}`);
  assert.ok(questions.quantileMs(1) < WAIT_MS_MAX, `questions do not wait: ${questions}`);
  assert.ok(overviews.quantileMs(1) < WAIT_MS_MAX, `nor do questions about all shards: ${overviews}`);
  assert.ok(reads.quantileMs(1) < WAIT_MS_MAX, `who reads from both shards does not wait for the held one: ${reads}`);
  assert.ok(reader.read(free) >= probes.count / 2, 'and has read what was appended to the other meanwhile');
  assert.equal(readOfHeld, 0, 'the held one had nothing to say');
  assert.ok(grownBytes < GROWTH_BYTES_MAX, `memory is bounded: it grew by ${grownBytes}`);
  assert.ok(told, 'the broker says that a shard stands still');
  for (const answers of await flooded) {
    for (const answer of answers) assert.match(answer, /^(NONE|NOT_ENOUGH_REPLICAS)$/);
  }
  await until('and that it goes on', 10_000, () => /the shard goes on/.test(broker.stdout + broker.stderr));
  await until('what the held shard has is read from it', 10_000, async () => {
    await reader.poll();
    return reader.read(0) > 0;
  });
  session.end();
  await load.progress(20);
  await load.endAndJudge(findings);
}

const SMALL = encodeBatch({ records: [{ value: Buffer.alloc(100, 'p') }] });
const LARGE = encodeBatch({ records: [{ value: Buffer.alloc(FLOOD_BATCH_BYTES - 200, 'f') }] });

async function append(client: KafkaClient, name: string, index: number, records: Buffer): Promise<string> {
  const topicData = [{ name, partitionData: [{ index, records }] }];
  const request = { transactionalId: null, acks: -1, timeoutMs: 30_000, topicData };
  const { responses } = await client.request(produce, request, { versionMax: 12 });
  return responses[0].partitionResponses[0].errorCode;
}

/** A consumer that asks for all of its partitions at once, from their beginning on. */
class Reader {
  readonly #positions = new Map<number, number>();

  constructor(
    private readonly client: KafkaClient,
    private readonly topic: string,
    partitions: readonly number[],
  ) {
    for (const partition of partitions) this.#positions.set(partition, 0);
  }

  /** How many records of a partition it was given. */
  read(partition: number): number {
    return this.#positions.get(partition) ?? 0;
  }

  async poll(): Promise<void> {
    const partitions = [...this.#positions].map(([partition, fetchOffset]) => {
      return { partition, fetchOffset, partitionMaxBytes: MiB };
    });
    const topics = [{ topic: this.topic, partitions }];
    const limits = { maxWaitMs: FETCH_WAIT_MS, minBytes: 1, maxBytes: 4 * MiB };
    const request = { ...limits, topics, forgottenTopicsData: [] };
    const { responses } = await this.client.request(fetch, request, { versionMax: 12 });
    for (const { partitionIndex, errorCode, records } of responses[0].partitions) {
      assert.equal(errorCode, 'NONE');
      const found = readRecords(records ?? Buffer.alloc(0), this.read(partitionIndex));
      this.#positions.set(partitionIndex, (found.at(-1)?.offset ?? this.read(partitionIndex) - 1) + 1);
    }
  }
}

/** Answered with what all shards say, or have said, of their logs: metrics are made of the same. */
async function askDisk(client: KafkaClient): Promise<void> {
  const { topics } = await client.request(describeDisk, { topics: null });
  assert.ok((topics.find(({ name }) => name === 'other')?.sizeBytes ?? 0) > 0);
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) * 1024;
}
