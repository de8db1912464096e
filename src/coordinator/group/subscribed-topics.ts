/** Which topics a consumer group reads, by name and by regular expression, and whether they are still as it knows them. Main thread. */
import { createHash } from 'node:crypto';
import type { Topic } from '../../metadata/topic.js';
import type { ConsumerGroup } from './consumer-group.js';
import type { ConsumerMember } from './consumer-member.js';
import type { GroupRecord } from './group-record.js';
import { matchesTopic } from './topic-regex.js';

/** The catalogue, as far as subscriptions need it. */
export interface SubscribedTopics {
  get(name: string): Topic | undefined;
  all(): Iterable<Topic>;
}

/** As many as a number holds exactly. */
const HASH_BYTES = 6;

/** Every expression that a member subscribes with and what it stands for now, with the records that say so. */
export function resolveRegexes(
  group: ConsumerGroup,
  members: Iterable<ConsumerMember>,
  topics: SubscribedTopics,
  nowMs: number,
): { regexes: Map<string, readonly string[]>; records: GroupRecord[]; hasChanged: boolean } {
  const regexes = new Map<string, readonly string[]>();
  const records: GroupRecord[] = [];
  let hasChanged = false;
  for (const { topicRegex: regex } of members) {
    if (regex === '' || regexes.has(regex)) continue;
    const known = group.regexes.get(regex)?.topics;
    if (known && !group.topicsMayHaveChanged) {
      regexes.set(regex, known);
      continue;
    }
    const found = topicsMatching(regex, topics);
    regexes.set(regex, found);
    if (known && known.length === found.length && known.every((name, i) => name === found[i])) continue;
    hasChanged = true;
    records.push({ type: 'regex', group: group.id, regex, value: { topics: found, timestampMs: nowMs } });
  }
  for (const regex of group.regexes.keys()) {
    if (!regexes.has(regex)) records.push({ type: 'regex', group: group.id, regex, value: null });
  }
  return { regexes, records, hasChanged };
}

/** Sorted. What the broker keeps for itself nobody means by an expression; it can be subscribed to by name. */
function topicsMatching(regex: string, topics: SubscribedTopics): string[] {
  const found: string[] = [];
  for (const { name, internal } of topics.all()) if (!internal && matchesTopic(regex, name)) found.push(name);
  return found.sort();
}

export function topicsOf(
  { topicNames, topicRegex }: ConsumerMember,
  regexes: ReadonlyMap<string, readonly string[]>,
): Iterable<string> {
  const matching = topicRegex === '' ? undefined : regexes.get(topicRegex);
  return matching ? new Set([...topicNames, ...matching]) : topicNames;
}

export function unionOf(
  members: Iterable<ConsumerMember>,
  regexes: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> {
  const union = new Set<string>();
  for (const member of members) for (const name of topicsOf(member, regexes)) union.add(name);
  return union;
}

/** Another number where one of the topics has come, gone, been made anew or grown; 0 where none is there (KIP-1101). */
export function hashOf(names: ReadonlySet<string>, topics: SubscribedTopics): number {
  const hash = createHash('sha256');
  let isEmpty = true;
  for (const name of [...names].sort()) {
    const topic = topics.get(name);
    if (!topic) continue;
    isEmpty = false;
    hash.update(`${name}\n${topic.id}\n${topic.partitions.length}\n`);
  }
  return isEmpty ? 0 : hash.digest().readUIntBE(0, HASH_BYTES);
}
