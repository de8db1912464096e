/** What a partition's folder holds when its log is opened: segments in order, snapshots, and left-overs that go. On shards. */
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import { ASIDE_SUFFIX, type FileSystem } from './file-system.js';
import { Segment } from './segment.js';
import { CLEANED_SUFFIX, DELETED_SUFFIX, parseSegmentFileName, segmentFileName } from './segment-name.js';
import { finishSwaps } from './segment-swap.js';

export interface LogFolder {
  /** False where there is no folder yet: it is made with the first append. */
  readonly exists: boolean;
  /** By rising base offset; sizes and times filled in, indexes not loaded. */
  readonly segments: Segment[];
  /** Offsets of producer snapshots, rising. */
  readonly snapshots: Offset[];
}

/** Reads the folder once it is rid of what a crash may leave behind: half-made swaps, files written aside, deleted ones, indexes without a log. */
export function readLogFolder(files: FileSystem, directory: string, log: Logger): LogFolder {
  if (!files.exists(directory)) return { exists: false, segments: [], snapshots: [] };
  finishSwaps(files, directory, log);
  const segments: Segment[] = [];
  const snapshots: Offset[] = [];
  const indexes: { name: string; baseOffset: Offset }[] = [];
  for (const name of files.readdir(directory)) {
    if (name.endsWith(ASIDE_SUFFIX) || name.endsWith(DELETED_SUFFIX) || name.endsWith(CLEANED_SUFFIX)) {
      files.unlink(`${directory}/${name}`);
      continue;
    }
    const parsed = parseSegmentFileName(name);
    if (parsed === null) continue;
    const { baseOffset, suffix } = parsed;
    if (suffix === '.log') {
      const segment = new Segment(directory, baseOffset);
      const stat = files.stat(segment.path);
      segment.holds(stat?.size ?? 0);
      segment.firstAppendMs = stat?.birthtimeMs ?? -1;
      segment.lastAppendMs = stat?.mtimeMs ?? -1;
      segments.push(segment);
    } else if (suffix === '.snapshot') {
      snapshots.push(baseOffset);
    } else {
      indexes.push({ name, baseOffset });
    }
  }
  const bases = new Set(segments.map((segment) => segment.baseOffset));
  for (const { name, baseOffset } of indexes) {
    if (bases.has(baseOffset)) continue;
    log.warn({ file: `${directory}/${name}` }, 'An index without its segment is removed.');
    files.unlink(`${directory}/${name}`);
  }
  segments.sort((a, b) => a.baseOffset - b.baseOffset);
  snapshots.sort((a, b) => a - b);
  return { exists: true, segments, snapshots };
}

export function snapshotPathAt(directory: string, offset: Offset): string {
  return `${directory}/${segmentFileName(offset, '.snapshot')}`;
}
