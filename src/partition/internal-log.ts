/** A partition that the broker itself writes and replays on the main thread: the catalogue and the coordinators' logs. */
import type { Offset } from '../base/units.js';

export interface InternalRecord {
  readonly key: Buffer | null;
  /** null is a tombstone. */
  readonly value: Buffer | null;
}

export interface InternalLog {
  /** Appends the records as one batch, always flushed before it resolves (whatever the node's flush mode); rejects with KafkaError. */
  append(records: readonly InternalRecord[]): Promise<Offset>;
  /** Visits every record from log start to high watermark, in order. Buffers are only valid during the visit. */
  replay(visit: (record: InternalRecord, offset: Offset) => void): Promise<void>;
}
