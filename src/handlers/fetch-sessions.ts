/** Fetch sessions (KIP-227): what a consumer asked for last time, so that it need only say what has changed. Main thread. */
import { randomInt } from 'node:crypto';
import type { ErrorName } from '../base/error-code.js';
import type { Uuid } from '../base/uuid.js';

/** One partition that a consumer wants, and what it was last told about it. */
export interface FetchPartition {
  /** Empty where the client speaks in topic ids only. */
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
  fetchOffset: number;
  maxBytes: number;
  currentLeaderEpoch: number;
  /** -1: never told, or the last answer was an error. */
  toldHighWatermark: number;
  toldLogStartOffset: number;
}

export interface FetchSession {
  readonly id: number;
  /** The epoch that the next request must carry. */
  epoch: number;
  readonly usesTopicIds: boolean;
  readonly partitions: Map<string, FetchPartition>;
}

const EPOCH_MAX = 0x7fffffff;

export const partitionKey = (topic: string, topicId: Uuid, usesTopicIds: boolean, index: number): string =>
  `${usesTopicIds ? topicId : topic}:${index}`;

export class FetchSessions {
  /** In order of last use. */
  private readonly sessions = new Map<number, FetchSession>();

  constructor(private readonly slots: number) {}

  get size(): number {
    return this.sessions.size;
  }

  /** Opens a session; null where there is no slot that could be had (the client then fetches without). */
  open(usesTopicIds: boolean, partitions: Map<string, FetchPartition>): FetchSession | null {
    if (this.slots === 0) return null;
    if (this.sessions.size >= this.slots) {
      const [oldest] = this.sessions.keys();
      this.sessions.delete(oldest);
    }
    let id: number;
    do id = randomInt(1, EPOCH_MAX);
    while (this.sessions.has(id));
    const session: FetchSession = { id, epoch: 1, usesTopicIds, partitions };
    this.sessions.set(id, session);
    return session;
  }

  close(id: number): void {
    this.sessions.delete(id);
  }

  /** The session for an incremental request, its epoch moved on; or the error that makes the client start anew. */
  resume(id: number, epoch: number, usesTopicIds: boolean): FetchSession | ErrorName {
    const session = this.sessions.get(id);
    if (session === undefined) return 'FETCH_SESSION_ID_NOT_FOUND';
    if (session.epoch !== epoch) return 'INVALID_FETCH_SESSION_EPOCH';
    if (session.usesTopicIds !== usesTopicIds) return 'FETCH_SESSION_TOPIC_ID_ERROR';
    session.epoch = epoch === EPOCH_MAX ? 1 : epoch + 1;
    this.sessions.delete(id);
    this.sessions.set(id, session);
    return session;
  }
}
