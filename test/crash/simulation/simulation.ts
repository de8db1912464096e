/** Lives a life of operations on a simulated node and says what went wrong in it, if anything. Test process. */
import type { LogConfig } from '../../../src/config/log-config.js';
import { encodeBatch } from '../../../src/record/record.js';
import { type Random, randomOf } from '../../history/good-history.js';
import { PowerCut } from '../../log/fake-file-system.js';
import { testConfig } from '../../log/testbed.js';
import type { SimOperation } from './operation.js';
import type { SentBatch, SimProducer } from './partition-model.js';
import { rot } from './rot.js';
import { SimDisk } from './sim-disk.js';
import { SimNode, type SimTopic } from './sim-node.js';
import type { SimPartition } from './sim-partition.js';

const SHARDS = 2;
const PRODUCERS = 3;
const OPEN_BATCHES_MAX = 5;
const READS_AT_THE_END = 2500;
const FAULTS = [
  'writev',
  'fdatasync',
  'syncFileSystem',
  'read',
  'open',
  'rename',
  'truncate',
  'unlink',
  'writeAside',
  'mkdir',
  'fsyncDirectory',
] as const;

/** Half of the logs promise their producers the disk. */
const FLUSH_MODES = ['ack', 'ack', 'interval', 'never'] as const;

export interface SimResult {
  /** What the first violated promise says; null where all were kept. */
  readonly failure: Error | null;
  readonly acknowledgedRecords: number;
  readonly crashes: number;
  /** Of the operation at which it failed. */
  readonly at: number;
}

const kibibyte = 1024;

export class Simulation {
  private readonly disk = new SimDisk();
  private readonly random: Random;
  private readonly node: SimNode;
  private readonly topics: SimTopic[];
  private crashes = 0;

  /** `note` hears, line by line, what happens. */
  constructor(
    seed: number,
    private readonly note: (line: string) => void = () => {},
  ) {
    this.random = randomOf(seed ^ 0x5eed);
    const { random } = this;
    this.topics = Array.from({ length: 2 + random(2) }, (_, i) => ({
      name: `t${i}`,
      incarnation: 0,
      count: 1 + random(3),
      config: configOf(random),
    }));
    this.node = new SimNode(this.disk, this.topics, SHARDS, note);
  }

  run(operations: readonly SimOperation[]): SimResult {
    let at = -1;
    try {
      this.alive(() => this.node.boot());
      for (at = 0; at < operations.length; at++) {
        this.note(`${at} ${describe(operations[at])}`);
        this.alive(() => this.perform(operations[at]));
      }
      this.note('the end: no more faults');
      this.disk.heal();
      this.disk.endsIn = -1;
      this.disk.threadEndsIn = -1;
      this.live();
    } catch (error) {
      return { failure: error as Error, ...this.result(at) };
    }
    return { failure: null, ...this.result(at) };
  }

  private result(at: number): Omit<SimResult, 'failure'> {
    const acknowledgedRecords = this.node.partitions.reduce((sum, { model }) => sum + model.acknowledgedRecords, 0);
    return { at, crashes: this.crashes, acknowledgedRecords };
  }

  /** Once nothing goes wrong any more, all logs are there, take records, and hold what they must. */
  private live(): void {
    const { node } = this;
    node.settle();
    for (const partition of node.partitions) {
      this.sendNew(partition, null, 1, false);
      node.turn(partition.shard);
    }
    node.settle();
    for (const partition of node.partitions) {
      const { model } = partition;
      const last = [...model.batches.values()].at(-1);
      if (last?.fate !== 'acknowledged') throw new Error(`not live: ${model.label} does not take a record`);
    }
    // Consumers see what is on disk: with flush=interval that is all of it after a stop.
    if (!node.stop()) throw new Error('not live: an orderly stop without faults was none');
    this.disk.kill();
    this.disk.arm();
    node.boot();
    for (const partition of node.partitions) {
      if (!node.verify(partition, READS_AT_THE_END)) throw new Error(`not live: ${partition.label} cannot be read`);
    }
  }

