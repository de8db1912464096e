/** Half an hour at one pace, past what the page cache holds: does every minute look like every other one? Process of `millrace bench`. */
import { runLimit } from '../limit/run-limit.js';
import { Admin } from './admin.js';
import type { Contender, RunningBroker } from './broker.js';
import type { LoadCell } from './cell.js';
import { cells } from './cells.js';
import type { Row, Run } from './compare.js';
import { figuresOf, rangesOf } from './figures.js';
import type { JobResult, Stretch } from './job.js';
import { noiseMs } from './machine.js';
import { runBlaster } from './run-blaster.js';

export interface Sustained {
  readonly contenders: readonly Contender[];
  readonly minutes: number;
  /** MB/s, or null: 70 % of what the broker takes for a moment and of what the disk takes for long, whichever is less. */
  readonly rate: number | null;
  /** What the topic keeps: more than the machine has memory makes it a test of the disk. */
  readonly retainGb: number;
  readonly directory: string;
  readonly say: (line: string) => void;
}

const shareOfMost = 0.7;
const probeSeconds = 5;
const warmUpSeconds = 5;
const batchBytes = 64 * 1024;
const partitions = 16;
const segmentBytes = 128 * 1024 * 1024;

/** Old segments have to go as fast as new ones come: brokers look for them this often. */
export const sustainedSettings: Readonly<Record<string, string>> = { 'log.retention.check.interval.ms': '10000' };

/** No minute may carry less than this share of the median minute. */
const slowestShareMin = 0.8;
/** No record may be under way for longer. */
const stallMsMax = 250;

export interface Steadiness {
  /** The slowest stretch as a share of the median one. */
  readonly slowestShare: number;
  readonly longestMs: number;
  readonly steady: boolean;
}

/** Null where there is not one whole stretch. */
export function steadiness(stretches: readonly Stretch[]): Steadiness | null {
  if (stretches.length === 0) return null;
  const rates = stretches.map(({ bytes, seconds }) => bytes / seconds).sort((a, b) => a - b);
  const slowestShare = rates[0] / rates[rates.length >> 1];
  const longestMs = Math.max(...stretches.map(({ maxMs }) => maxMs ?? Number.POSITIVE_INFINITY));
  return { slowestShare, longestMs, steady: slowestShare >= slowestShareMin && longestMs <= stallMsMax };
}

export async function sustained(plan: Sustained): Promise<Row[]> {
  const rows: Row[] = [];
  for (const contender of plan.contenders) rows.push(await sustain(contender, plan));
  return rows;
}

async function sustain(contender: Contender, plan: Sustained): Promise<Row> {
  const { say, minutes } = plan;
  const runs: Run[] = [];
  let failure: string | null = null;
  try {
    const broker = await contender.broker('never');
    const rate = plan.rate ?? (await paceFor(contender, broker, plan));
    say(`${contender.name}: ${rate.toFixed(0)} MB/s for ${minutes} min`);
    const noise = noiseMs();
    const result = await run(contender, broker, rate, plan);
    const verdict = steadiness(result.stretches);
    const extra: Record<string, number> =
      verdict === null ? {} : { 'slowest minute %': 100 * verdict.slowestShare, 'longest ms': verdict.longestMs };
    for (const [at, { bytes, seconds, p999Ms, maxMs }] of result.stretches.entries()) {
      say(
        `  ${String(at + 1).padStart(3)}  ${(bytes / 1e6 / seconds).toFixed(1)} MB/s, p99.9 ${p999Ms} ms, max ${maxMs} ms`,
      );
    }
    if (verdict !== null) say(`  ${verdict.steady ? 'steady' : 'NOT STEADY'}`);
    const { histogram, timeline, stretches } = result;
    runs.push({ round: 0, noiseMs: noise, figures: { ...figuresOf(result), extra }, histogram, timeline, stretches });
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
    say(`  FAILED: ${failure}`);
  }
  return {
    cell: 'sustained',
    title: `${minutes} minutes at one pace, 64 KiB batches, tail read by one consumer`,
    who: contender.name,
    role: contender.role,
    judgedBy: 'megabytesPerSecond',
    runs,
    ranges: rangesOf(runs.map(({ figures }) => figures)),
    calmRounds: runs.length,
    failure,
  };
}

async function paceFor(contender: Contender, broker: RunningBroker, { directory, say }: Sustained): Promise<number> {
  const cell = cells.find(({ name }) => name === 'produce-64k') as LoadCell;
  const topic = `bench-${process.pid}-most`;
  const admin = await Admin.open(broker.host, broker.port);
  await admin.createTopic(topic, partitions, contender.topicConfigs('never'));
  const most = await runBlaster(cell.job({ broker, topic, loadedTopic: null, seconds: probeSeconds }));
  await admin.deleteTopic(topic);
  admin.close();
  const oneMiB = { kind: 'flush', batchBytes: 1024 * 1024, batchesPerFile: 1 } as const;
  const disk = await runLimit(oneMiB, cell, directory, probeSeconds);
  const rates = [most, disk].map(({ bytes, seconds }) => bytes / 1e6 / seconds);
  say(`${contender.name} takes ${rates[0].toFixed(0)} MB/s for a moment, the disk ${rates[1].toFixed(0)} MB/s`);
  return shareOfMost * Math.min(...rates);
}

async function run(contender: Contender, broker: RunningBroker, rate: number, plan: Sustained): Promise<JobResult> {
  const { host, port, pid } = broker;
  const topic = `bench-${process.pid}-sustained`;
  const seconds = plan.minutes * 60;
  await withAdmin(broker, (admin) =>
    admin.createTopic(topic, partitions, [
      ...contender.topicConfigs('never'),
      { name: 'retention.bytes', value: String(Math.floor((plan.retainGb * 1e9) / partitions)) },
      { name: 'segment.bytes', value: String(segmentBytes) },
    ]),
  );
  const result = await runBlaster({
    kind: 'end-to-end',
    ...{ host, port, topic, partitions, serverPid: pid, warmUpSeconds, seconds, acks: 1 },
    stretchSeconds: Math.min(60, seconds / 5),
    shape: { kind: 'log-lines', batchBytes },
    batchesPerSecond: (rate * 1e6) / batchBytes,
  });
  await withAdmin(broker, (admin) => admin.deleteTopic(topic));
  return result;
}

/** On a connection for itself: brokers close one on which nothing was asked for ten minutes. */
async function withAdmin(broker: RunningBroker, act: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = await Admin.open(broker.host, broker.port);
  try {
    await act(admin);
  } finally {
    admin.close();
  }
}
