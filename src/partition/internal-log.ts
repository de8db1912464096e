/** A partition that the broker itself writes and replays on the main thread: the catalogue and the coordinators' logs. */
import type { Offset } from '../base/units.js';
import type { TransactionEnd } from '../record/control-record.js';

export interface InternalRecord {
  readonly key: Buffer | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
}

/**
 * `producerId` of the transaction that the record is a part of: it counts if that is committed, and from then on. null where
 * it stands for itself.
 */
export type VisitRecord = (record: InternalRecord, offset: Offset, producerId: number | null) => void;

/** The transaction in which `producerId` wrote the records before this one has ended. */
export type VisitEnd = (producerId: number, end: TransactionEnd) => void;

export interface InternalLog {
  /** Appends the records as one batch, always flushed before it resolves (whatever the node's flush mode); rejects with KafkaError. */
  append(records: readonly InternalRecord[]): Promise<Offset>;
  /** Visits every record from log start to high watermark, in order. Buffers are only valid during the visit. */
  replay(visit: VisitRecord, visitEnd?: VisitEnd): Promise<void>;
}