  /** Runs `action`; where the process or the power ends in it, what comes after such an end. */
  private alive(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
    // Somebody may have caught it on the way.
    while (this.disk.over) this.crash(this.disk.endsWith, 0);
  }

  /** `again`: one start in three is cut short itself, after so many operations. */
  private crash(how: 'kill' | 'cut', again: number): void {
    this.crashes++;
    this.node.end(how, this.random);
    if (again > 0) {
      this.disk.endsIn = again;
      this.disk.endsWith = how;
    }
    try {
      this.node.boot();
      this.disk.endsIn = -1;
      for (const partition of this.node.partitions) this.node.verify(partition, 1500 + this.random(4000));
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
    }
  }

  private perform({ kind, a, b, c }: SimOperation): void {
    const { node, disk } = this;
    const partition = node.partitions[a % node.partitions.length];
    const { model } = partition;
    const row = (): ReturnType<SimNode['row']> => node.row(partition);
    switch (kind) {
      case 'produce':
        this.produce(partition, b, c);
        break;
      case 'repeat':
        this.repeat(partition, b, c);
        break;
      case 'turn':
        node.turn(b % SHARDS);
        break;
      case 'advance':
        node.clock.advance(c % 10 === 0 ? b % 40_000 : b % 500);
        break;
      case 'read': {
        const { logStartOffset, highWatermark } = row();
        const offset = logStartOffset + (b % Math.max(1, highWatermark - logStartOffset));
        node.read(partition, offset, 100 + (c % 5000), () => {});
        break;
      }
      case 'lookUp':
        node.lookUp(partition, 1000 + (b % 1000));
        break;
      case 'deleteRecords': {
        const { logStartOffset, highWatermark } = row();
        node.deleteRecords(
          partition,
          logStartOffset + (b % (1 + Math.ceil((highWatermark - logStartOffset) / (1 + (c % 4))))),
        );
        break;
      }
      case 'reconfigure':
        node.reconfigure(partition, configOf(randomOf(b)));
        break;
      case 'recreate':
        node.recreate(this.topics[b % this.topics.length]);
        break;
      case 'sideJob':
        for (let job = 0; job <= c % 3; job++) node.runJob(b);
        break;
      case 'checkpoint':
        node.checkpoint();
        break;
      case 'stop':
        this.stop(b);
        break;
      case 'kill':
      case 'cut':
        this.crash(kind, b % 3 === 0 ? 1 + (c % 60) : 0);
        break;
      case 'killLater':
      case 'cutLater':
        disk.endsIn = b % 25;
        disk.endsWith = kind === 'killLater' ? 'kill' : 'cut';
        break;
      case 'threadDeath':
        disk.threadEndsIn = b % 15;
        break;
      case 'fault':
        this.fault(partition, b, c);
        break;
      case 'heal':
        disk.heal();
        break;
      case 'rot': {
        const hit = rot(disk, partition, b, c);
        if (hit !== null) this.note(`  ${hit}`);
        break;
      }
    }
    if (model.toVerify && kind === 'turn' && disk.faults.length === 0 && disk.endsIn < 0) {
      for (const each of node.partitions) if (each.model.toVerify && each.state === 'online') node.verify(each, 3000);
    }
  }

  private produce(partition: SimPartition, b: number, c: number): void {
    const producer = b % 3 === 0 ? null : this.node.producerOf(partition.model, b % PRODUCERS);
    for (let count = 0; count <= c % 3; count++) {
      if (producer === null || !this.sendAgain(partition, producer)) {
        if (producer !== null && producer.open.length >= OPEN_BATCHES_MAX) return;
        this.sendNew(partition, producer, 1 + ((b >>> 4) % 4));
      }
    }
  }

  /** What is not known to be stored goes first, in its order; true where there is such. */
  private sendAgain(partition: SimPartition, producer: SimProducer): boolean {
    const { open } = producer;
    if (open.every((batch) => batch.inFlight)) return false;
    // In flight behind a failed one: its answer decides first.
    if (open.some((batch) => batch.inFlight)) return true;
    for (const batch of open) if (!this.node.send(partition, batch)) break;
    return true;
  }

