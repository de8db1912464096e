/** `group reset`: moves what groups without members have committed; a plan is printed unless --execute is given. */
import { systemClock } from '../base/clock.js';
import { errorTable } from '../base/error-code.js';
import { nodeFileSystem } from '../log/file-system.js';
import { type GroupScope, withGroups } from './chosen-groups.js';
import { CliError } from './cli-error.js';
import type { KafkaClient } from './client.js';
import { commitOffsets, readCommitted } from './committed-offsets.js';
import { type DescribedGroup, NOT_THERE, readGroups } from './described-group.js';
import type { ListFlags } from './flags.js';
import type { Host } from './host.js';
import { type CsvOffset, offsetsFromCsv, offsetsToCsv } from './offsets-csv.js';
import { printJson, printTable } from './print.js';
import { parseDuration, parseTime } from './time.js';
import { EARLIEST, LATEST, readOffsets, type TopicPartition } from './topic-metadata.js';
import { namedPartitions } from './topic-scope.js';

export interface ResetFlags extends ListFlags, GroupScope {
  readonly topic: readonly string[];
  readonly allTopics?: boolean;
  readonly toEarliest?: boolean;
  readonly toLatest?: boolean;
  readonly toCurrent?: boolean;
  readonly toOffset?: number;
  readonly toDatetime?: string;
  readonly byDuration?: string;
  readonly shiftBy?: number;
  readonly fromFile?: string;
  readonly dryRun?: boolean;
  readonly execute?: boolean;
  readonly export?: boolean;
}

/** A partition of a group, with the offset that the group has there. */
interface Place extends TopicPartition {
  readonly groupId: string;
  readonly current: number | null;
}

interface Reset extends Place {
  readonly offset: number;
}

type Way =
  /** The first record at or behind a time, or where the log starts or ends. */
  | { readonly to: 'time'; readonly timestampMs: number }
  /** What is committed; the end where nothing is. */
  | { readonly to: 'current' }
  /** A number, which is kept within the log. */
  | { readonly to: 'offset'; of(place: Place): number };

const WAYS = [
  'toEarliest',
  'toLatest',
  'toCurrent',
  'toOffset',
  'toDatetime',
  'byDuration',
  'shiftBy',
  'fromFile',
] as const satisfies readonly (keyof ResetFlags)[];

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function shifted({ groupId, current, ...place }: Place, by: number): number {
  if (current !== null) return current + by;
  throw new CliError(`Group ${groupId} has committed nothing in ${keyOf(place)} that could be shifted.`);
}

function wayOf(flags: ResetFlags, fromFile: readonly CsvOffset[]): Way {
  if (flags.toEarliest) return { to: 'time', timestampMs: EARLIEST };
  if (flags.toLatest) return { to: 'time', timestampMs: LATEST };
  if (flags.toCurrent) return { to: 'current' };
  const nowMs = systemClock.nowMs();
  if (flags.toDatetime !== undefined) return { to: 'time', timestampMs: parseTime(flags.toDatetime, nowMs) };
  if (flags.byDuration !== undefined) {
    return { to: 'time', timestampMs: Math.max(0, nowMs - parseDuration(flags.byDuration)) };
  }
  const { toOffset, shiftBy } = flags;
  if (toOffset !== undefined) return { to: 'offset', of: () => toOffset };
  if (shiftBy !== undefined) return { to: 'offset', of: (place) => shifted(place, shiftBy) };
  const wanted = new Map(fromFile.map((line) => [keyOf(line), line.offset]));
  return { to: 'offset', of: (place) => wanted.get(keyOf(place)) ?? 0 };
}

async function readAll(client: KafkaClient, places: readonly Place[], timestampMs: number): Promise<number[]> {
  const offsets = await readOffsets(client, places, timestampMs);
  return offsets.map((offset, index) => {
    if (offset === null) throw new CliError(`The broker does not tell the offsets of ${keyOf(places[index])}.`);
    return offset;
  });
}

async function withinLog(
  client: KafkaClient,
  places: readonly Place[],
  of: (place: Place) => number,
  host: Host,
): Promise<number[]> {
  const wanted = places.map(of);
  const starts = await readAll(client, places, EARLIEST);
  const ends = await readAll(client, places, LATEST);
  return wanted.map((offset, index) => {
    const within = Math.min(Math.max(offset, starts[index]), ends[index]);
    if (within !== offset) {
      const log = `${starts[index]} to ${ends[index]}`;
      host.stderr.write(`${keyOf(places[index])}: ${offset} lies outside of the log (${log}), ${within} is taken.\n`);
    }
    return within;
  });
}

async function resetsOf(client: KafkaClient, places: readonly Place[], way: Way, host: Host): Promise<Reset[]> {
  if (places.length === 0) return [];
  const place = (offsets: readonly number[]) => places.map((at, index) => ({ ...at, offset: offsets[index] }));
  if (way.to === 'offset') return place(await withinLog(client, places, way.of, host));
  const ends = await readAll(client, places, LATEST);
  if (way.to === 'current') return place(places.map(({ current }, index) => current ?? ends[index]));
  const found = await readAll(client, places, way.timestampMs);
  // Nothing as young as that: what comes next is.
  return place(found.map((offset, index) => (offset < 0 ? ends[index] : offset)));
}

function readFile(path: string): CsvOffset[] {
  try {
    return offsetsFromCsv(nodeFileSystem.readFile(path).toString());
  } catch (error) {
    throw new CliError(`${path} cannot be read: ${(error as Error).message}.`);
  }
}

