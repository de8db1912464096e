/** What became of a sealed segment that was to be brought to disk off its shard's thread. */

/** `failure` null: it is there. What failed may have been forgotten by the system: nobody may try it again. */
export interface SealedFlush {
  readonly failure: string | null;
}