  private sendNew(partition: SimPartition, producer: SimProducer | null, count: number, large = true): void {
    const { node, random } = this;
    const name = node.nextName(partition.label);
    const timestampMs = 1000 + random(1000);
    const padding = large && random(12) === 0 ? 3 * kibibyte : random(300);
    const records = Array.from({ length: count }, (_, place) => ({
      key: Buffer.from(`k${random(9)}`),
      value: Buffer.from(`${name}.${place} ${'x'.repeat(padding)}`),
      timestampMs,
    }));
    const baseSequence = producer?.nextSequence ?? -1;
    const identity = producer === null ? {} : { producerId: producer.id, producerEpoch: 0, baseSequence };
    const bytes = encodeBatch({ records, ...identity });
    const batch: SentBatch = {
      ...{ name, count, producer, baseSequence, bytes, timestampMs },
      ...{ fate: 'open', isUncertain: false, life: node.life, inFlight: false },
    };
    if (!node.send(partition, batch)) return;
    if (producer === null) return;
    producer.nextSequence += count;
    producer.open.push(batch);
  }

  /** What was stored is sent again: it must be recognised, and stay where it is. */
  private repeat(partition: SimPartition, b: number, c: number): void {
    const producer = partition.model.producers[b % PRODUCERS];
    if (producer === undefined || producer.open.length > 0 || partition.model.hasRotted) return;
    const original = producer.stored[c % Math.max(1, producer.stored.length)];
    if (original?.batch.fate !== 'acknowledged') return;
    // Where its records are gone, a snapshot that is damaged may have been the last to know the producer: then it is another one.
    if (original.baseOffset >= this.node.row(partition).logStartOffset) this.node.repeat(partition, original);
  }

  private stop(b: number): void {
    const { disk, node } = this;
    disk.endsIn = -1;
    const isClean = node.stop();
    if (!isClean) {
      this.crash('kill', 0);
      return;
    }
    // What an orderly stop left must be on the medium, whatever happens next.
    if (b % 2 === 0) disk.crash(() => 0);
    else disk.kill();
    disk.heal();
    disk.arm();
    node.boot();
  }

  private fault(partition: SimPartition, b: number, c: number): void {
    const operation = FAULTS[b % FAULTS.length];
    const isFull =
      (operation === 'writev' || operation === 'writeAside' || operation === 'open' || operation === 'mkdir') &&
      c % 2 === 0;
    const left = c % 7 === 0 ? 1000 : 1 + (c % 3);
    const folder = c % 5 < 3 ? partition.spec.directory : '';
    this.disk.faults.push({ operation, code: isFull ? 'ENOSPC' : 'EIO', folder, left });
    this.note(`  ${operation} fails ${left} times with ${isFull ? 'ENOSPC' : 'EIO'} under ${folder || '/'}`);
  }
}

function configOf(random: Random): LogConfig {
  return {
    ...testConfig,
    flush: FLUSH_MODES[random(FLUSH_MODES.length)],
    flushIntervalRecords: 3 + random(30),
    flushIntervalMs: 50 + random(500),
    segmentBytesMax: (1 + random(12)) * kibibyte,
    segmentMs: random(4) === 0 ? 2000 : testConfig.segmentMs,
    indexIntervalBytes: [64, 512, 2048][random(3)],
    indexBytesMax: random(5) === 0 ? 64 : testConfig.indexBytesMax,
    preparedBytesMax: [0, 1024, 4096][random(3)],
    timestampType: random(6) === 0 ? 'LogAppendTime' : 'CreateTime',
    retentionMs: random(4) === 0 ? 60_000 : -1,
    retentionBytes: random(4) === 0 ? (4 + random(20)) * kibibyte : -1,
    fileDeleteDelayMs: random(2) * 500,
  };
}

function describe({ kind, a, b, c }: SimOperation): string {
  return `${kind} ${a} ${b} ${c}`;
}
