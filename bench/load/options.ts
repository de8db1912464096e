/** The flags of `millrace bench`. Runs in its process. */
import { tmpdir } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { Cell } from './cell.js';
import { cells } from './cells.js';

export interface Options {
  quick?: boolean;
  all?: boolean;
  runs?: number;
  seconds?: number;
  /** Undefined: those of the set. False: none. */
  cells?: Cell[] | false;
  peer?: { host: string; port: number };
  peerPid?: number;
  peerKafka?: boolean;
  warmUp: number;
  kafkaTools?: boolean;
  sustained?: number | true;
  compaction?: number | true;
  rate?: number;
  retainGb: number;
  product: boolean;
  limits: boolean;
  override: string[];
  dataDir: string;
  list?: boolean;
  json?: boolean;
  markdown?: boolean;
  html?: string;
  check?: boolean;
  writeBaseline?: boolean;
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

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

export function readOptions(args: readonly string[]): Options {
  const program = new Command('millrace bench')
    .description('Measures Millrace and the limits of this machine in the same run, with the same load client.')
    .option('--quick', 'the quick set: 3 interleaved runs of 3 s, the copy path and second limits left out')
    .option('--all', 'every cell, also those of no set')
    .option('--runs <n>', 'runs per cell and contender (5, quick 3)', positive)
    .option('--seconds <s>', 'measured seconds per run (5, quick 3)', positive)
    .option('--cells <names>', 'only these, separated by commas; fetch-* takes all that begin so', cellList)
    .option('--no-cells', 'none, for --kafka-tools alone')
    .option('--peer <host:port>', 'also measure the broker that runs there', address)
    .option('--peer-pid <pid>', "that broker's process on this machine, for its CPU time and memory", positive)
    .option('--peer-kafka', 'also measure Apache Kafka 4.3.1, started from its jars (needs Java)')
    .option(
      '--warm-up <s>',
      'seconds of load that Apache Kafka gets before anything is measured; Millrace has 8',
      positive,
      60,
    )
    .option('--kafka-tools', "also run Apache Kafka's own performance tools against each broker (needs Java)")
    .option('--sustained [minutes]', 'instead of the cells: one pace for 30 minutes, judged minute by minute', positive)
    .option('--compaction [keys]', 'instead of the cells: producing while 5 million keys are compacted', positive)
    .option('--rate <mb>', 'MB/s of --sustained; 70 % of what broker and disk take where not given', positive)
    .option('--retain-gb <gb>', 'what --sustained keeps on disk; more than memory is what it is about', positive, 24)
    .option('--no-product', 'leave Millrace itself out')
    .option('--no-limits', 'leave the limit programs out')
    .option('--override <key=value>', "one more setting for Millrace's brokers (repeatable)", collect, [])
    .option('--data-dir <folder>', 'where data folders go; must be on the disk that is meant', tmpdir())
    .option('--list', 'name the cells and the sets they belong to, and stop')
    .option('--json', 'print all runs as JSON, with raw histograms and throughput over time')
    .option('--markdown', 'print the table as Markdown')
    .option('--html <file>', 'also write a report with plots that opens offline')
    .option('--check', 'fail where a cell falls more than 15 % below the baseline in its ratio to the limit')
    .option('--write-baseline', 'keep the ratios of this run as the baseline of machines like this one')
    .addHelpText(
      'after',
      `
Examples:
  $ millrace bench --quick --html bench.html
  $ millrace bench --cells produce-64k,fetch-* --peer-kafka --markdown
  $ millrace bench --no-cells --kafka-tools --peer-kafka
  $ millrace bench --sustained 30 --json
  $ millrace bench --no-product --peer 127.0.0.1:9092 --json`,
    );
  return program.parse(args, { from: 'user' }).opts<Options>();
}
