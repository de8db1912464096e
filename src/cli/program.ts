/** The command line: every verb with its flags and examples. Verbs are loaded when they are called, so that all start quickly. */
import { Command, CommanderError, Option } from 'commander';
import { KafkaError } from '../base/kafka-error.js';
import { releaseVersion } from '../base/release.js';
import { ConfigError } from '../config/config-error.js';
import type { Compression } from '../record/compression.js';
import { CliError } from './cli-error.js';
import { collect, collectPair, examples, jsonFlag, type Run, wholeNumber, withServer } from './flags.js';
import { addGroup } from './group-verbs.js';
import type { Host } from './host.js';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const satisfies readonly Compression[];

function addServe(program: Command, host: Host, run: Run): void {
  program
    .command('serve', { isDefault: false })
    .description('run the broker')
    .option('-c, --config <file>', "settings as in Kafka's server.properties")
    .option('-o, --override <name=value>', 'one setting; stronger than file and environment', collectPair, {})
    .addHelpText(
      'after',
      examples(
        host,
        'millrace serve',
        'millrace serve --config server.properties --override log.dirs=/var/lib/millrace',
        'millrace serve -o listeners=PLAINTEXT://127.0.0.1:19092 -o flush=never',
      ),
    )
    .action((flags) => run(async () => (await import('./serve.js')).serve(flags, host)));
}

function addTopic(program: Command, host: Host, run: Run): void {
  const topic = program
    .command('topic')
    .description('create, list, describe, delete and alter topics')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace topic create logs --partitions 4 --config retention.ms=86400000',
        'millrace topic describe logs --json',
        'millrace topic alter logs --config retention.ms=-1 --delete-config segment.bytes',
      ),
    );
  withServer(topic.command('create <name>'))
    .description('create a topic')
    .option('-p, --partitions <count>', "how many partitions (the broker's num.partitions)", wholeNumber(1))
    .option('--config <name=value>', 'a setting of the topic', collectPair, {})
    .option('--if-not-exists', 'be content where the topic is there already')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace topic create logs',
        'millrace topic create logs --partitions 16',
        'millrace topic create state --config cleanup.policy=compact --if-not-exists',
      ),
    )
    .action((name, flags) => run(async () => (await import('./topic.js')).createTopic(name, flags, host)));
  withServer(topic.command('list'))
    .description('list the topics')
    .option('--internal', "the broker's own topics too")
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(host, 'millrace topic list', 'millrace topic list --internal', 'millrace topic list --json'),
    )
    .action((flags) => run(async () => (await import('./topic.js')).listTopics(flags, host)));
  withServer(topic.command('describe [names...]'))
    .description('show partitions, offsets and settings of topics (all, unless named)')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(host, 'millrace topic describe', 'millrace topic describe logs', 'millrace topic describe logs --json'),
    )
    .action((names, flags) => run(async () => (await import('./topic.js')).describeTopics(names, flags, host)));
  withServer(topic.command('delete <names...>'))
    .description('delete topics and all their records')
    .option('--if-exists', 'be content where a topic is gone already')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace topic delete logs',
        'millrace topic delete one two three',
        'millrace topic delete logs --if-exists',
      ),
    )
    .action((names, flags) => run(async () => (await import('./topic.js')).removeTopics(names, flags, host)));
  withServer(topic.command('alter <name>'))
    .description('raise the number of partitions, set and unset settings')
    .option('-p, --partitions <count>', 'how many partitions in all', wholeNumber(1))
    .option('--config <name=value>', 'set a setting of the topic', collectPair, {})
    .option('--delete-config <name>', 'go back to the default', collect, [])
    .addHelpText(
      'after',
      examples(
        host,
        'millrace topic alter logs --partitions 32',
        'millrace topic alter logs --config retention.bytes=1073741824',
        'millrace topic alter logs --delete-config retention.bytes',
      ),
    )
    .action((name, flags) => run(async () => (await import('./topic.js')).alterTopic(name, flags, host)));
}

function addDisk(program: Command, host: Host, run: Run): void {
  withServer(program.command('disk'))
    .description('show how the disk stands, what topics take of it, and what goes next')
    .option(...jsonFlag)
    .addHelpText('after', examples(host, 'millrace disk', 'millrace disk --json', 'millrace disk -b broker:9092'))
    .action((flags) => run(async () => (await import('./disk.js')).showDisk(flags, host)));
}

function addProduce(program: Command, host: Host, run: Run): void {
  withServer(program.command('produce <topic>'))
    .description('send each line of stdin as a record')
    .option('-k, --key-separator <text>', 'what stands between key and value in a line')
    .option('-H, --header <name=value>', 'a header for every record', collect, [])
    .option('-p, --partition <number>', 'the partition; else by key, or dealt round', wholeNumber(0))
    .option('--json', 'lines are JSON as consume --json prints them: key, payload, headers, ts')
    .addOption(new Option('--acks <acks>', 'what to wait for').choices(['0', '1', 'all']).default('all'))
    .addOption(new Option('-z, --compression <codec>', 'compress batches').choices(codecs).default('none'))
    .addHelpText(
      'after',
      examples(
        host,
        'echo hello | millrace produce logs',
        "printf 'web:up\\ndb:down\\n' | millrace produce states -k : -H source=monitor",
        'millrace consume old --from-beginning --exit --json | millrace produce new --json',
      ),
    )
    .action((topic, flags) => run(async () => (await import('./produce.js')).produceLines(topic, flags, host)));
}

