/** The verbs of `group` with their flags and examples. Command line. */
import { type Command, InvalidArgumentError } from 'commander';
import { collect, examples, jsonFlag, type Run, wholeNumber, withServer } from './flags.js';
import type { Host } from './host.js';

/** As ListGroups calls them: classic groups and those of KIP-848 share some. */
const STATES = [
  'PreparingRebalance',
  'CompletingRebalance',
  'Assigning',
  'Reconciling',
  'Stable',
  'Empty',
  'Dead',
] as const;
const TYPES = ['classic', 'consumer', 'share', 'streams'] as const;
const allGroupsFlag = ['--all-groups', 'all that there are'] as const;
const topicFlag = [
  '-t, --topic <topic[:0,1]>',
  'a topic, or some of its partitions; may be repeated',
  collect,
  [],
] as const;

/** Words with commas between, in any case. */
function wordsOf(choices: readonly string[]): (text: string) => string[] {
  return (text) =>
    text.split(',').map((word) => {
      const choice = choices.find((name) => name.toLowerCase() === word.trim().toLowerCase());
      if (choice === undefined) throw new InvalidArgumentError(`It must be of ${choices.join(', ')}.`);
      return choice;
    });
}

function addList(group: Command, host: Host, run: Run): void {
  withServer(group.command('list'))
    .description('list the groups')
    .option('--state <states>', 'only those in one of these states', wordsOf(STATES), [])
    .option('--type <types>', `only those of one of these types (${TYPES.join(', ')})`, wordsOf(TYPES), [])
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group list',
        'millrace group list --state Empty,Stable --type consumer',
        'millrace group list --json',
      ),
    )
    .action((flags) => run(async () => (await import('./group.js')).listAllGroups(flags, host)));
}

function addDescribe(group: Command, host: Host, run: Run): void {
  withServer(group.command('describe [groups...]'))
    .description('show committed offsets and lag of groups, in records and seconds; or members, or states')
    .option(...allGroupsFlag)
    .option('--members', 'who is in the group, and with how many partitions')
    .option('--state', 'state, type, assignor and number of members')
    .option('--verbose', 'epochs too, and which partitions')
    .option('--json', 'print all of it as JSON')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group describe shippers',
        'millrace group describe shippers --members --verbose',
        'millrace group describe --all-groups --json',
      ),
    )
    .action((names, flags) =>
      run(async () => (await import('./group-describe.js')).describeAllGroups(names, flags, host)),
    );
}

function addReset(group: Command, host: Host, run: Run): void {
  withServer(group.command('reset [groups...]'))
    .description('move the committed offsets of groups without members; prints a plan unless told to --execute')
    .option(...allGroupsFlag)
    .option(...topicFlag)
    .option('--all-topics', 'wherever the group has committed')
    .option('--to-earliest', 'to the first record there is')
    .option('--to-latest', 'to what comes next')
    .option('--to-current', 'to what is committed; to the end where nothing is')
    .option('--to-offset <offset>', 'to this offset', wholeNumber(0))
    .option('--to-datetime <time>', 'to a time: ISO 8601 (UTC unless it names a zone), ms since 1970, or as -10m')
    .option('--by-duration <duration>', 'to so long ago: PT1H30M, P2D, 90m')
    .option('--shift-by <records>', 'by so many records, back where negative', wholeNumber(Number.MIN_SAFE_INTEGER))
    .option('--from-file <csv>', 'to what a file says that --export has written')
    .option('--dry-run', 'only print what would be')
    .option('--execute', 'do it')
    .option('--export', 'print lines of [group,]topic,partition,offset')
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group reset shippers --to-earliest --topic logs:0,1 --execute',
        'millrace group reset shippers --by-duration PT2H --all-topics',
        'millrace group reset shippers --to-current --all-topics --export > offsets.csv',
      ),
    )
    .action((names, flags) => run(async () => (await import('./group-reset.js')).resetGroups(names, flags, host)));
}

function addDelete(group: Command, host: Host, run: Run): void {
  withServer(group.command('delete [groups...]'))
    .description('delete groups without members, with all that they have committed')
    .option(...allGroupsFlag)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group delete shippers',
        'millrace group delete one two three',
        'millrace group delete --all-groups --json',
      ),
    )
    .action((names, flags) => run(async () => (await import('./group.js')).removeGroups(names, flags, host)));
  withServer(group.command('delete-offsets <group>'))
    .description('delete what a group has committed in topics that none of its members reads')
    .option(...topicFlag)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group delete-offsets shippers --topic logs',
        'millrace group delete-offsets shippers --topic logs:0,1 --topic states',
        'millrace group delete-offsets shippers --topic logs --json',
      ),
    )
    .action((name, flags) => run(async () => (await import('./group.js')).removeOffsets(name, flags, host)));
}

export function addGroup(program: Command, host: Host, run: Run): void {
  const group = program
    .command('group')
    .description('list, describe, reset and delete consumer groups')
    .addHelpText(
      'after',
      examples(
        host,
        'millrace group list --state Stable',
        'millrace group describe shippers',
        'millrace group reset shippers --to-earliest --all-topics --execute',
      ),
    );
  for (const add of [addList, addDescribe, addReset, addDelete]) add(group, host, run);
}
