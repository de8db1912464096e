/** Runs each cell against all contenders and limits in turns, A B A B, so that a moody machine is moody for all. Process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { limitName, runLimit } from '../limit/run-limit.js';
import { Admin, firstAck } from './admin.js';
import { blobBatch } from './batches.js';
import type { Contender } from './broker.js';
import type { Cell, LoadCell } from './cells.js';
import { type Figures, figuresOf, type Ranges, rangesOf, startFigures } from './figures.js';
import { LoadedTopics } from './loaded-topics.js';
import { noiseMs } from './machine.js';
import { CpuWindow } from './process-stat.js';
import { seconds } from './produce-job.js';
import { runBlaster } from './run-blaster.js';

export interface Plan {
  readonly contenders: readonly Contender[];
  readonly cells: readonly Cell[];
  readonly withLimits: boolean;
  readonly runs: number;
  readonly secondsPerRun: number;
  /** Where limit programs put their files. */
  readonly directory: string;
  readonly say: (line: string) => void;
}

export interface Run {
  /** Runs of one round were made one after the other and are comparable; 0-based. */
  readonly round: number;
  /** Longest time that a spinning loop was held up just before. */
  readonly noiseMs: number;
  readonly figures: Figures;
}

export interface Row {
  readonly cell: string;
  readonly title: string;
  readonly who: string;
  readonly isLimit: boolean;
  readonly runs: readonly Run[];
  /** Over the rounds that were calm for all; over every round where none was. */
  readonly ranges: Ranges;
  readonly calmRounds: number;
  /** Why there are fewer runs than planned, or null. */
  readonly failure: string | null;
}

/** A round in which a spinning loop was held up for longer than this is left out, for everyone. */
const noiseMsMax = 20;
/** How often calm is waited for before a run is made all the same. */
const calmAttempts = 20;
const idleSeconds = 5;

/** Something that can be measured again and again within one cell. */
interface Entrant {
  readonly who: string;
  readonly isLimit: boolean;
  readonly run: () => Promise<Figures>;
  readonly runs: Run[];
  failure: string | null;
}

export async function compare(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  const loaded = new LoadedTopics();
  for (const cell of plan.cells) {
    plan.say(`${cell.name}: ${cell.title}`);
    const entrants = cell.kind === 'start' ? startEntrants(plan, cell) : loadEntrants(plan, cell, loaded);
    for (let round = 0; round < plan.runs; round++) {
      for (const entrant of entrants) await runOnce(entrant, round, plan.say);
    }
    const all = entrants.flatMap((entrant) => entrant.runs);
    const noisy = new Set(all.filter((run) => run.noiseMs > noiseMsMax).map((run) => run.round));
    for (const { who, isLimit, runs, failure } of entrants) {
      const kept = noisy.size < plan.runs ? runs.filter((run) => !noisy.has(run.round)) : runs;
      const ranges = rangesOf(kept.map((run) => run.figures));
      const calmRounds = plan.runs - noisy.size;
      rows.push({ cell: cell.name, title: cell.title, who, isLimit, runs, ranges, calmRounds, failure });
    }
  }
  await loaded.deleteAll();
  return rows;
}

async function runOnce(entrant: Entrant, round: number, say: (line: string) => void): Promise<void> {
  if (entrant.failure !== null) return;
  // What earlier runs left to be written would be written within this one.
  spawnSync('sync');
  let noise = noiseMs();
  for (let attempt = 1; noise > noiseMsMax && attempt < calmAttempts; attempt++) {
    await seconds(0.25);
    noise = noiseMs();
  }
  try {
    const figures = await entrant.run();
    entrant.runs.push({ round, noiseMs: noise, figures });
    const verdict = noise > noiseMsMax ? `, noisy: ${noise.toFixed(0)} ms` : '';
    say(`  ${entrant.who.padEnd(28)} ${describe(figures)}${verdict}`);
  } catch (error) {
    entrant.failure = error instanceof Error ? error.message : String(error);
    say(`  ${entrant.who.padEnd(28)} FAILED: ${entrant.failure}`);
  }
}

