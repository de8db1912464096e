/** Why a log could not be compacted, as a sentence without its full stop. The log itself is as it was. Any thread. */
import type { Offset } from '../base/units.js';

export class CompactionError extends Error {
  override name = 'CompactionError';

  constructor(
    message: string,
    /** The segment that turned out to be damaged; -1 where it is something else. */
    readonly damagedSegment: Offset = -1,
  ) {
    super(message);
  }
}
