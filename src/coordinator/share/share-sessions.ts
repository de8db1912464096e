/** Share sessions (KIP-932): which partitions a member of a share group reads, kept from fetch to fetch; they end with their connection. Main thread. */
import type { ErrorName } from '../../base/error-code.js';
import type { Uuid } from '../../base/uuid.js';
import type { SharePartition } from './share-partition.js';

export interface SessionPartition {
  readonly topicId: Uuid;
  readonly index: number;
}

export interface ShareSession {
  readonly groupId: string;
  readonly memberId: string;
  /** The epoch that the next request must carry. */
  epoch: number;
  /** In the order in which they get their turn. */
  readonly partitions: Map<string, SessionPartition>;
  /** Where its member may still have something. */
  readonly acquiredFrom: Set<SharePartition>;
  isClosed: boolean;
  /** Ends with its connection no more. */
  detach(): void;
}

export const INITIAL_EPOCH = 0;
export const FINAL_EPOCH = -1;
const EPOCH_MAX = 0x7fffffff;

/** Group ids and member ids have no such character in common with each other's end. */
const nameOf = (groupId: string, memberId: string): string => `${groupId}\n${memberId}`;

export const sessionPartitionKey = ({ topicId, index }: SessionPartition): string => `${topicId}:${index}`;

export class ShareSessions {
  private readonly sessions = new Map<string, ShareSession>();

  /** `onClosed` gives back what the session's member has; `inOrder` where the member itself closed it. */
  constructor(
    private readonly sessionsMax: number,
    private readonly onClosed: (session: ShareSession, inOrder: boolean) => void,
  ) {}

  get size(): number {
    return this.sessions.size;
  }

  /** Begins anew, which ends the member's earlier session. */
  open(groupId: string, memberId: string, connectionClosed: AbortSignal): ShareSession | ErrorName {
    const name = nameOf(groupId, memberId);
    const earlier = this.sessions.get(name);
    if (earlier) this.close(earlier, false);
    if (this.sessions.size >= this.sessionsMax) return 'SHARE_SESSION_LIMIT_REACHED';
    const end = (): void => this.close(session, false);
    const session: ShareSession = {
      groupId,
      memberId,
      epoch: 1,
      partitions: new Map(),
      acquiredFrom: new Set(),
      isClosed: false,
      detach: () => connectionClosed.removeEventListener('abort', end),
    };
    this.sessions.set(name, session);
    connectionClosed.addEventListener('abort', end);
    if (connectionClosed.aborted) end();
    return session;
  }

  /** The session that a request with `epoch` goes on with, or the error that it deserves. A final request may come at any time. */
  resume(groupId: string, memberId: string, epoch: number): ShareSession | ErrorName {
    const session = this.sessions.get(nameOf(groupId, memberId));
    if (!session) return 'SHARE_SESSION_NOT_FOUND';
    if (epoch === FINAL_EPOCH) return session;
    if (epoch !== session.epoch) return 'INVALID_SHARE_SESSION_EPOCH';
    session.epoch = epoch === EPOCH_MAX ? 1 : epoch + 1;
    return session;
  }

  close(session: ShareSession, inOrder: boolean): void {
    if (session.isClosed) return;
    session.isClosed = true;
    session.detach();
    this.sessions.delete(nameOf(session.groupId, session.memberId));
    this.onClosed(session, inOrder);
  }
}
