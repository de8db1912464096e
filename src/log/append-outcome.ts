/** What a log says of one batch that it was asked to append. Shard thread. */
import type { ErrorName } from '../base/error-code.js';
import type { RecordError } from '../base/record-error.js';
import type { FilePosition, Offset } from '../base/units.js';

/** What became of a staged batch; the caller owns and reuses it. Counts only once `write` (and the flush) succeeded. */
export interface AppendOutcome {
  error: ErrorName;
  /** More about the error than its own sentence, or null. */
  message: string | null;
  /** Which records are to blame, where it is single ones. */
  recordErrors: readonly RecordError[] | null;
  /** Offset of the batch's first record: the original one for a duplicate. -1 on error. */
  baseOffset: Offset;
  /** -1 where the topic keeps the producer's timestamps. */
  logAppendTimeMs: number;
  /** True where the batch had been stored before and nothing was staged. */
  duplicate: boolean;
  /** Where the batch will lie; -1 for duplicates and errors. */
  segmentBase: Offset;
  position: FilePosition;
  length: number;
}

export function emptyOutcome(): AppendOutcome {
  return {
    error: 'NONE',
    message: null,
    recordErrors: null,
    baseOffset: -1,
    logAppendTimeMs: -1,
    duplicate: false,
    segmentBase: -1,
    position: -1,
    length: 0,
  };
}
