/** What the bench reached before, as ratios to the limits of the machine, and whether it still does. Process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './checkout.js';
import type { Row } from './compare.js';
import type { Machine } from './machine.js';
import { ratioToLimit } from './ratio.js';
import type { Report } from './report.js';

export interface Baseline {
  readonly machine: Machine;
  readonly commit: string;
  readonly runs: number;
  readonly secondsPerRun: number;
  /** By cell; above 1 means faster than the limit program. */
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly cell: string;
  readonly expected: number;
  /** Null where the cell failed or has no limit any more. */
  readonly reached: number | null;
  readonly holds: boolean;
}

/** The share of the baseline that a run may lack. */
const toleratedLoss = 0.15;

const folder = join(checkout(), 'bench', 'baseline');

/** The product's ratios, for the cells that have a limit. */
export function ratiosOf(rows: readonly Row[]): Record<string, number> {
  const ratios: Record<string, number> = {};
  for (const row of rows) {
    if (row.role !== 'product' || row.cell in ratios) continue;
    const reached = ratioToLimit(row, rows);
    if (reached !== null) ratios[row.cell] = Number(reached.toFixed(4));
  }
  return ratios;
}

/** One verdict for each cell of the baseline that was to be measured. */
export function judge(baseline: Baseline, rows: readonly Row[], cells: readonly string[]): Verdict[] {
  const ratios = ratiosOf(rows);
  return Object.entries(baseline.ratios)
    .filter(([cell]) => cells.includes(cell))
    .map(([cell, expected]) => {
      const reached = ratios[cell] ?? null;
      return { cell, expected, reached, holds: reached !== null && reached >= expected * (1 - toleratedLoss) };
    });
}

export function describeVerdict({ cell, expected, reached, holds }: Verdict): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  const now = reached === null ? 'was not measured' : `reaches ${percent(reached)} of its limit`;
  return `${holds ? 'holds' : 'FALLS'}  ${cell.padEnd(16)} ${now}, the baseline ${percent(expected)}`;
}

/** The baseline of a machine like this one; of another where there is none, which `sameMachine` tells. Null where there is none at all. */
export function readBaseline(machine: Machine): { baseline: Baseline; sameMachine: boolean } | null {
  if (!existsSync(folder)) return null;
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort();
  const own = fileName(machine);
  const chosen = files.includes(own) ? own : files[0];
  if (chosen === undefined) return null;
  const baseline = JSON.parse(readFileSync(join(folder, chosen), 'utf8')) as Baseline;
  return { baseline, sameMachine: chosen === own };
}

/** Returns the path of the file. */
export function writeBaseline({ machine, runs, secondsPerRun, rows }: Report): string {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], {
    cwd: checkout(),
    encoding: 'utf8',
  });
  const commit = status === 0 ? stdout.trim() : 'unknown';
  const baseline: Baseline = { machine, commit, runs, secondsPerRun, ratios: ratiosOf(rows) };
  mkdirSync(folder, { recursive: true });
  const path = join(folder, fileName(machine));
  writeFileSync(path, `${JSON.stringify(baseline, null, 2)}\n`);
  return path;
}

/** Machines with the same processor and number of cores share a baseline. */
function fileName({ processor, cores }: Machine): string {
  return `${processor
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')}-${cores}-cores.json`;
}
