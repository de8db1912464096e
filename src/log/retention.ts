/** Which segments of a log have had their time, and how they leave it. Lives on shards. */

import type { FileSystem } from './file-system.js';
import type { OpenFiles } from './open-files.js';
import type { Segment } from './segment.js';
import { DELETED_SUFFIX } from './segment-name.js';
import { onDisk } from './storage-error.js';

export interface RetentionRules {
  readonly deleted: boolean;
  /** -1: for ever. Counted from the arrival of a segment's last batch. */
  readonly retentionMs: number;
  /** -1: without limit. What is left is never less than this. */
  readonly retentionBytes: number;
}

/** How many segments, from the first on, have had their time by `retention.ms` or `retention.bytes`. */
export function expiredCount(segments: readonly Segment[], rules: RetentionRules, nowMs: number): number {
  if (!rules.deleted) return 0;
  let excessBytes = -1;
  if (rules.retentionBytes >= 0) {
    excessBytes = -rules.retentionBytes;
    for (const segment of segments) excessBytes += segment.writtenBytes;
  }
  let count = 0;
  for (const segment of segments) {
    const isOld =
      rules.retentionMs >= 0 && segment.lastAppendMs >= 0 && nowMs - segment.lastAppendMs > rules.retentionMs;
    excessBytes -= segment.writtenBytes;
    if (segment.writtenBytes === 0 || !(isOld || excessBytes >= 0)) break;
    count++;
  }
  return count;
}

/** Renames all files of the segments and returns their new paths: whoever reads them still may, until they are unlinked. */
export function renameDeleted(files: FileSystem, openFiles: OpenFiles, gone: readonly Segment[]): string[] {
  const renamed: string[] = [];
  for (const segment of gone) {
    for (const path of [segment.path, segment.indexPath, segment.timeIndexPath, segment.snapshotPath]) {
      openFiles.close(path);
      if (!files.exists(path)) continue;
      onDisk('rename', path, () => files.rename(path, path + DELETED_SUFFIX));
      renamed.push(path + DELETED_SUFFIX);
    }
  }
  return renamed;
}