function describe(figures: Figures): string {
  if (figures.startToAckMs !== null) {
    return `${figures.startToAckMs.toFixed(0)} ms, idle ${figures.serverCpuPercent?.toFixed(2)} %, ${figures.serverResidentMb?.toFixed(0)} MB`;
  }
  const parts = [`${figures.megabytesPerSecond?.toFixed(1)} MB/s`];
  if (figures.requestsPerSecond !== null) parts.push(`${figures.requestsPerSecond.toFixed(0)} req/s`);
  if (figures.p50Ms !== null) {
    parts.push(`${figures.p50Ms.toFixed(2)} / ${figures.p99Ms?.toFixed(2)} / ${figures.p999Ms?.toFixed(2)} ms`);
  }
  parts.push(`${figures.serverCpuSecondsPerGb?.toFixed(2)} CPU-s/GB`);
  return parts.join(', ');
}

function takingPart(plan: Plan, cell: Cell): Contender[] {
  return plan.contenders.filter(({ onlyCells }) => onlyCells === null || cell.name.startsWith(onlyCells));
}

function loadEntrants(plan: Plan, cell: LoadCell, loaded: LoadedTopics): Entrant[] {
  const contenders = takingPart(plan, cell).map((contender) => {
    return entrant(contender.name, false, () => runLoad(contender, cell, plan, loaded));
  });
  if (!plan.withLimits) return contenders;
  const limits = cell.limits.map((limit) => {
    const run = async () => figuresOf(await runLimit(limit, cell, plan.directory, plan.secondsPerRun));
    return entrant(limitName(limit), true, run);
  });
  return [...contenders, ...limits];
}

function startEntrants(plan: Plan, cell: Cell): Entrant[] {
  return takingPart(plan, cell)
    .filter((contender) => contender.startFresh !== null)
    .map((contender) => entrant(contender.name, false, () => runStart(contender)));
}

function entrant(who: string, isLimit: boolean, run: () => Promise<Figures>): Entrant {
  return { who, isLimit, run, runs: [], failure: null };
}

let topicsMade = 0;

async function runLoad(contender: Contender, cell: LoadCell, plan: Plan, loaded: LoadedTopics): Promise<Figures> {
  const broker = await contender.broker(cell.flush);
  const { secondsPerRun } = plan;
  if (cell.preloadBytes > 0) {
    const topic = await loaded.topicOf(contender, cell);
    return figuresOf(await runBlaster(cell.job({ broker, topic, seconds: secondsPerRun })));
  }
  const topic = `bench-${process.pid}-${topicsMade++}`;
  const admin = await Admin.open(broker.host, broker.port);
  try {
    await admin.createTopic(topic, cell.partitions, contender.topicConfigs(cell.flush));
    const result = await runBlaster(cell.job({ broker, topic, seconds: secondsPerRun }));
    await admin.deleteTopic(topic);
    return figuresOf(result);
  } finally {
    admin.close();
  }
}

async function runStart(contender: Contender): Promise<Figures> {
  if (contender.startFresh === null) throw new Error(`${contender.name} is not ours to start`);
  const broker = await contender.startFresh();
  try {
    const { bytes } = blobBatch(100, 1, 1);
    await firstAck(broker.host, broker.port, bytes, broker.check);
    const startToAckMs = performance.now() - broker.startedMs;
    // What follows a start (just-in-time compiling, first collections) is not idling yet.
    await seconds(2);
    const cpu = new CpuWindow(broker.pid);
    await seconds(idleSeconds);
    const { serverCpuSeconds, serverResidentBytes } = cpu.end();
    const percent = serverCpuSeconds === null ? null : (100 * serverCpuSeconds) / idleSeconds;
    return startFigures(startToAckMs, percent, serverResidentBytes);
  } finally {
    await broker.close();
  }
}
