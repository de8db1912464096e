/** One member of a classic group: who it is, what it supports, what it was given, and what it waits for. Main thread. */
import { randomUUID } from 'node:crypto';
import type { Deadline } from '../../base/timer-wheel.js';
import type { joinGroup } from '../../protocol/messages/11-join-group.js';
import type { syncGroup } from '../../protocol/messages/14-sync-group.js';
import type { ResponseOf } from '../../protocol/schema.js';

export type JoinResponse = ResponseOf<typeof joinGroup>;
export type SyncResponse = ResponseOf<typeof syncGroup>;

/** One assignor that a member offers, in order of preference, with what the leader needs to run it. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Buffer;
}

export function offersTheSame(one: readonly MemberProtocol[], other: readonly MemberProtocol[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, metadata }, i) => name === other[i].name && metadata.equals(other[i].metadata))
  );
}

export interface MemberIdentity {
  readonly id: string;
  /** Set for static members (KIP-345): the name under which the member comes back after a restart. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
}

/**
 * Names longer than this are refused: what comes from clients goes into records and answers, whose strings hold 32,767
 * bytes, and each UTF-16 unit may take three of them.
 */
export const NAME_CHARS_MAX = 10_922;

/** A dash and a UUID: what makes a client's or an instance's name into a member's id. */
const ID_SUFFIX_CHARS = 37;

/** The longest name of which a member's id can be made. */
export const NAMING_CHARS_MAX: number = NAME_CHARS_MAX - ID_SUFFIX_CHARS;

/** `name`: a client's id, or an instance's. */
export function newMemberId(name: string): string {
  return `${name}-${randomUUID()}`;
}

/** Client ids are nobody's key, so one that is too long to keep is cut. */
export function keptClientId(clientId: string | null): string {
  return (clientId ?? '').slice(0, NAMING_CHARS_MAX);
}

export const NO_BYTES: Buffer = Buffer.alloc(0);

export class Member {
  /** A static member that comes back gets a new id; the object stays. */
  id: string;
  readonly instanceId: string | null;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly MemberProtocol[];
  assignment: Buffer = NO_BYTES;
  /** Joined for the first time and still waiting for its first generation: nobody heartbeats for it yet. */
  isNew = false;
  /** It is known from the log alone: whoever has its id has not spoken since the broker started. */
  isUnheard = false;
  /** Answers the JoinGroup that waits for the join phase to end. */
  joining: ((response: JoinResponse) => void) | null = null;
  /** Answers the SyncGroup that waits for the leader's assignment. */
  syncing: ((response: SyncResponse) => void) | null = null;
  /** When the member counts as gone; made when the member is first watched. */
  session: Deadline | null = null;

  constructor(identity: MemberIdentity) {
    this.id = identity.id;
    this.instanceId = identity.instanceId;
    this.clientId = identity.clientId;
    this.clientHost = identity.clientHost;
    this.sessionTimeoutMs = identity.sessionTimeoutMs;
    this.rebalanceTimeoutMs = identity.rebalanceTimeoutMs;
    this.protocols = identity.protocols;
  }

  /** Takes over what a later JoinGroup of the same member says. */
  update(identity: MemberIdentity): void {
    this.clientId = identity.clientId;
    this.clientHost = identity.clientHost;
    this.sessionTimeoutMs = identity.sessionTimeoutMs;
    this.rebalanceTimeoutMs = identity.rebalanceTimeoutMs;
    this.protocols = identity.protocols;
  }

  /** Empty where the member does not offer `protocol`. */
  metadataFor(protocol: string | null): Buffer {
    return this.protocols.find(({ name }) => name === protocol)?.metadata ?? NO_BYTES;
  }

  answerJoin(response: JoinResponse): void {
    const answer = this.joining;
    this.joining = null;
    answer?.(response);
  }

  answerSync(response: SyncResponse): void {
    const answer = this.syncing;
    this.syncing = null;
    answer?.(response);
  }
}
