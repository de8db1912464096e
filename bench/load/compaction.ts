/** A topic of very many keys is compacted while another is produced to: does who produces feel it? Process of `millrace bench`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeLogDirs } from '../../src/protocol/messages/35-describe-log-dirs.js';
import { incrementalAlterConfigs } from '../../src/protocol/messages/44-incremental-alter-configs.js';
import { CRC, RECORDS, RECORDS_COUNT } from '../../src/record/batch-layout.js';
import { encodeBatch } from '../../src/record/record.js';
import { computeCrc } from '../../src/record/record-batch.js';
import { RecordCursor } from '../../src/record/record-cursor.js';
import { type Admin, openWhenUp } from './admin.js';
import { besideWork, createBesideTopic, produceBeside } from './beside.js';
import type { Contender, FreshBroker } from './broker.js';
import { seconds } from './closed-loop.js';
import type { Row, Run } from './compare.js';
import { figuresOf, rangesOf } from './figures.js';
import type { JobResult } from './job.js';
import { Chance, halfCompressible } from './log-lines.js';
import { noiseMs } from './machine.js';
import { residentBytes } from './process-stat.js';

export interface CompactionPlan {
  readonly contenders: readonly Contender[];
  readonly keys: number;
  readonly say: (line: string) => void;
}

/** What is due is looked for this often, so that the work begins when it is meant to. */
export const compactionSettings: Readonly<Record<string, string>> = { 'log.cleaner.backoff.ms': '1000' };

const topic = 'latest';
const besideTopic = 'beside';
const segmentBytesMax = 64 * 1024 * 1024;
/** What is not sealed is not compacted. */
const segmentsMin = 16;
const recordsPerBatch = 5000;
const keyBytes = 16;
const valueBytes = 100;
const windowSeconds = 10;
const topicResource = 2;
const set = 0;

/**
 * Every key twice, neighbours far apart: record n carries key (n * step mod all) / 2. Half of the records go, everywhere in
 * the log, and every batch is written anew.
 */
class KeyedBatches {
  private readonly batch: Buffer;
  private readonly keyAt: number[] = [];
  private next = 0;
  readonly all: number;

  constructor(keys: number) {
    this.all = Math.ceil((2 * keys) / recordsPerBatch) * recordsPerBatch;
    const value = halfCompressible(new Chance(1), valueBytes);
    const records = Array.from({ length: recordsPerBatch }, () => ({
      key: Buffer.alloc(keyBytes),
      value,
      timestampMs: Date.now(),
    }));
    this.batch = encodeBatch({ records });
    const cursor = new RecordCursor();
    cursor.begin(this.batch.subarray(RECORDS), this.batch.readInt32BE(RECORDS_COUNT));
    while (cursor.next()) this.keyAt.push(RECORDS + cursor.keyStart);
  }

  /** Valid until the next one; null behind the last. */
  take(): Buffer | null {
    const { batch, all } = this;
    if (this.next >= all) return null;
    for (const at of this.keyAt) {
      // A prime that divides none of the sizes that anybody asks for, and keeps the product exact.
      batch.writeUInt32BE(Math.floor(((this.next++ * 7_654_319) % all) / 2), at);
    }
    batch.writeUInt32BE(computeCrc(batch, 0, batch.length) >>> 0, CRC);
    return batch;
  }
}

export async function compaction(plan: CompactionPlan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const contender of plan.contenders) {
    if (contender.startFresh !== null) rows.push(await measure(contender, contender.startFresh, plan));
  }
  return rows;
}

async function measure(
  contender: Contender,
  start: NonNullable<Contender['startFresh']>,
  { keys, say }: CompactionPlan,
): Promise<Row> {
  const runs: Run[] = [];
  let failure: string | null = null;
  const broker = await start('ack');
  try {
    const admin = await openWhenUp(broker.host, broker.port, () => broker.check());
    const records = await fill(admin, keys);
    say(`${contender.name}: ${records.toLocaleString('en-US')} records of ${keys.toLocaleString('en-US')} keys`);
    await createBesideTopic(admin, besideTopic, contender);
    const noise = noiseMs();
    const alone = await produceBeside(broker, besideTopic, windowSeconds);
    const bytesBefore = (await sizeOf(admin)).bytes;
    const beside = await whileCompacted(admin, broker);
    const { worst, tookSeconds, residentMb } = beside;
    const [aloneMs, besideMs] = [alone, worst].map(({ latencyMs }) => latencyMs?.p99 ?? Number.NaN);
    const extra = {
      'p99 alone ms': aloneMs,
      'times alone': besideMs / aloneMs,
      'compaction s': tookSeconds,
      'GB before': bytesBefore / 1e9,
      'GB after': (await sizeOf(admin)).bytes / 1e9,
      'most MB': residentMb,
    };
    say(
      `  ${Object.entries(extra)
        .map(([name, value]) => `${name} ${value.toFixed(2)}`)
        .join(', ')}`,
    );
    admin.close();
    const { histogram, timeline, stretches } = worst;
    runs.push({ round: 0, noiseMs: noise, figures: { ...figuresOf(worst), extra }, histogram, timeline, stretches });
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    say(`  FAILED: ${failure}`);
  } finally {
    await broker.close();
  }
  return {
    cell: 'compaction',
    title: `${besideWork}, while ${keys.toLocaleString('en-US')} keys of another topic are compacted`,
    who: contender.name,
    role: contender.role,
    judgedBy: 'p99Ms',
    runs,
    ranges: rangesOf(runs.map(({ figures }) => figures)),
    calmRounds: runs.length,
    failure,
  };
}

