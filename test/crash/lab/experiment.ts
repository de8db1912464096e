/**
 * What every experiment of the crash laboratory is: a number of independent trials, each made from a seed of its own, so
 * that one that fails can be had again. Test process.
 *
 * An experiment is one file `test/crash/rNN-*.test.ts` that calls {@link experiment}. Under `npm test` it runs at its CI
 * size; `npm run lab -- R1 --long --seed 7` runs the same file at any other.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, randomOf } from '../../history/good-history.js';

/** What the trials found; all counts add up over trials. An anomaly also fails the trial that had it. */
export interface Findings {
  /** Acknowledged records that were looked for afterwards. */
  acknowledged: number;
  lost: number;
  duplicated: number;
  reordered: number;
}

export interface Trial {
  /** Replays this trial alone. */
  readonly seed: number;
  /** 0, 1, 2 ... within this run, for experiments that enumerate. */
  readonly number: number;
  /** How many trials there are in this run. */
  readonly count: number;
  readonly random: Random;
  readonly findings: Findings;
  /** A line for whoever watches. */
  say(line: string): void;
}

export interface Experiment {
  /** As in the catalogue of tests: 'R1'. */
  readonly id: string;
  /** What is done, in a few words. */
  readonly title: string;
  /** What is counted: 'kills', 'seeds'. */
  readonly unit: string;
  /** How many of them under `npm test` and with `--long`. */
  readonly ci: number;
  readonly long: number;
  /** From which seed `npm test` runs; without it, from another one each time. */
  readonly ciSeed?: number;
  /** One trial makes up to so many units (1): then the last one makes what is left. */
  readonly unitsPerTrial?: number;
  /** Trials that may run side by side (1). */
  readonly abreast?: number;
  /** A sentence where this machine cannot, otherwise null. */
  readonly unable?: () => string | null;
  /** A trial fails by throwing. `units` is how many it has to make. */
  readonly trial: (trial: Trial, units: number) => void | Promise<void>;
}

export interface LabRun {
  readonly seed: number;
  readonly units: number;
  /** Ends between two trials after so long. */
  readonly minutes: number;
  say(line: string): void;
}

export interface LabOutcome {
  readonly units: number;
  readonly findings: Findings;
  readonly tookMs: number;
  /** null where every trial was made and passed. */
  readonly failure: Error | null;
}

const CI_TIMEOUT_MS = 10 * 60_000;
const MS_PER_MINUTE = 60_000;
/** A trial that hangs has failed, too. */
const TRIAL_TIMEOUT_MS = 5 * 60_000;

/** Where {@link experiment} puts experiments when the laboratory loads them; null under `npm test`. */
let collected: Experiment[] | null = null;

/** From now on {@link experiment} collects instead of running. */
export function collectExperiments(): readonly Experiment[] {
  collected ??= [];
  return collected;
}

/** Declares an experiment: a test under `npm test`, an entry of the list in the laboratory. */
export function experiment(one: Experiment): void {
  if (collected !== null) {
    collected.push(one);
    return;
  }
  test(`${one.id}: ${one.ci} ${one.unit}: ${one.title}`, { timeout: CI_TIMEOUT_MS }, async (t) => {
    const reason = one.unable?.() ?? null;
    if (reason !== null) return t.skip(reason);
    const seed = Number(process.env.MILLRACE_SEED ?? one.ciSeed ?? Date.now() % 1_000_000);
    const outcome = await runExperiment(one, {
      seed,
      units: one.ci,
      minutes: Infinity,
      say: (line) => t.diagnostic(line),
    });
    t.diagnostic(summary(one, seed, outcome));
    if (outcome.failure !== null) throw outcome.failure;
    assert.equal(outcome.units, one.ci);
  });
}

/** Trial after trial, a seed each, until all are made, one has failed or the time is up. */
export async function runExperiment(one: Experiment, run: LabRun): Promise<LabOutcome> {
  const findings: Findings = { acknowledged: 0, lost: 0, duplicated: 0, reordered: 0 };
  const startedAt = performance.now();
  const perTrial = one.unitsPerTrial ?? 1;
  const count = Math.ceil(run.units / perTrial);
  const failures: Error[] = [];
  let begun = 0;
  let units = 0;
  let toldAt = startedAt;
  const lane = async (): Promise<void> => {
    while (begun < count && failures.length === 0) {
      if (performance.now() - startedAt > run.minutes * MS_PER_MINUTE) return;
      const number = begun++;
      const seed = run.seed + number;
      const unitsHere = Math.min(perTrial, run.units - number * perTrial);
      try {
        const trial: Trial = { seed, number, count, random: randomOf(seed), findings, say: run.say };
        await inTime(Promise.resolve(one.trial(trial, unitsHere)));
        units += unitsHere;
      } catch (error) {
        const replay = `npm run lab -- ${one.id} --seed ${seed} --count ${unitsHere}`;
        failures.push(new Error(`${one.id} failed with seed ${seed}; again by: ${replay}`, { cause: error }));
      }
      if (performance.now() - toldAt > MS_PER_MINUTE / 4) {
        toldAt = performance.now();
        run.say(`${one.id}: ${units} of ${run.units} ${one.unit}, ${findings.acknowledged} records acknowledged`);
      }
    }
  };
  await Promise.all(Array.from({ length: one.abreast ?? 1 }, lane));
  return { units, findings, tookMs: performance.now() - startedAt, failure: failures[0] ?? null };
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${TRIAL_TIMEOUT_MS} ms`)), TRIAL_TIMEOUT_MS);
  });
  await Promise.race([work, tooLong]).finally(() => clearTimeout(timer));
}

/** One line: what was done, what was found. */
export function summary(one: Experiment, seed: number, { units, findings, tookMs, failure }: LabOutcome): string {
  const { acknowledged, lost, duplicated, reordered } = findings;
  const found = `${acknowledged} records acknowledged, ${lost} lost, ${duplicated} duplicated, ${reordered} reordered`;
  const seconds = (tookMs / 1000).toFixed(1);
  return `${one.id}: ${units} ${one.unit} from seed ${seed}: ${found}; ${failure === null ? 'passed' : 'FAILED'} in ${seconds} s`;
}
