/**
 * R3: the power goes under load, again and again, on real file systems: with flush=ack nothing acknowledged is lost, with
 * flush=interval only the newest, and nothing that anybody read. Test process.
 */
import assert from 'node:assert/strict';
import type { KafkaClient } from '../../src/cli/client.js';
import { createTopics } from '../../src/protocol/messages/19-create-topics.js';
import { BrokerProcess, brokerIsBuilt, noBroker } from '../broker-process.js';
import { checkHistory } from '../history/checker.js';
import { History } from '../history/history.js';
import { experiment, type Trial } from './lab/experiment.js';
import { judge } from './lab/judge.js';
import { Ledger } from './ledger.js';
import { askOffset, LoadConsumer, readWhole } from './load-consumer.js';
import { LoadProducer } from './load-producer.js';
import { LoopDisk } from './loop-disk.js';
import { Session, untilKilled } from './session.js';

const PARTITIONS = 4;
const TOPIC = 'dark';
const GROUP = 'readers';
const MIB = 1024 * 1024;
/** After the first acknowledgement of a life. */
const CUT_AFTER_MS = { min: 20, max: 700 };
/** The broker may go on for so long without a disk, and must not acknowledge anything. */
const DARK_MS_MAX = 60;
const INTERVAL_MS = 200;
/** Beyond the interval: the flush that was under way, on a machine that has other things to do. */
const FLUSH_MS_MAX = 3_000;

const settings = {
  ack: { flush: 'ack' },
  interval: { flush: 'interval', 'log.flush.interval.ms': INTERVAL_MS },
} as const;
type Mode = keyof typeof settings;

for (const kind of ['ext4', 'xfs'] as const) {
  experiment({
    id: `R3-${kind.toUpperCase()}`,
    title: `cuts of power on ${kind} under load, with flush=ack and flush=interval in turn`,
    unit: 'cuts',
    ci: 8,
    ciSeed: 1,
    long: 500,
    unitsPerTrial: 4,
    unable: () => (brokerIsBuilt ? LoopDisk.unable(kind) : noBroker),
    trial: async (trial, cuts) => {
      const mode: Mode = trial.seed % 2 === 0 ? 'ack' : 'interval';
      const disk = new LoopDisk(kind);
      const broker = await BrokerProcess.create({
        dataDirectory: disk.folder,
        overrides: {
          ...settings[mode],
          shards: 2,
          'log.segment.bytes': MIB,
          'log.retention.check.interval.ms': 50,
          'log.segment.delete.delay.ms': 50,
          'log.cleaner.backoff.ms': 50,
          'log.cleaner.min.cleanable.ratio': 0.01,
          'log.flush.offset.checkpoint.interval.ms': 100,
        },
      });
      try {
        await new Cuts(broker, disk, mode, trial).run(cuts);
      } catch (error) {
        throw new Error(`${kind}, flush=${mode}\n${broker.stderr.slice(-4_000)}`, { cause: error });
      } finally {
        await broker.dispose();
        disk.dispose();
      }
    },
  });
}

/** Knows when each operation ended, beside in which order. */
class TimedHistory extends History {
  readonly completedAtMs: number[] = [];

  override complete(...operation: Parameters<History['complete']>): void {
    super.complete(...operation);
    this.completedAtMs.push(performance.now());
  }
}

/** One broker on one disk, until the power was cut so often; then its whole history is judged. */
class Cuts {
  readonly #history = new TimedHistory();
  readonly #ledger: Ledger;
  readonly #producers: readonly LoadProducer[];
  readonly #consumers: readonly LoadConsumer[];
  readonly #complaints: string[] = [];
  readonly #partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
  #lost = 0;
  /** Of all that was lost, how long before the cut the first of it was acknowledged. */
  #oldestLostMs = 0;

