/**
 * Where each log of a data folder stood when that was last written down, and how it is read again. By whoever owns the folder.
 *
 * ```
 *  millrace-progress:   millrace-progress 2 CRC-32C-of-the-rest-in-hex \n
 *                       (topic partition recovery-point log-start first-dirty damaged-ranges \n)*
 * ```
 *
 * The number of damaged ranges tells a log of which the list of them is gone from one that never had any. The file is
 * written first; Kafka's three checkpoints, which say the rest as well, follow it for whoever else reads the folder. Those have
 * no checksum, and a digit of them that rots would hide records, or invent some: so ours counts. They count where ours is not
 * there or cannot be believed, and where they differ from it in more than one log: then a broker that does not know ours was
 * here since, which has moved the catalogue's log and another one at least; or somebody has removed them, to have all scanned.
 */
import { join } from 'node:path';
import type { Offset } from '../base/units.js';
import {
  FIRST_DIRTY_FILE,
  LOG_START_FILE,
  type PartitionOffset,
  partitionKey,
  RECOVERY_POINT_FILE,
  readOffsetCheckpoint,
  writeOffsetCheckpoint,
} from './checkpoint.js';
import { readChecksummedText, writeChecksummedText } from './checksummed-text.js';
import type { FileSystem } from './file-system.js';
import { type ScrubbedLog, writeScrubCheckpoint } from './scrub-checkpoint.js';

export const PROGRESS_FILE = 'millrace-progress';
const TITLE = 'millrace-progress 2';
/** What rot can change of a checkpoint that can still be read. */
const ROTTEN_ENTRIES_MAX = 1;

export interface DirectoryProgress extends ScrubbedLog {
  readonly flushedEndOffset: Offset;
  readonly logStartOffset: Offset;
  /** Where the part begins that no compaction has seen. */
  readonly firstDirtyOffset: Offset;
  /** How many ranges of it are known to be damaged. */
  readonly damagedRanges: number;
}

/** By `topic partition`; a log that is not named stood at 0. */
export interface KnownProgress {
  /** Below it everything is on disk; null where nobody can tell: then every log is scanned from its start. */
  readonly recoveryPoints: ReadonlyMap<string, Offset> | null;
  readonly logStartOffsets: ReadonlyMap<string, Offset>;
  readonly firstDirtyOffsets: ReadonlyMap<string, Offset>;
  readonly damagedRanges: ReadonlyMap<string, number>;
  /** Files that do not say what they should. */
  readonly broken: readonly string[];
}

/** Saves where the logs stand: below these offsets everything is on disk. */
export function writeProgress(files: FileSystem, directory: string, progress: Iterable<DirectoryProgress>): void {
  const recoveryPoints: PartitionOffset[] = [];
  const logStarts: PartitionOffset[] = [];
  const firstDirty: PartitionOffset[] = [];
  const scrubbed: ScrubbedLog[] = [];
  let body = '';
  for (const { topic, index, flushedEndOffset, logStartOffset, firstDirtyOffset, damagedRanges, scrub } of progress) {
    const key = partitionKey(topic, index);
    body += `${key} ${flushedEndOffset} ${logStartOffset} ${firstDirtyOffset} ${damagedRanges}\n`;
    recoveryPoints.push({ topic, index, offset: flushedEndOffset });
    if (logStartOffset > 0) logStarts.push({ topic, index, offset: logStartOffset });
    if (firstDirtyOffset > 0) firstDirty.push({ topic, index, offset: firstDirtyOffset });
    scrubbed.push({ topic, index, scrub });
  }
  writeChecksummedText(files, join(directory, PROGRESS_FILE), TITLE, body, true);
  writeOffsetCheckpoint(files, directory, RECOVERY_POINT_FILE, recoveryPoints);
  writeOffsetCheckpoint(files, directory, LOG_START_FILE, logStarts);
  writeOffsetCheckpoint(files, directory, FIRST_DIRTY_FILE, firstDirty);
  writeScrubCheckpoint(files, directory, scrubbed);
}

export function readProgress(files: FileSystem, directory: string): KnownProgress {
  const path = (name: string): string => join(directory, name);
  const body = readChecksummedText(files, path(PROGRESS_FILE), TITLE);
  const ours = body == null ? null : decode(body);
  const names = [RECOVERY_POINT_FILE, LOG_START_FILE, FIRST_DIRTY_FILE];
  const kafkas = names.map((name) => readOffsetCheckpoint(files, directory, name));
  if (ours !== null) {
    const differing = names.filter((_, i) => kafkas[i] === null || differences(ours[i], kafkas[i]) > 0);
    const isStale = kafkas.some((offsets, i) => offsets !== null && differences(ours[i], offsets) > ROTTEN_ENTRIES_MAX);
    if (!isStale) return knownFrom(ours, differing.map(path));
  }
  const broken = names.filter((_, i) => kafkas[i] === null);
  if (body === null) broken.push(PROGRESS_FILE);
  return knownFrom([...kafkas, ours?.[3] ?? null], broken.map(path));
}

function knownFrom(
  [recoveryPoints, logStarts, firstDirty, damagedRanges]: readonly (ReadonlyMap<string, Offset> | null)[],
  broken: readonly string[],
): KnownProgress {
  return {
    recoveryPoints,
    logStartOffsets: logStarts ?? new Map(),
    firstDirtyOffsets: firstDirty ?? new Map(),
    damagedRanges: damagedRanges ?? new Map(),
    broken,
  };
}

/** Recovery points, log starts, first dirty offsets and numbers of damaged ranges. */
function decode(body: string): Map<string, number>[] {
  const columns = Array.from({ length: 4 }, () => new Map<string, number>());
  for (const line of body.split('\n').filter((entry) => entry !== '')) {
    const [topic, index, ...offsets] = line.split(' ');
    offsets.forEach((offset, i) => {
      columns[i].set(`${topic} ${index}`, Number(offset));
    });
  }
  return columns;
}

/** In how many logs two tables differ; one that is not named stands at 0. A name that rots is one log, not two. */
function differences(a: ReadonlyMap<string, Offset>, b: ReadonlyMap<string, Offset>): number {
  const [onlyInA, onlyInB] = [
    [a, b],
    [b, a],
  ].map(([one, other]) => [...one].filter(([key, offset]) => offset > 0 && !other.get(key)).length);
  const changed = [...a].filter(([key, offset]) => offset > 0 && b.get(key) && b.get(key) !== offset).length;
  return changed + Math.max(onlyInA, onlyInB);
}
