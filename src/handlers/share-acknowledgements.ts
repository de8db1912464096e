/** What a request says of records that a member of a share group was given, partition by partition. Main thread. */
import type { AcknowledgeOutcome } from '../coordinator/share/share-coordinator.js';
import { type SessionPartition, type ShareSession, sessionPartitionKey } from '../coordinator/share/share-sessions.js';
import type { AcknowledgementBatch } from '../coordinator/share/share-window.js';
import type { Services } from './handler.js';

/** Where to go is only told where it is elsewhere, which it never is. */
export const NO_LEADER = { leaderId: -1, leaderEpoch: -1 };

export interface AcknowledgingTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly acknowledgementBatches: readonly AcknowledgementBatch[];
  }[];
}

/** The outcome of each partition that something is said of, by its key, once it is on disk. */
export async function acknowledgeAll(
  groupId: string,
  session: ShareSession,
  topics: readonly AcknowledgingTopic[],
  { shares }: Services,
): Promise<ReadonlyMap<string, SessionPartition & AcknowledgeOutcome>> {
  const outcomes = new Map<string, SessionPartition & AcknowledgeOutcome>();
  const waiting: Promise<void>[] = [];
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex: index, acknowledgementBatches } of partitions) {
      if (acknowledgementBatches.length === 0) continue;
      const outcome = shares.acknowledge(groupId, session, { topicId, index }, acknowledgementBatches);
      const key = sessionPartitionKey({ topicId, index });
      waiting.push(outcome.then((each) => void outcomes.set(key, { topicId, index, ...each })));
    }
  }
  await Promise.all(waiting);
  return outcomes;
}