/** Returns how many records there are. */
async function fill(admin: Admin, keys: number): Promise<number> {
  const batches = new KeyedBatches(keys);
  const segmentBytes = Math.min(segmentBytesMax, Math.floor((batches.all * (keyBytes + valueBytes)) / segmentsMin));
  await admin.createTopic(topic, 1, [
    { name: 'cleanup.policy', value: 'compact' },
    { name: 'segment.bytes', value: String(Math.max(1024 * 1024, segmentBytes)) },
    // Nothing is as dirty as that: the work begins when it is told to.
    { name: 'min.cleanable.dirty.ratio', value: '1' },
  ]);
  for (let batch = batches.take(); batch !== null; batch = batches.take()) {
    const error = await admin.produce(topic, batch);
    if (error !== 'NONE') throw new Error(`Produce to ${topic} was answered with ${error}`);
  }
  return batches.all;
}

/** Produces until the compaction is over; the worst of the windows that lie within it, or the first where none does. */
async function whileCompacted(
  admin: Admin,
  broker: FreshBroker,
): Promise<{ worst: JobResult; tookSeconds: number; residentMb: number }> {
  const { folder } = await sizeOf(admin);
  const startedMs = performance.now();
  await beginCompaction(admin);
  let over = false;
  let resident = 0;
  const watch = async (): Promise<number> => {
    while (!isClean(folder)) {
      broker.check();
      resident = Math.max(resident, residentBytes(broker.pid) ?? 0);
      await seconds(0.1);
    }
    over = true;
    return (performance.now() - startedMs) / 1000;
  };
  const windows = async (): Promise<JobResult[]> => {
    const found: JobResult[] = [];
    while (!over) {
      const window = await produceBeside(broker, besideTopic, windowSeconds);
      if (!over || found.length === 0) found.push(window);
    }
    return found;
  };
  const [tookSeconds, found] = await Promise.all([watch(), windows()]);
  const p99 = (window: JobResult) => window.latencyMs?.p99 ?? 0;
  const worst = found.reduce((before, window) => (p99(window) > p99(before) ? window : before));
  return { worst, tookSeconds, residentMb: resident / 1e6 };
}

async function beginCompaction(admin: Admin): Promise<void> {
  const configs = [{ name: 'min.cleanable.dirty.ratio', configOperation: set, value: '0.01' }];
  const resources = [{ resourceType: topicResource, resourceName: topic, configs }];
  const { responses } = await admin.ask(incrementalAlterConfigs, 0, { resources, validateOnly: false });
  if (responses[0].errorCode !== 'NONE') throw new Error(`IncrementalAlterConfigs: ${responses[0].errorCode}`);
}

/** Of the topic that is compacted: its bytes, and the data folder that it lies in. */
async function sizeOf(admin: Admin): Promise<{ folder: string; bytes: number }> {
  const { results } = await admin.ask(describeLogDirs, 1, { topics: [{ topic, partitions: [0] }] });
  for (const { logDir, topics } of results) {
    for (const { partitions } of topics) return { folder: logDir, bytes: partitions[0].partitionSize };
  }
  throw new Error(`nobody says where ${topic} lies`);
}

/** Both brokers write down, when they have compacted a log, from where on it is dirty: `topic partition offset`, a line each. */
function isClean(folder: string): boolean {
  try {
    const lines = readFileSync(join(folder, 'cleaner-offset-checkpoint'), 'utf8').split('\n');
    return lines.some((line) => line.startsWith(`${topic} 0 `) && Number(line.split(' ')[2]) > 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