/** What the flags say that they are about, beside the group. */
type Scope =
  | { readonly of: 'committed' }
  | { readonly of: 'topics'; readonly places: readonly TopicPartition[] }
  | { readonly of: 'file'; readonly lines: readonly CsvOffset[] };

async function scopeOf(client: KafkaClient, flags: ResetFlags): Promise<Scope> {
  const { fromFile, allTopics = false, topic } = flags;
  if (fromFile !== undefined) {
    if (allTopics || topic.length > 0) throw new CliError('--from-file says itself which partitions it is about.');
    const lines = readFile(fromFile);
    // So that a topic or partition that is not there is told before anything is changed.
    await namedPartitions(client, [...new Set(lines.map((line) => `${line.topic}:${line.partition}`))]);
    return { of: 'file', lines };
  }
  if (allTopics === topic.length > 0) throw new CliError('Name topics with --topic, or say --all-topics.');
  return allTopics ? { of: 'committed' } : { of: 'topics', places: await namedPartitions(client, topic) };
}

async function planOf(
  client: KafkaClient,
  groupId: string,
  scope: Scope,
  flags: ResetFlags,
  host: Host,
): Promise<Reset[]> {
  const committed = await readCommitted(client, groupId);
  const lines =
    scope.of === 'file' ? scope.lines.filter((line) => line.groupId === null || line.groupId === groupId) : [];
  const wanted = scope.of === 'committed' ? committed : scope.of === 'topics' ? scope.places : lines;
  if (wanted.length === 0) host.stderr.write(`Group ${groupId}: there is nothing to reset.\n`);
  const current = new Map(committed.map((place) => [keyOf(place), place.offset]));
  const places = wanted.map(({ topic, partition }) => {
    return { groupId, topic, partition, current: current.get(keyOf({ topic, partition })) ?? null };
  });
  return resetsOf(client, places, wayOf(flags, lines), host);
}

/** Whether the offsets of `group` may be moved under it; says on stderr why not. */
function isIdle({ groupId, type, state, members }: DescribedGroup, host: Host): boolean {
  if (type === 'share') {
    host.stderr.write(`Group ${groupId} is a share group, which commits nothing: kafka-share-groups.sh --reset-offsets moves it.
`);
    return false;
  }
  if (state === 'Empty' || state === NOT_THERE) return true;
  host.stderr.write(
    `Group ${groupId} cannot be reset while it has members: it is ${state} with ${members.length}. Stop them first.\n`,
  );
  return false;
}

/** Those that the broker took; says on stderr which it did not take. */
async function execute(client: KafkaClient, groupId: string, plan: readonly Reset[], host: Host): Promise<Reset[]> {
  if (plan.length === 0) return [];
  const errors = await commitOffsets(client, groupId, plan);
  return plan.filter((reset, index) => {
    const error = errors[index];
    if (error === 'NONE') return true;
    host.stderr.write(`Group ${groupId}, ${keyOf(reset)} was not reset: ${errorTable[error].sentence} (${error})\n`);
    return false;
  });
}

function printResets(host: Host, resets: readonly Reset[], manyGroups: boolean, flags: ResetFlags): void {
  if (flags.json) {
    printJson(
      host,
      resets.map(({ groupId, topic, partition, offset, current }) => {
        return { groupId, topic, partition, newOffset: offset, oldOffset: current };
      }),
    );
  } else if (flags.export) {
    host.stdout.write(offsetsToCsv(resets.map((reset) => ({ ...reset, groupId: manyGroups ? reset.groupId : null }))));
  } else {
    const rows = resets.map(({ groupId, topic, partition, offset, current }) => {
      return [groupId, topic, partition, offset, current ?? '-'];
    });
    printTable(host, ['GROUP', 'TOPIC', 'PARTITION', 'NEW-OFFSET', 'OLD-OFFSET'], rows);
  }
}

export async function resetGroups(named: readonly string[], flags: ResetFlags, host: Host): Promise<number> {
  const ways = WAYS.filter((way) => flags[way] !== undefined);
  if (ways.length !== 1) {
    throw new CliError(
      'Say where to with one of --to-earliest, --to-latest, --to-current, --to-offset, --to-datetime, --by-duration, --shift-by and --from-file.',
    );
  }
  if (flags.dryRun && flags.execute) throw new CliError('--dry-run and --execute exclude each other.');
  return withGroups(named, flags, async (client, groupIds) => {
    const scope = await scopeOf(client, flags);
    const groups = await readGroups(client, groupIds);
    const idle = groups.filter((group) => isIdle(group, host));
    let complete = idle.length === groups.length;
    // All plans come first: what cannot be done in one group is told before another is changed.
    const plans: Reset[][] = [];
    for (const { groupId } of idle) plans.push(await planOf(client, groupId, scope, flags, host));
    const done: Reset[] = [];
    for (const [index, { groupId }] of idle.entries()) {
      const resets = flags.execute ? await execute(client, groupId, plans[index], host) : plans[index];
      if (resets.length < plans[index].length) complete = false;
      done.push(...resets);
    }
    printResets(host, done, groupIds.length > 1, flags);
    if (!flags.execute && !flags.dryRun)
      host.stderr.write('Nothing was changed: --execute does what is planned here.\n');
    return complete ? 0 : 1;
  });
}
