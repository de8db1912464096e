/** `npm run lab`: lists the experiments of the crash laboratory, or runs some at a size of one's choice. Test process. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { projectRoot } from '../../project-root.js';
import { collectExperiments, type Experiment, type LabOutcome, runExperiment, summary } from './experiment.js';

const USAGE = `npm run lab                                   lists the experiments
npm run lab -- R1 [R2 ...]                    runs them at their CI size
npm run lab -- R1 --long                      ... at their long size
npm run lab -- R25 --seed 7 --count 100       a hundred trials from seed 7 on
npm run lab -- R25 --long --minutes 20        ends after 20 minutes and says how to go on
npm run lab -- R25 --long --record            adds a row to test/crash/RESULTS.md`;

const FOLDER = join(projectRoot, 'dist', 'test', 'crash');
const RESULTS = join(projectRoot, 'test', 'crash', 'RESULTS.md');

/** Every `rNN-*.test.js` beside this folder, in the order of their numbers. */
async function loadExperiments(): Promise<readonly Experiment[]> {
  const found = collectExperiments();
  for (const name of readdirSync(FOLDER).sort()) {
    if (/^r\d+-.*\.test\.js$/.test(name)) await import(pathToFileURL(join(FOLDER, name)).href);
  }
  return found;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Puts a row under the last one of the first table in RESULTS.md. */
function record(one: Experiment, seed: number, { units, findings, tookMs, failure }: LabOutcome): void {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: projectRoot, encoding: 'utf8' }).trim();
  const { acknowledged, lost, duplicated, reordered } = findings;
  const cells = [
    one.id,
    `${units.toLocaleString('en')} ${one.unit}`,
    seed,
    acknowledged.toLocaleString('en'),
    lost,
    duplicated,
    reordered,
    `${Math.round(tookMs / 1000).toLocaleString('en')} s`,
    failure === null ? 'passed' : 'failed',
    new Date().toISOString().slice(0, 10),
    `${commit}, Node.js ${process.version}`,
  ];
  const lines = readFileSync(RESULTS, 'utf8').split('\n');
  lines.splice(lines.findLastIndex((line) => /^\| R\d/.test(line)) + 1, 0, `| ${cells.join(' | ')} |`);
  writeFileSync(RESULTS, lines.join('\n'));
}

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    count: { type: 'string' },
    minutes: { type: 'string' },
    record: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const experiments = await loadExperiments();
const wanted = positionals.map((id) => id.toUpperCase());
/** R3 is all of R3-EXT4 and R3-XFS. */
const isMeant = (one: Experiment, id: string): boolean => one.id === id || one.id.startsWith(`${id}-`);
const unknown = wanted.filter((id) => !experiments.some((one) => isMeant(one, id)));
if (flags.help || unknown.length > 0) {
  say(unknown.length > 0 ? `There is no experiment ${unknown.join(', ')}.\n` : '');
  say(USAGE);
  process.exit(flags.help ? 0 : 2);
}
if (wanted.length === 0) {
  say(`${USAGE}\n`);
  for (const { id, title, unit, ci, long } of experiments) {
    say(`${id.padEnd(4)} ${title} (CI ${ci.toLocaleString('en')}, long ${long.toLocaleString('en')} ${unit})`);
  }
}
let failed = false;
for (const one of experiments.filter((one) => wanted.some((id) => isMeant(one, id)))) {
  const reason = one.unable?.() ?? null;
  if (reason !== null) {
    say(`${one.id}: skipped: ${reason}`);
    continue;
  }
  const seed = Number(flags.seed ?? Date.now() % 1_000_000);
  const units = Number(flags.count ?? (flags.long ? one.long : one.ci));
  say(`${one.id}: ${one.title}: ${units} ${one.unit} from seed ${seed}`);
  const outcome = await runExperiment(one, { seed, units, minutes: Number(flags.minutes ?? Infinity), say });
  say(summary(one, seed, outcome));
  if (outcome.failure !== null) {
    failed = true;
    console.error(outcome.failure);
  } else if (outcome.units < units) {
    const next = seed + Math.ceil(outcome.units / (one.unitsPerTrial ?? 1));
    say(`${one.id}: to go on: npm run lab -- ${one.id} --seed ${next} --count ${units - outcome.units}`);
  }
  if (flags.record) record(one, seed, outcome);
}
process.exit(failed ? 1 : 0);
