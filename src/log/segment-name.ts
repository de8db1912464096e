/** Names of a partition's files as Kafka gives them: twenty digits of base offset and a suffix that says what it is. */
import type { Offset } from '../base/units.js';

export type SegmentSuffix = '.log' | '.index' | '.timeindex' | '.txnindex' | '.snapshot';

/** Behind the whole name of a file that retention has taken out of the log and that waits to be unlinked. */
export const DELETED_SUFFIX = '.deleted';
/** Half-made output of compaction: gone at the next start. */
export const CLEANED_SUFFIX = '.cleaned';
/** Finished output of compaction that takes the place of what it was made from: the next start sees to that where this one did not. */
export const SWAP_SUFFIX = '.swap';

const OFFSET_DIGITS = 20;
const namePattern = /^(\d{20})(\.log|\.index|\.timeindex|\.txnindex|\.snapshot)$/;

/** '00000000000000000042.log' for 42. */
export function segmentFileName(baseOffset: Offset, suffix: SegmentSuffix): string {
  return String(baseOffset).padStart(OFFSET_DIGITS, '0') + suffix;
}

/** null for names that are none of a segment's. */
export function parseSegmentFileName(name: string): { baseOffset: Offset; suffix: SegmentSuffix } | null {
  const match = namePattern.exec(name);
  if (match === null) return null;
  const baseOffset = Number(match[1]);
  return Number.isSafeInteger(baseOffset) ? { baseOffset, suffix: match[2] as SegmentSuffix } : null;
}

/** What the segment file at `path` is called once the swap of that generation has taken its name away: see segment-swap.ts. */
export function replacedName(path: string, generation: number): string {
  return `${path}.${generation}${DELETED_SUFFIX}`;
}
