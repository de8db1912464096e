/** What a topic may be called, and which names are too alike. Pure; used on the main thread. */

/** Longest name: with a five-digit partition and a suffix it still fits the 255 bytes of a folder's name. */
export const TOPIC_NAME_LENGTH_MAX = 249;

/** The catalogue's own log. Clients never see it, and it is not a topic. */
export const CATALOGUE_TOPIC = '__millrace_catalogue';

const LEGAL = /^[a-zA-Z0-9._-]+$/;

/** Topics that the broker writes and clients may only read (Metadata's IsInternal). */
const INTERNAL_NAMES: ReadonlySet<string> = new Set([
  '__consumer_offsets',
  '__share_group_state',
  '__transaction_state',
]);

/** Names whose folders belong to something that is not a topic of ours. */
const RESERVED_NAMES: ReadonlySet<string> = new Set([CATALOGUE_TOPIC, '__cluster_metadata']);

/** A sentence that says what is wrong with `name`, or null. */
export function topicNameProblem(name: string): string | null {
  if (name === '') return 'A topic name must not be empty.';
  if (name === '.' || name === '..') return `A topic cannot be called '${name}'.`;
  if (name.length > TOPIC_NAME_LENGTH_MAX) {
    return `A topic name has at most ${TOPIC_NAME_LENGTH_MAX} characters; this one has ${name.length}.`;
  }
  if (!LEGAL.test(name)) {
    return `Topic name '${name}' has characters other than ASCII letters, digits, '.', '_' and '-'.`;
  }
  return null;
}

export function isInternalName(name: string): boolean {
  return INTERNAL_NAMES.has(name);
}

export function isReservedName(name: string): boolean {
  return RESERVED_NAMES.has(name);
}

/** Two different names with the same collision key cannot live together: metric names write '.' as '_' (as in Kafka). */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_');
}
