/** Runs each cell against all contenders and limits in turns, A B A B, so that a moody machine is moody for all. Process of `millrace bench`. */
import { limitName, runLimit, runTimedLimit } from '../limit/run-limit.js';
import type { Contender } from './broker.js';
import type { Cell, Limit } from './cell.js';
import { seconds } from './closed-loop.js';
import { type FigureName, type Figures, figuresOf, type Ranges, rangesOf, startFigures } from './figures.js';
import type { JobResult, Stretch, Timeline } from './job.js';
import { LoadedTopics } from './loaded-topics.js';
import { noiseMs, syncDisks } from './machine.js';
import { runDeletion } from './run-deletion.js';
import { runLoad, runWatched } from './run-load.js';
import { runRestart, runStart } from './run-start.js';

export interface Plan {
  readonly contenders: readonly Contender[];
  readonly cells: readonly Cell[];
  /** How many of a cell's limit programs are measured: the first one is what ratios are made to. */
  readonly limits: 'all' | 'first' | 'none';
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
  /** As {@link JobResult.histogram}. */
  readonly histogram: string | null;
  readonly timeline: Timeline | null;
  readonly stretches: readonly Stretch[];
}

export type Role = 'product' | 'peer' | 'limit';

export interface Row {
  readonly cell: string;
  readonly title: string;
  readonly who: string;
  readonly role: Role;
  /** What the cell is about: the figure that ratios are made of. */
  readonly judgedBy: FigureName;
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

/** What one run brought: the load client's result, or figures that were taken without it. */
export type Outcome = JobResult | Figures;

/** Something that can be measured again and again within one cell. */
interface Entrant {
  readonly who: string;
  readonly role: Role;
  readonly run: () => Promise<Outcome>;
  readonly runs: Run[];
  failure: string | null;
}

export async function compare(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  const loaded = new LoadedTopics();
  for (const cell of plan.cells) {
    plan.say(`${cell.name}: ${cell.title}`);
    const entrants = [...brokerEntrants(plan, cell, loaded), ...limitEntrants(plan, cell)];
    for (let round = 0; round < plan.runs; round++) {
      for (const entrant of entrants) await runOnce(entrant, round, plan.say);
    }
    rows.push(...rowsOf(cell, entrants, plan.runs));
  }
  await loaded.deleteAll();
  return rows;
}

function rowsOf({ name, title, judgedBy }: Cell, entrants: readonly Entrant[], rounds: number): Row[] {
  const all = entrants.flatMap((entrant) => entrant.runs);
  const noisy = new Set(all.filter((run) => run.noiseMs > noiseMsMax).map((run) => run.round));
  return entrants.map(({ who, role, runs, failure }) => {
    const kept = noisy.size < rounds ? runs.filter((run) => !noisy.has(run.round)) : runs;
    const ranges = rangesOf(kept.map((run) => run.figures));
    return { cell: name, title, who, role, judgedBy, runs, ranges, calmRounds: rounds - noisy.size, failure };
  });
}

async function runOnce(entrant: Entrant, round: number, say: (line: string) => void): Promise<void> {
  if (entrant.failure !== null) return;
  // What earlier runs left to be written would be written within this one.
  syncDisks();
  let noise = noiseMs();
  for (let attempt = 1; noise > noiseMsMax && attempt < calmAttempts; attempt++) {
    await seconds(0.25);
    noise = noiseMs();
  }
  try {
    const outcome = await entrant.run();
    const raw = 'timeline' in outcome ? outcome : { histogram: null, timeline: null, stretches: [] };
    const figures = 'timeline' in outcome ? figuresOf(outcome) : outcome;
    const { histogram, timeline, stretches } = raw;
    entrant.runs.push({ round, noiseMs: noise, figures, histogram, timeline, stretches });
    const verdict = noise > noiseMsMax ? `, noisy: ${noise.toFixed(0)} ms` : '';
    say(`  ${entrant.who.padEnd(28)} ${describe(figures)}${verdict}`);
  } catch (error) {
    entrant.failure = error instanceof Error ? error.message : String(error);
    say(`  ${entrant.who.padEnd(28)} FAILED: ${entrant.failure}`);
  }
}

function describe(figures: Figures): string {
  const { startToAckMs, megabytesPerSecond, requestsPerSecond, p50Ms, p99Ms, p999Ms, serverCpuSecondsPerGb } = figures;
  const parts: string[] = [];
  if (startToAckMs !== null) parts.push(`${startToAckMs.toFixed(0)} ms`);
  if (megabytesPerSecond !== null) parts.push(`${megabytesPerSecond.toFixed(1)} MB/s`);
  if (requestsPerSecond !== null) parts.push(`${requestsPerSecond.toFixed(0)} req/s`);
  if (p50Ms !== null) parts.push(`${p50Ms.toFixed(2)} / ${p99Ms?.toFixed(2)} / ${p999Ms?.toFixed(2)} ms`);
  if (serverCpuSecondsPerGb !== null) parts.push(`${serverCpuSecondsPerGb.toFixed(2)} CPU-s/GB`);
  else if (figures.serverCpuPercent !== null) parts.push(`${figures.serverCpuPercent.toFixed(2)} % CPU`);
  if (figures.serverResidentMb !== null) parts.push(`${figures.serverResidentMb.toFixed(0)} MB`);
  for (const [name, value] of Object.entries(figures.extra)) parts.push(`${name} ${value.toFixed(2)}`);
  return parts.join(', ');
}

function brokerEntrants(plan: Plan, cell: Cell, loaded: LoadedTopics): Entrant[] {
  const { secondsPerRun } = plan;
  return plan.contenders
    .filter(({ onlyCells }) => onlyCells === null || cell.name.startsWith(onlyCells))
    .flatMap((contender) => {
      const { name, role, startFresh, startWatched } = contender;
      const entrant = (run: () => Promise<Outcome>): Entrant => ({ who: name, role, run, runs: [], failure: null });
      if (cell.kind === 'load') {
        if (!cell.stalls) return [entrant(() => runLoad(contender, cell, secondsPerRun, loaded))];
        return startWatched === null ? [] : [entrant(() => runWatched(startWatched, cell, secondsPerRun))];
      }
      // Apache Kafka unlinks by a clock of its own: its files would go at any other time than that which is measured.
      if (cell.kind === 'deletion') {
        return role === 'product' ? [entrant(() => runDeletion(contender, cell))] : [];
      }
      if (startFresh === null) return [];
      return [entrant(() => (cell.kind === 'start' ? runStart(startFresh) : runRestart(startFresh, cell)))];
    });
}

function limitEntrants({ limits, directory, secondsPerRun }: Plan, cell: Cell): Entrant[] {
  const wanted: readonly Limit[] = limits === 'none' ? [] : limits === 'first' ? cell.limits.slice(0, 1) : cell.limits;
  return wanted.map((limit) => {
    const run = async (): Promise<Outcome> => {
      if (limit.kind === 'node' || limit.kind === 'recover') {
        return startFigures(await runTimedLimit(limit, directory), null, null);
      }
      if (cell.kind !== 'load') throw new Error(`${cell.name} is not driven by the load client`);
      return runLimit(limit, cell, directory, secondsPerRun);
    };
    return { who: limitName(limit), role: 'limit', run, runs: [], failure: null };
  });
}
