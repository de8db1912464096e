/**
 * Puts a compacted segment in the place of those it was made from, so that a crash at any point leaves the one or the
 * others and never a mixture. On shards.
 *
 * ```
 *  1  B.log.cleaned -> B.log.swap, folder synced    from here on it counts: a start goes on where this stopped
 *  2  of every source   S.log -> S.log.<generation>.deleted; indexes and snapshot of all but the first the same
 *  3  B.index.cleaned -> B.index, B.timeindex.cleaned -> B.timeindex, folder synced
 *  4  B.log.swap -> B.log
 * ```
 *
 * B is the base offset of the first source. The folder is synced in front of 4, because a source that came back to life
 * beside the finished segment would be records twice. Which sources a `.swap` file stands for is not written anywhere: all
 * segments whose base offset lies between its first and its last offset, which compaction sees to (the last batch of every
 * group stays). Apache Kafka finishes its own swaps by the same names and the same rule, so each finishes the other's.
 *
 * Readers may hold places in a source: it keeps its bytes under a name that no other file ever has, for
 * `file.delete.delay.ms` (partition/replaced-files.ts).
 */
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import { lastOffsetOf } from '../record/record-batch.js';
import { BatchWalk } from './batch-walk.js';
import { CompactionError } from './compaction-error.js';
import type { FileSystem } from './file-system.js';
import type { OpenFiles } from './open-files.js';
import type { PartitionFolder } from './partition-folder.js';
import type { Segment } from './segment.js';
import {
  CLEANED_SUFFIX,
  DELETED_SUFFIX,
  parseSegmentFileName,
  replacedName,
  SWAP_SUFFIX,
  segmentFileName,
} from './segment-name.js';
import { onDisk } from './storage-error.js';

const WALK_BYTES = 64 * 1024;

export interface SwapParts {
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly folder: PartitionFolder;
}

/**
 * Returns the renamed files, to be unlinked when no reader holds them.
 * @throws CompactionError where nothing was touched, StorageError where the log has to be read again to know what it is
 */
export function swapIn(
  { files, openFiles, folder }: SwapParts,
  sources: readonly Segment[],
  generation: number,
): string[] {
  const [first, ...merged] = sources;
  const { path, indexPath, timeIndexPath, directory } = first;
  const swapPath = path + SWAP_SUFFIX;
  const renamed: string[] = [];
  const putAside = (from: string, to: string): void => {
    openFiles.close(from);
    if (!files.exists(from)) return;
    files.rename(from, to);
    renamed.push(to);
  };
  try {
    files.rename(path + CLEANED_SUFFIX, swapPath);
  } catch (error) {
    throw new CompactionError(`${path}${CLEANED_SUFFIX} cannot be renamed: ${(error as Error).message}`);
  }
  onDisk('swap in', path, () => {
    files.fsyncDirectory(directory);
    for (const source of sources) putAside(source.path, replacedName(source.path, generation));
    for (const { indexPath: index, timeIndexPath: times, snapshotPath, baseOffset } of merged) {
      for (const name of [index, times, snapshotPath]) putAside(name, name + DELETED_SUFFIX);
      folder.dropSnapshot(baseOffset);
    }
    for (const index of [indexPath, timeIndexPath]) {
      openFiles.close(index);
      files.rename(index + CLEANED_SUFFIX, index);
    }
    files.fsyncDirectory(directory);
    files.rename(swapPath, path);
  });
  // Until some flush has synced it, a start finds the `.swap` file once more, and nothing else to do than this.
  folder.hasNewEntry = true;
  return renamed;
}

/** Finishes what a crash has interrupted. To be called before the folder's segments are looked at. */
export function finishSwaps(files: FileSystem, directory: string, log: Logger): void {
  const names = files.readdir(directory);
  const bases: Offset[] = [];
  for (const name of names) {
    if (!name.endsWith(SWAP_SUFFIX)) continue;
    const parsed = parseSegmentFileName(name.slice(0, -SWAP_SUFFIX.length));
    if (parsed?.suffix === '.log') bases.push(parsed.baseOffset);
    // Indexes that Kafka was about to swap in, too: they are built anew from the segment.
    else files.unlink(`${directory}/${name}`);
  }
  for (const base of bases.sort((a, b) => a - b)) finishSwap(files, directory, base, log);
}

function finishSwap(files: FileSystem, directory: string, base: Offset, log: Logger): void {
  const path = `${directory}/${segmentFileName(base, '.log')}`;
  const swapPath = path + SWAP_SUFFIX;
  const { lastOffset, whole } = reachOf(files, swapPath);
  if (!whole && files.exists(path)) {
    log.error({ file: swapPath }, 'A compacted segment is damaged; what it was made from is there and stays.');
    files.unlink(swapPath);
    return;
  }
  log.warn({ file: swapPath, lastOffset }, 'The swap of a compacted segment, which a crash interrupted, is finished.');
  for (const name of files.readdir(directory)) {
    const parsed = parseSegmentFileName(name);
    if (parsed === null || parsed.baseOffset < base || parsed.baseOffset > Math.max(base, lastOffset)) continue;
    // The producers at the first source's beginning are the same at that of the compacted segment.
    if (parsed.suffix === '.snapshot' && parsed.baseOffset === base) continue;
    files.unlink(`${directory}/${name}`);
  }
  files.fsyncDirectory(directory);
  files.rename(swapPath, path);
  files.fsyncDirectory(directory);
}

/** How far the file reaches: it was synced before it got its name, so headers tell. -1 where there is not one batch. */
function reachOf(files: FileSystem, path: string): { lastOffset: Offset; whole: boolean } {
  const end = files.stat(path)?.size ?? 0;
  const fd = files.open(path, 'read');
  try {
    const walk = new BatchWalk(files, Buffer.allocUnsafe(WALK_BYTES));
    walk.start(fd, 0, end);
    let lastOffset = -1;
    while (walk.next()) lastOffset = lastOffsetOf(walk.bytes, walk.at);
    return { lastOffset, whole: !walk.broken && lastOffset >= 0 };
  } finally {
    files.close(fd);
  }
}
