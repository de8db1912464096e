/** A sealed segment that is to be brought to disk off its shard's thread, and what became of it. */
import type { Uuid } from './uuid.js';

export interface SealedFlushJob {
  readonly path: string;
  /** Whose segment it is: the path may be another topic's by the time that it is flushed. */
  readonly topicId: Uuid;
}

/** `failure` null: it is there. What failed may have been forgotten by the system: nobody may try it again. */
export interface SealedFlush {
  readonly failure: string | null;
}