  constructor(
    private readonly broker: BrokerProcess,
    private readonly disk: LoopDisk,
    private readonly mode: Mode,
    private readonly trial: Trial,
  ) {
    const { random } = trial;
    // With flush=interval a broker may have forgotten what an idempotent producer goes on from.
    const idempotent = mode === 'ack';
    this.#ledger = new Ledger({ idempotent, group: 'ledger' });
    this.#producers = [
      { name: 'idempotent', acks: -1 as const, idempotent },
      { name: 'plain', acks: -1 as const, idempotent: false },
      { name: 'leader', acks: 1 as const, idempotent: false },
    ].map((each) => new LoadProducer(this.#history, { ...each, topic: TOPIC, partitions: PARTITIONS, random }));
    // Committed offsets are records, too, of which the newest may be lost with flush=interval.
    const group = mode === 'ack' ? GROUP : undefined;
    this.#consumers = [
      new LoadConsumer(this.#history, { name: 'assigned', topic: TOPIC, partitions: this.#partitions }),
      new LoadConsumer(this.#history, { name: 'grouped', topic: TOPIC, partitions: this.#partitions, group }),
    ];
  }

  async run(cuts: number): Promise<void> {
    await this.broker.start();
    await this.#prepare();
    for (let cut = 0; cut < cuts; cut++) {
      const cutAtMs = await this.#liveUntilCut();
      await this.broker.start();
      await this.#comeBack(cutAtMs);
    }
    await this.#judge();
    const lost = `${this.#lost} acknowledged records lost, the oldest ${Math.round(this.#oldestLostMs)} ms before the cut`;
    if (this.mode === 'interval') this.trial.say(`flush=interval, ${cuts} cuts: ${lost}`);
  }

  async #prepare(): Promise<void> {
    const session = new Session(this.broker.bootstrap);
    const client = await session.connect();
    const { topics } = await client.request(createTopics, {
      topics: [{ name: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1, assignments: [], configs: [] }],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    assert.equal(topics[0].errorCode, 'NONE');
    const ledger = this.#ledger;
    await ledger.create(client, 'rolled', { kind: 'whole', partitions: 2 });
    const expiring = { 'retention.bytes': String(2 * MIB) };
    await ledger.create(client, 'expiring', { kind: 'expiring', partitions: 2, configs: expiring });
    const compacted = { 'cleanup.policy': 'compact' };
    await ledger.create(client, 'compacted', { kind: 'compacted', partitions: 2, configs: compacted });
    session.end();
  }

  /** @returns when the last thing reached the disk */
  async #liveUntilCut(): Promise<number> {
    const { random } = this.trial;
    const session = new Session(this.broker.bootstrap);
    const loads = [...this.#producers, ...this.#consumers].map((load) => load.run(session));
    loads.push(untilKilled(session, 'ledger', (client) => this.#work(client, session)));
    await session.firstAcknowledged;
    await pause(CUT_AFTER_MS.min + random(CUT_AFTER_MS.max - CUT_AFTER_MS.min));
    const frozen = random(2) === 0;
    if (frozen) process.kill(this.broker.pid, 'SIGSTOP');
    if (random(2) === 0) this.disk.syncSome(random);
    this.#complaints.push(...session.complaints);
    const cutAtMs = performance.now();
    this.disk.cut(random(3) === 0);
    if (frozen) process.kill(this.broker.pid, 'SIGCONT');
    await pause(random(DARK_MS_MAX));
    await this.broker.kill9();
    session.end();
    await Promise.all(loads);
    this.disk.restore();
    return cutAtMs;
  }

  /** One thing after the other, of all that topics live through. */
  async #work(client: KafkaClient, session: Session): Promise<void> {
    const ledger = this.#ledger;
    const { random } = this.trial;
    while (!session.over) {
      const names = ledger.topics;
      const name = names[random(names.length)];
      const passing = `passing-${random(2)}`;
      const partition = random(2);
      const end = ledger.endOf(name, partition);
      switch (random(12)) {
        case 0:
          if (names.includes(passing)) await ledger.delete(client, passing);
          else await ledger.create(client, passing, { kind: 'whole', partitions: 2 });
          break;
        case 1:
          // With flush=interval only what is flushed may be deleted, and where that ends only the broker knows.
          if (this.mode === 'ack' && ledger.kindOf(name) === 'whole') {
            await ledger.deleteRecords(client, name, partition, random(end + 1));
          }
          break;
        case 2:
          await ledger.commit(client, name, partition, random(end + 1));
          break;
        default:
          await ledger.append(
            client,
            name,
            partition,
            1 + random(4),
            random(4) === 0 ? random(150_000) : random(1_000),
          );
      }
    }
  }

  async #comeBack(cutAtMs: number): Promise<void> {
    const session = new Session(this.broker.bootstrap);
    const client = await session.connect();
    const mayLose = this.mode === 'interval';
    if (mayLose) await this.#forgive(client, cutAtMs);
    const { lost } = this.#ledger;
    this.#complaints.push(...(await this.#ledger.check(client, mayLose)));
    if (this.#ledger.lost > lost) this.#wasLost(this.#ledger.lost - lost, cutAtMs - this.#ledger.firstLostAtMs);
    this.#ledger.firstLostAtMs = Infinity;
    await this.#ledger.settle(client);
    session.end();
    assert.deepEqual(this.#complaints.slice(0, 10), [], `${this.#complaints.length} complaints`);
  }

  /** Sends whose records lay behind what is there now are as if nobody had ever heard of them. */
  async #forgive(client: KafkaClient, cutAtMs: number): Promise<void> {
    const { operations, completedAtMs } = this.#history;
    const ends = new Map<string, number>();
    for (const partition of this.#partitions) {
      ends.set(`${TOPIC}-${partition}`, await askOffset(client, this.#history, TOPIC, partition, 'latest'));
    }
    for (const [i, operation] of operations.entries()) {
      if (operation.f !== 'send' || operation.outcome !== 'ok' || operation.baseOffset === null) continue;
      if (operation.baseOffset < (ends.get(operation.partition) ?? 0)) continue;
      operations[i] = { ...operation, outcome: 'info', baseOffset: null };
      this.#wasLost(operation.records.length, cutAtMs - completedAtMs[i]);
    }
  }

  #wasLost(records: number, ageMs: number): void {
    this.#lost += records;
    this.#oldestLostMs = Math.max(this.#oldestLostMs, ageMs);
    if (ageMs > INTERVAL_MS + FLUSH_MS_MAX) {
      this.#complaints.push(`what is lost was acknowledged ${ageMs} ms before the power was cut`);
    }
  }

  async #judge(): Promise<void> {
    const settling = new Session(this.broker.bootstrap);
    for (const producer of this.#producers) {
      await producer.settle(settling);
      producer.tellOpen();
    }
    this.#complaints.push(...settling.complaints);
    settling.end();
    await this.broker.restart();
    const session = new Session(this.broker.bootstrap);
    const client = await session.connect();
    if (this.mode === 'ack') await this.#consumers[1].readCommitted(client, GROUP);
    for (const partition of this.#partitions) {
      await askOffset(client, this.#history, TOPIC, partition, 'earliest');
      await readWhole(client, this.#history, TOPIC, partition);
      await readWhole(client, this.#history, TOPIC, partition);
    }
    this.#complaints.push(...(await this.#ledger.check(client)));
    session.end();
    assert.equal(await this.broker.stop(), 0);
    judge(checkHistory(this.#history.operations), this.trial.findings);
    this.trial.findings.acknowledged += this.#ledger.acknowledged;
    assert.deepEqual(this.#complaints.slice(0, 10), [], `${this.#complaints.length} complaints`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
