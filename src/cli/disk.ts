/** `disk`, and what other verbs show of it: how the disk stands, what topics take, what of them goes next. Command line. */
import { systemClock } from '../base/clock.js';
import { describeDisk } from '../protocol/messages/10000-describe-disk.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { bytesInWords, durationInWords } from './amounts.js';
import { CliError } from './cli-error.js';
import { withClient } from './client.js';
import type { ListFlags } from './flags.js';
import type { Host } from './host.js';
import { printJson, printLine, printTable } from './print.js';

type DescribedDisk = DecodedResponseOf<typeof describeDisk>;
type DescribedTopic = DescribedDisk['topics'][number];

/** -1 on the wire is null here. */
export interface TopicDisk {
  readonly name: string;
  readonly internal: boolean;
  readonly bytes: number;
  readonly segments: number;
  /** Arrival of the oldest record that is kept, ms since 1970. */
  readonly oldestMs: number | null;
  readonly boundBytes: number | null;
  readonly boundBy: string | null;
  readonly nextDeletionInMs: number | null;
  readonly nextDeletionBy: string | null;
}

export const diskHead = ['BYTES', 'SEGMENTS', 'OLDEST', 'BOUND', 'NEXT DELETION'] as const;

const known = (value: number): number | null => (value < 0 ? null : value);

function topicDisk(topic: DescribedTopic): TopicDisk {
  const { name, isInternal, sizeBytes, segments, oldestMs, boundBytes, boundBy, deletionInMs, deletionBy } = topic;
  return {
    ...{ name, internal: isInternal, bytes: sizeBytes, segments, oldestMs: known(oldestMs) },
    ...{ boundBytes: known(boundBytes), boundBy, nextDeletionInMs: known(deletionInMs), nextDeletionBy: deletionBy },
  };
}

/** What `topics` (null: all) take, by name; null where the broker is not one that tells. Over a connection of its own. */
export async function readTopicDisks(
  bootstrap: string,
  topics: readonly string[] | null,
): Promise<Map<string, TopicDisk> | null> {
  const answer = await readDisk(bootstrap, topics).catch((error) => {
    if (error instanceof CliError) return null;
    throw error;
  });
  return answer && new Map(answer.topics.map((topic) => [topic.name, topicDisk(topic)]));
}

function readDisk(bootstrap: string, topics: readonly string[] | null): Promise<DescribedDisk> {
  return withClient(bootstrap, (client) => client.request(describeDisk, { topics: topics && [...topics] }));
}

/** The cells under {@link diskHead}. */
export function diskCells(topic: TopicDisk | undefined): (string | number)[] {
  if (topic === undefined) return diskHead.map(() => '-');
  const { bytes, segments, oldestMs, boundBytes, boundBy, nextDeletionInMs, nextDeletionBy } = topic;
  const ageMs = oldestMs === null ? null : Math.max(0, systemClock.nowMs() - oldestMs);
  return [
    bytesInWords(bytes),
    segments,
    ageMs === null ? '-' : `${durationInWords(ageMs)} ago`,
    boundBytes === null ? '-' : `${bytesInWords(boundBytes)} (${boundBy})`,
    nextDeletionInMs === null ? '-' : `in about ${durationInWords(nextDeletionInMs)} (${nextDeletionBy})`,
  ];
}

export async function showDisk(flags: ListFlags, host: Host): Promise<number> {
  const answer = await readDisk(flags.bootstrapServer, null).catch((error) => {
    if (!(error instanceof CliError)) throw error;
    throw new CliError(`${error.message} Only this broker tells how its disk stands; Kafka's does not.`);
  });
  const { state, budgetBytes, usedBytes, freeBytes, totalBytes } = answer;
  const topics = answer.topics.map(topicDisk);
  if (flags.json) {
    printJson(host, { state, budgetBytes: known(budgetBytes), usedBytes, freeBytes, totalBytes, topics });
    return 0;
  }
  if (state === 'unwatched') printLine(host, 'There is no disk budget (log.budget.bytes=0), or it is not known yet.');
  else {
    printLine(host, `${state}: logs take ${bytesInWords(usedBytes)} of their budget of ${bytesInWords(budgetBytes)};`);
    printLine(host, `the disk has ${bytesInWords(freeBytes)} of ${bytesInWords(totalBytes)} free.`);
  }
  const rows = topics
    .filter(({ bytes }) => bytes > 0)
    .sort((a, b) => b.bytes - a.bytes)
    .map((topic) => [topic.name, ...diskCells(topic)]);
  printTable(host, ['TOPIC', ...diskHead], rows);
  return 0;
}
