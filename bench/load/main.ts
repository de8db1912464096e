#!/usr/bin/env node
/** `millrace bench`: measures this broker, others beside it, and the limits of the machine. A process of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { apacheKafka } from '../peers/kafka.js';
import { Admin } from './admin.js';
import { type Contender, type FreshBroker, runningPeer } from './broker.js';
import { type Cell, cells } from './cells.js';
import { compare } from './compare.js';
import { machine } from './machine.js';
import { asItComes, copyPath, millrace } from './product.js';
import { markdown, type Report, text } from './report.js';
import { runBlaster } from './run-blaster.js';

interface Options {
  quick?: boolean;
  runs?: number;
  seconds?: number;
  cells?: Cell[];
  peer?: { host: string; port: number };
  peerPid?: number;
  peerKafka?: boolean;
  warmUp: number;
  product: boolean;
  limits: boolean;
  override: string[];
  dataDir?: string;
  list?: boolean;
  json?: boolean;
  markdown?: boolean;
}

function positive(given: string): number {
  const value = Number(given);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function cellList(given: string): Cell[] {
  return given.split(',').flatMap((name) => {
    const found = cells.filter(
      (cell) => cell.name === name || (name.endsWith('*') && cell.name.startsWith(name.slice(0, -1))),
    );
    if (found.length === 0) throw new InvalidArgumentError(`There is no cell "${name}"; --list shows them.`);
    return found;
  });
}

function address(given: string): { host: string; port: number } {
  const colon = given.lastIndexOf(':');
  const port = Number(given.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1) throw new InvalidArgumentError('It must read HOST:PORT.');
  return { host: given.slice(0, colon), port };
}

const program = new Command('millrace bench')
  .description('Measures Millrace and the limits of this machine in the same run, with the same load client.')
  .option('--quick', '3 interleaved runs of 3 s instead of 5 of 5 s')
  .option('--runs <n>', 'runs per cell and contender', positive)
  .option('--seconds <s>', 'measured seconds per run', positive)
  .option('--cells <names>', 'only these, separated by commas; fetch-* takes all that begin so', cellList)
  .option('--peer <host:port>', 'also measure the broker that runs there', address)
  .option('--peer-pid <pid>', "that broker's process on this machine, for its CPU time and memory", positive)
  .option('--peer-kafka', 'also measure Apache Kafka 4.3.1, started from its jars (needs Java)')
  .option('--warm-up <s>', 'seconds of load that Apache Kafka gets before anything is measured', positive, 60)
  .option('--no-product', 'leave Millrace itself out')
  .option('--no-limits', 'leave the limit programs out')
  .option('--override <key=value>', "one more setting for Millrace's brokers (repeatable)", collect, [])
  .option('--data-dir <folder>', 'where data folders go; must be on the disk that is meant', tmpdir())
  .option('--list', 'name the cells and stop')
  .option('--json', 'print all runs as JSON')
  .option('--markdown', 'print the table as Markdown')
  .addHelpText(
    'after',
    `
Examples:
  $ millrace bench --quick
  $ millrace bench --cells produce-64k,fetch-* --peer-kafka --markdown
  $ millrace bench --no-product --peer 127.0.0.1:9092 --json`,
  );

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

/** Drives the code paths that will be measured, so that the JVM has compiled them. */
async function warmUpKafka(broker: FreshBroker, warmUpSeconds: number, say: (line: string) => void): Promise<void> {
  say(`warming Apache Kafka up for ${warmUpSeconds} s`);
  const topic = 'warm-up';
  const admin = await Admin.open(broker.host, broker.port);
  await admin.createTopic(topic, 16, []);
  const { host, port, pid } = broker;
  const base = { host, port, topic, partitions: 16, serverPid: pid, warmUpSeconds: 0, seconds: warmUpSeconds / 3 };
  const produce = { ...base, kind: 'produce', acks: 1, connections: 4, inFlight: 4 } as const;
  await runBlaster({ ...produce, shape: { kind: 'log-lines', batchBytes: 64 * 1024 } });
  await runBlaster({
    ...produce,
    connections: 16,
    inFlight: 5,
    shape: { kind: 'blobs', recordBytes: 100, records: 1 },
  });
  await runBlaster({ ...base, kind: 'fetch', connections: 4, fetchBytes: 1024 * 1024 });
  await admin.deleteTopic(topic);
  admin.close();
}

async function bench(options: Options): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const directory = mkdtempSync(join(options.dataDir ?? tmpdir(), 'millrace-bench-'));
  const contenders: Contender[] = [];
  if (options.product) {
    for (const variant of [asItComes, copyPath]) contenders.push(millrace(variant, directory, options.override));
  }
  if (options.peer !== undefined) {
    contenders.push(runningPeer(options.peer.host, options.peer.port, options.peerPid ?? null));
  }
  if (options.peerKafka) {
    contenders.push(apacheKafka(directory, (broker) => warmUpKafka(broker, options.warmUp, say)));
  }
  const cleanUp = async () => {
    for (const contender of contenders) await contender.close();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().then(() => process.exit(1)));
  }
  const runs = options.runs ?? (options.quick ? 3 : 5);
  const secondsPerRun = options.seconds ?? (options.quick ? 3 : 5);
  try {
    const rows = await compare({
      contenders,
      cells: options.cells ?? cells,
      withLimits: options.limits,
      runs,
      secondsPerRun,
      directory,
      say,
    });
    const report: Report = { machine: machine(), runs, secondsPerRun, rows };
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 1)}\n`);
    else process.stdout.write(options.markdown ? markdown(report) : text(report));
    if (rows.some((row) => row.failure !== null)) process.exitCode = 1;
  } finally {
    await cleanUp();
  }
}

const options = program.parse().opts<Options>();
if (options.list) {
  process.stdout.write(cells.map((cell) => `${cell.name.padEnd(16)} ${cell.title}\n`).join(''));
} else {
  await bench(options);
}
