/** Which segments of a log have had their time, and how they leave it. Lives on shards. */

import type { FileSystem } from './file-system.js';
import type { OpenFiles } from './open-files.js';
import type { Segment } from './segment.js';
import { type AgeRules, youngestAgeMs } from './segment-age.js';
import { DELETED_SUFFIX } from './segment-name.js';
import type { SegmentSearch } from './segment-search.js';
import { onDisk, renamedIfRoom } from './storage-error.js';

export interface RetentionRules extends AgeRules {
  readonly deleted: boolean;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** -1: without limit. What is left is never less than this. */
  readonly retentionBytes: number;
}

/** The setting that a segment had to go by. */
export type RetentionReason = 'retention.ms' | 'retention.bytes';

/** Segments that left a log. */
export interface Retired {
  readonly segments: number;
  readonly bytes: number;
  /** Their renamed files, to be unlinked when no reader holds them. */
  readonly paths: readonly string[];
}

export const NOTHING_RETIRED: Retired = { segments: 0, bytes: 0, paths: [] };

/** Why each of the first segments has had its time; the first one without an entry, and all behind it, stay. @throws StorageError */
export function expired(
  segments: readonly Segment[],
  rules: RetentionRules,
  search: SegmentSearch,
  nowMs: number,
): RetentionReason[] {
  const reasons: RetentionReason[] = [];
  if (!rules.deleted) return reasons;
  let excessBytes = -1;
  if (rules.retentionBytes >= 0) {
    excessBytes = -rules.retentionBytes;
    for (const segment of segments) excessBytes += segment.writtenBytes;
  }
  for (const segment of segments) {
    if (segment.writtenBytes === 0) break;
    excessBytes -= segment.writtenBytes;
    if (isOld(segment, rules, search, nowMs)) reasons.push('retention.ms');
    else if (excessBytes >= 0) reasons.push('retention.bytes');
    else break;
  }
  return reasons;
}

function isOld(segment: Segment, rules: RetentionRules, search: SegmentSearch, nowMs: number): boolean {
  if (rules.retentionMs < 0) return false;
  return onDisk('read', segment.path, () => youngestAgeMs(segment, rules, search, nowMs) > rules.retentionMs);
}

/**
 * Renames all files of the segments: whoever reads them still may, until they are unlinked. On a full disk a folder may have no
 * room for another name: what is deleted there to make some goes at once.
 */
export function retire(files: FileSystem, openFiles: OpenFiles, gone: readonly Segment[]): Retired {
  const paths: string[] = [];
  let bytes = 0;
  for (const segment of gone) {
    bytes += segment.writtenBytes;
    for (const path of [segment.path, segment.indexPath, segment.timeIndexPath, segment.snapshotPath]) {
      openFiles.close(path);
      if (!files.exists(path)) continue;
      if (renamedIfRoom(files, path, path + DELETED_SUFFIX)) paths.push(path + DELETED_SUFFIX);
      else onDisk('remove', path, () => files.unlink(path));
    }
  }
  return { segments: gone.length, bytes, paths };
}