function addConsume(program: Command, host: Host, run: Run): void {
  withServer(program.command('consume <topic>'))
    .description('print records as they come, or from an earlier place on')
    .option('--from-beginning', 'start with the first record there is')
    .option('--from-time <time>', 'start at a time: ISO 8601, milliseconds since 1970, or as -10m, -2h, -1d')
    .option('-p, --partition <number>', 'only this partition; may be repeated', collect, [])
    .option('-c, --count <records>', 'stop after so many', wholeNumber(1))
    .option('-e, --exit', 'stop at the end instead of waiting for more')
    .option('-k, --key-separator <text>', 'print keys, with this between key and value')
    .option('-H, --headers', 'print headers in front')
    .option('--json', 'print one JSON object a record')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace consume logs',
        'millrace consume logs --from-time -10m --json',
        "millrace consume logs --from-beginning --exit --key-separator ' => ' --headers",
      ),
    )
    .action((topic, flags) => run(async () => (await import('./consume.js')).consumeTopic(topic, flags, host)));
}

function addBench(program: Command, host: Host, run: Run): void {
  program
    .command('bench')
    .description('measure the broker from a second process; flags are those of the load bench')
    .helpOption(false)
    .allowUnknownOption()
    .argument('[flags...]')
    .addHelpText(
      'after',
      examples(host, 'millrace bench', 'millrace bench --quick', 'millrace bench --peer 127.0.0.1:19092 --json'),
    )
    .action((args) => run(async () => (await import('./bench.js')).bench(args)));
}

function addDumpLog(program: Command, host: Host, run: Run): void {
  program
    .command('dump-log <files...>')
    .description('print the record batches of .log files, without a broker')
    .option('-r, --records', 'print every record too')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace dump-log millrace-data/logs-0/00000000000000000000.log',
        'millrace dump-log --records millrace-data/logs-0/*.log',
        'millrace dump-log --json millrace-data/logs-0/00000000000000000000.log',
      ),
    )
    .action((files, flags) => run(async () => (await import('./dump-log.js')).dumpLogs(files, flags, host)));
}

function addVerify(program: Command, host: Host, run: Run): void {
  program
    .command('verify [folders...]')
    .description(
      'read every byte of the data folders and tell what is lost (2 where something is, 3 where only what was not flushed when the power went); no broker may run on them',
    )
    .option('-c, --config <file>', 'settings that name log.dirs, unless folders are named')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace verify',
        'millrace verify /disk1/millrace /disk2/millrace',
        'millrace verify --config server.properties --json',
      ),
    )
    .action((folders, flags) => run(async () => (await import('./verify.js')).verify(folders, flags, host)));
}

function addRepair(program: Command, host: Host, run: Run): void {
  program
    .command('repair [folders...]')
    .description(
      'show what is lost in the data folders (2 where something is), and have it forgotten; no broker may run on them',
    )
    .option('-c, --config <file>', 'settings that name log.dirs, unless folders are named')
    .option('--accept-loss', 'forget what is lost: readers pass over it; damaged bytes are kept in .aside files')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace repair',
        'millrace repair --accept-loss',
        'millrace repair /disk1/millrace /disk2/millrace --accept-loss',
      ),
    )
    .action((folders, flags) => run(async () => (await import('./repair.js')).repair(folders, flags, host)));
}

/** The whole command line; `run` is given each verb's work. */
function buildProgram(host: Host, run: Run): Command {
  const program = new Command('millrace')
    .description('A log engine that speaks the Kafka protocol, in one process.')
    .version(releaseVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError('(--help shows the flags and examples)')
    .addHelpText(
      'after',
      examples(host, 'millrace serve', 'echo hello | millrace produce logs', 'millrace consume logs --from-beginning'),
    );
  const offline = [addDumpLog, addVerify, addRepair];
  for (const add of [addServe, addTopic, addProduce, addConsume, addGroup, addDisk, addBench, ...offline]) {
    add(program, host, run);
  }
  return program;
}

/** Sentences for what people can act on; a stack only for what is our own fault. */
function explain(error: unknown): string {
  if (error instanceof CliError || error instanceof ConfigError || error instanceof KafkaError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Runs the verb that `args` name; returns the exit code of the process: 0 only where all was done. */
export async function runCommandLine(args: readonly string[], host: Host): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(host, async (action) => {
    exitCode = await action();
  });
  try {
    await program.parseAsync(args as string[], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    host.stderr.write(`${explain(error)}\n`);
    return 1;
  }
  return exitCode;
}
