/** What clients put into the bytes that classic groups pass on: subscriptions and assignments (the consumer protocol). Main thread. */
import { decodeRecord, encodeRecord } from '../../protocol/compile.js';
import { MalformedRequestError } from '../../protocol/malformed-request-error.js';
import { consumerProtocolAssignment } from '../../protocol/records/consumer-protocol-assignment.js';
import { consumerProtocolSubscription } from '../../protocol/records/consumer-protocol-subscription.js';
import { type Assignment, assignmentOf, listed } from './assignment.js';
import type { GroupTopics } from './offset-rules.js';

/** What a classic consumer says of itself. */
export interface EmbeddedSubscription {
  readonly topics: readonly string[];
  /** Only topics that exist. Empty where the consumer gave everything back before it joined, or is too old to say. */
  readonly owned: Assignment;
  readonly rackId: string | null;
}

/** null for bytes that do not read as a consumer's subscription: a client may keep its metadata to itself. */
export function readSubscription(bytes: Buffer, topics: Pick<GroupTopics, 'get'>): EmbeddedSubscription | null {
  const decoded = readable(() => decodeRecord(consumerProtocolSubscription, bytes));
  return decoded && { ...decoded, owned: withIds(decoded.ownedPartitions, topics) };
}

/** The topics of all `subscriptions` together; null where one of them does not read as a consumer's subscription. */
export function subscribedTopics(subscriptions: readonly Buffer[]): ReadonlySet<string> | null {
  const all = new Set<string>();
  for (const bytes of subscriptions) {
    const decoded = readable(() => decodeRecord(consumerProtocolSubscription, bytes));
    if (decoded === null) return null;
    for (const topic of decoded.topics) all.add(topic);
  }
  return all;
}

/** No bytes stand for nothing. null for bytes that do not read as an assignment. */
export function readAssignment(bytes: Buffer, topics: Pick<GroupTopics, 'get'>): Assignment | null {
  if (bytes.length === 0) return new Map();
  const decoded = readable(() => decodeRecord(consumerProtocolAssignment, bytes));
  return decoded && withIds(decoded.assignedPartitions, topics);
}

/** For a member with `subscription`, whose version the answer has too; topics that are gone are left out. */
export function writeAssignment(
  assignment: Assignment,
  subscription: Buffer,
  topics: Pick<GroupTopics, 'byId'>,
): Buffer {
  const assignedPartitions = listed(assignment).flatMap(({ topicId, partitions }) => {
    const topic = topics.byId(topicId)?.name;
    return topic === undefined ? [] : [{ topic, partitions }];
  });
  return encodeRecord(consumerProtocolAssignment, versionOf(subscription), { assignedPartitions });
}

function versionOf(subscription: Buffer): number {
  const { min, max } = consumerProtocolAssignment.versions;
  const version = subscription.length < 2 ? min : subscription.readInt16BE(0);
  return Math.min(Math.max(version, min), max);
}

function withIds(
  named: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
  topics: Pick<GroupTopics, 'get'>,
): Assignment {
  return assignmentOf(
    named.flatMap(({ topic, partitions }) => {
      const topicId = topics.get(topic)?.id;
      return topicId === undefined ? [] : [{ topicId, partitions }];
    }),
  );
}

function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedRequestError) return null;
    throw error;
  }
}
