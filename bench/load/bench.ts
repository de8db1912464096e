/** A whole run of the bench: chooses contenders and cells, measures, reports, judges. The process of `millrace bench`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { apacheKafka } from '../peers/kafka.js';
import { runKafkaTools } from '../peers/kafka-tools.js';
import { describeVerdict, judge, readBaseline, writeBaseline } from './baseline.js';
import { type Contender, type FreshBroker, runningPeer } from './broker.js';
import type { Cell } from './cell.js';
import { cells, cellsOf } from './cells.js';
import { compaction, compactionSettings } from './compaction.js';
import { compare, type Plan, type Row } from './compare.js';
import { estimatedMinutes } from './estimate.js';
import { html } from './html-report.js';
import { machine } from './machine.js';
import type { Options } from './options.js';
import { asItComes, copyPath, millrace } from './product.js';
import { markdown, type Report, type ToolRun, text, toolText } from './report.js';
import { sustained, sustainedSettings } from './sustained.js';
import { warmUp } from './warm-up.js';

/** What `--compaction` compacts where it is not told. */
const KEYS = 5_000_000;

/** What is compiled while it runs is quicker later: Node's broker is warm after this, a JVM takes `--warm-up`. */
const WARM_UP_SECONDS = 8;

const say = (line: string) => process.stderr.write(`${line}\n`);

function warmUpFor(seconds: number, name: string): (broker: FreshBroker) => Promise<void> {
  return (broker) => {
    say(`warming ${name} up for ${seconds} s`);
    return warmUp(broker, seconds);
  };
}

function contendersOf(options: Options, directory: string): Contender[] {
  const contenders: Contender[] = [];
  const settings = {
    ...(options.sustained === undefined ? {} : sustainedSettings),
    ...(options.compaction === undefined ? {} : compactionSettings),
  };
  if (options.product) {
    const overrides = [...Object.entries(settings).map(([key, value]) => `${key}=${value}`), ...options.override];
    const single = options.quick || options.sustained !== undefined || options.compaction !== undefined;
    const variants = single ? [asItComes] : [asItComes, copyPath];
    for (const variant of variants) {
      contenders.push(millrace(variant, directory, overrides, warmUpFor(WARM_UP_SECONDS, variant.name)));
    }
  }
  if (options.peer !== undefined) {
    contenders.push(runningPeer(options.peer.host, options.peer.port, options.peerPid ?? null));
  }
  if (options.peerKafka) {
    contenders.push(apacheKafka(directory, settings, warmUpFor(options.warmUp, 'Apache Kafka')));
  }
  return contenders;
}

function chosenCells(options: Options): readonly Cell[] {
  if (options.cells === false) return [];
  return options.cells ?? (options.all ? cells : cellsOf(options.quick ? 'quick' : 'full'));
}

async function measure(options: Options, plan: Plan): Promise<Row[]> {
  const { contenders, directory, secondsPerRun } = plan;
  if (options.compaction !== undefined) {
    return compaction({ contenders, keys: options.compaction === true ? KEYS : options.compaction, say });
  }
  if (options.sustained === undefined) return compare(plan);
  const minutes = secondsPerRun / 60;
  return sustained({ contenders, minutes, rate: options.rate ?? null, retainGb: options.retainGb, directory, say });
}

/** True where every cell is as near to its limit as it was. What seems to have fallen is measured once more: machines have moods. */
async function stillHolds(rows: readonly Row[], plan: Plan): Promise<boolean> {
  const found = readBaseline(machine());
  if (found === null) {
    say('There is no baseline to hold this run against; --write-baseline makes one.');
    return false;
  }
  const { baseline, sameMachine } = found;
  if (!sameMachine)
    say(`This machine has no baseline; its ratios are held against those of ${baseline.machine.processor}.`);
  const names = plan.cells.map(({ name }) => name);
  let verdicts = judge(baseline, rows, names);
  const fallen = verdicts.filter(({ holds }) => !holds).map(({ cell }) => cell);
  if (fallen.length > 0) {
    say(`once more: ${fallen.join(', ')}`);
    const again = await compare({ ...plan, cells: plan.cells.filter(({ name }) => fallen.includes(name)) });
    const second = judge(baseline, again, fallen);
    verdicts = verdicts.map((verdict) => second.find(({ cell }) => cell === verdict.cell) ?? verdict);
  }
  for (const verdict of verdicts) say(describeVerdict(verdict));
  return verdicts.every(({ holds }) => holds);
}

/** Prints what `options` ask for. Resolves with the exit code: 1 after a failed cell or a broken baseline. */
export async function bench(options: Options): Promise<number> {
  if (options.list) {
    process.stdout.write(
      cells.map(({ name, set, title }) => `${name.padEnd(18)} ${set.padEnd(6)} ${title}\n`).join(''),
    );
    return 0;
  }
  const directory = mkdtempSync(join(options.dataDir, 'millrace-bench-'));
  const contenders = contendersOf(options, directory);
  const cleanUp = async () => {
    for (const contender of contenders) await contender.close();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().then(() => process.exit(1)));
  }
  const minutes = options.sustained === true ? 30 : options.sustained;
  const once = minutes !== undefined || options.compaction !== undefined;
  const runs = !once ? (options.runs ?? (options.quick ? 3 : 5)) : 1;
  const secondsPerRun = minutes === undefined ? (options.seconds ?? (options.quick ? 3 : 5)) : minutes * 60;
  const limits = options.limits ? (options.quick ? 'first' : 'all') : 'none';
  const plan: Plan = { contenders, cells: chosenCells(options), limits, runs, secondsPerRun, directory, say };
  if (minutes === undefined && options.compaction === undefined)
    say(`this takes about ${Math.ceil(estimatedMinutes(plan))} min`);
  try {
    const rows = await measure(options, plan);
    const tools: ToolRun[] = [];
    if (options.kafkaTools) {
      for (const contender of contenders) {
        if (contender.onlyCells === null) tools.push(...(await runKafkaTools(contender, options.seconds ?? 5, say)));
      }
    }
    const report: Report = { machine: machine(), runs, secondsPerRun, rows, tools };
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
    else {
      if (rows.length > 0) process.stdout.write(options.markdown ? markdown(report) : text(report));
      process.stdout.write(toolText(tools));
    }
    if (options.html !== undefined) writeFileSync(options.html, html(report));
    let exitCode = rows.some((row) => row.failure !== null) ? 1 : 0;
    if (options.writeBaseline) say(`wrote ${writeBaseline(report)}`);
    if (options.check && !(await stillHolds(rows, plan))) exitCode = 1;
    return exitCode;
  } finally {
    await cleanUp();
  }
}
