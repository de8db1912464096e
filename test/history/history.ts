/** What clients did to a broker and what came of it, in the order in which it happened; one JSON object a line. Test process. */
import { writeFileSync } from 'node:fs';

/**
 * `ok`: the broker said so. `fail`: it certainly did not happen. `info`: nobody knows: a time-out, a lost connection, an
 * error that says nothing about the write. Taking an `info` for a `fail` hides nothing but invents anomalies.
 */
export type Outcome = 'ok' | 'fail' | 'info';

export interface SentRecord {
  /** Unique in its partition. */
  readonly value: string;
  /** Of key, value, headers and timestamp: {@link contentHash}. */
  readonly hash: string;
}

export interface ReadRecord extends SentRecord {
  readonly offset: number;
  readonly timestampMs: number;
}

export interface ReadBatch {
  readonly baseOffset: number;
  /** base offset + last offset delta, as the header says. */
  readonly lastOffset: number;
  readonly count: number;
}

interface Timed {
  /** The client: one connection or consumer that does one thing after the other. */
  readonly process: string;
  /** Position of the call in the order of all calls and returns. */
  readonly invoked: number;
  /** Position of the return in the same order. */
  readonly completed: number;
}

/** One record batch sent to one partition. */
export interface Send extends Timed {
  readonly f: 'send';
  readonly outcome: Outcome;
  readonly partition: string;
  /** An idempotent producer's records must not be there twice, whatever was retried. */
  readonly idempotent: boolean;
  readonly records: readonly SentRecord[];
  /** Offset of the first record, where the broker told one. */
  readonly baseOffset: number | null;
}

/** From here on the process reads from given positions. */
export interface Assign extends Timed {
  readonly f: 'assign';
  /** By partition, the offset that it reads next. */
  readonly from: Readonly<Record<string, number>>;
}

/** From here on the process reads what its group gives it. */
export interface Subscribe extends Timed {
  readonly f: 'subscribe';
}

export interface Poll extends Timed {
  readonly f: 'poll';
  readonly records: Readonly<Record<string, readonly ReadRecord[]>>;
}

/** A read of a partition from its start to its end, with what its batch headers say. */
export interface ReadAll extends Timed {
  readonly f: 'read-all';
  readonly partition: string;
  readonly records: readonly ReadRecord[];
  readonly batches: readonly ReadBatch[];
  /** Of all batches as they came, byte for byte. */
  readonly bytesHash: string;
}

export interface Commit extends Timed {
  readonly f: 'commit';
  readonly outcome: Outcome;
  readonly group: string;
  readonly offsets: Readonly<Record<string, number>>;
}

/** The group's committed offsets, read back; -1 where there is none. */
export interface Committed extends Timed {
  readonly f: 'committed';
  readonly group: string;
  readonly offsets: Readonly<Record<string, number>>;
}

export interface ListOffsets extends Timed {
  readonly f: 'list-offsets';
  readonly partition: string;
  /** A number asks for the first record that is at least as young: milliseconds since the Unix epoch. */
  readonly at: 'earliest' | 'latest' | number;
  /** -1: no such record. */
  readonly offset: number;
}

export type Operation = Send | Assign | Subscribe | Poll | ReadAll | Commit | Committed | ListOffsets;

type WithoutTimes<O> = O extends Operation ? Omit<O, 'invoked' | 'completed'> : never;

/** Collects operations while clients run; the order of calls and returns is that of the calls of this class. */
export class History {
  readonly operations: Operation[] = [];
  #now = 0;

  /** Call before the request leaves; hand the result to {@link complete}. */
  invoke(): number {
    this.#now += 1;
    return this.#now;
  }

  complete(invoked: number, operation: WithoutTimes<Operation>): void {
    this.#now += 1;
    this.operations.push({ ...operation, invoked, completed: this.#now } as Operation);
  }

  write(path: string): void {
    writeFileSync(path, this.operations.map((operation) => `${JSON.stringify(operation)}\n`).join(''));
  }
}
