/**
 * Which byte ranges of a partition are damaged, kept beside its segments so that a clean start need not look for them again.
 *
 * ```
 *  damaged-ranges:   millrace-damaged-ranges 1 CRC-32C-of-the-rest-in-hex \n
 *                    (segment-base-offset position end-position start-offset end-offset \n)*
 * ```
 */
import { join } from 'node:path';
import type { DamagedRange } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import { readChecksummedText, writeChecksummedText } from './checksummed-text.js';
import type { FileSystem } from './file-system.js';
import type { Segment } from './segment.js';
import { SegmentScan } from './segment-scan.js';

export const DAMAGE_FILE = 'damaged-ranges';
const TITLE = 'millrace-damaged-ranges 1';

type DamagedFile = Pick<Segment, 'baseOffset' | 'damaged'>;

/** Writes what the segments know. */
export function writeDamage(files: FileSystem, directory: string, segments: readonly DamagedFile[]): void {
  const path = join(directory, DAMAGE_FILE);
  const lines = segments.flatMap((segment) =>
    segment.damaged.map(
      (range) =>
        `${segment.baseOffset} ${range.position} ${range.endPosition} ${range.startOffset} ${range.endOffset}\n`,
    ),
  );
  writeChecksummedText(files, path, TITLE, lines.join(''), true);
}

/**
 * Tells the segments what was written about them. False where the file is there and cannot be believed, or is not there
 * although, when it was last written down how the log stood, `knownRanges` of it were damaged.
 */
export function readDamage(
  files: FileSystem,
  directory: string,
  segments: readonly DamagedFile[],
  knownRanges: number,
): boolean {
  const body = readChecksummedText(files, join(directory, DAMAGE_FILE), TITLE);
  if (body === undefined) return knownRanges === 0;
  if (body === null) return false;
  for (const line of body.split('\n').filter((entry) => entry !== '')) {
    const [base, position, endPosition, startOffset, endOffset] = line.split(' ').map(Number);
    const segment = segments.find((candidate) => candidate.baseOffset === base);
    segment?.damaged.push({ position, endPosition, startOffset, endOffset });
  }
  return true;
}

/** Checks every byte of a segment, and returns what of it is damaged. */
export function examineSegment(
  files: FileSystem,
  fd: number,
  window: Buffer,
  segment: Segment,
  nextBaseOffset: Offset,
): DamagedRange[] {
  const range = { fd, end: segment.writtenBytes, baseOffset: segment.baseOffset, offsetLimit: nextBaseOffset };
  const scan = new SegmentScan(files, window, range, () => {});
  while (!scan.run(Number.MAX_SAFE_INTEGER));
  return scan.damage;
}
