/** Finds batches in segments: by offset, by size, by time; through sparse indexes that are never believed unchecked. On shards. */
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import type { FilePosition, Offset } from '../base/units.js';
import { canDecompress } from '../record/compression.js';
import { visitRecords } from '../record/record.js';
import { baseOffsetOf, codecOf, lastOffsetOf, maxTimestampOf } from '../record/record-batch.js';
import { BatchWalk } from './batch-walk.js';
import type { FileSystem } from './file-system.js';
import {
  floorByOffset,
  floorByPosition,
  OFFSET_ENTRY_BYTES,
  type OffsetEntries,
  OffsetIndexFile,
} from './offset-index.js';
import type { OpenFiles } from './open-files.js';
import { indexedTimestampOf, type Segment } from './segment.js';
import { onDisk, StorageError } from './storage-error.js';
import { lastBefore, TIME_ENTRY_BYTES, type TimeEntries, TimeIndexFile } from './time-index.js';

/** What an entry of an index has room for. */
const OFFSET_SPAN_MAX = 0x7fffffff;

export interface TimestampOffset {
  readonly timestampMs: number;
  readonly offset: Offset;
}

export interface SearchParts {
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly log: Logger;
  readonly config: {
    readonly indexIntervalBytes: number;
    readonly messageBytesMax: number;
    readonly compacted: boolean;
  };
  /** A batch header that nobody knew to be damaged is: finds out how much is, so that `segment.damaged` says so from now on. */
  examine(segment: Segment): void;
}

export class SegmentSearch {
  /** After `cut`: the offset behind the last batch in front of the boundary; -1 where that is the end or the edge of damage. */
  cutOffset: Offset = -1;
  /** Stands on the batch that the last search found; its header may be read until the next one. */
  readonly walk: BatchWalk;

  constructor(private readonly parts: SearchParts) {
    this.walk = new BatchWalk(parts.files, parts.openFiles.window);
  }

  /** Stands on the batch that holds `offset`, or on the first behind it; false where none begins below `end`. */
  findBatch(segment: Segment, offset: Offset, end: FilePosition): boolean {
    this.startAtOrBefore(segment, offset, end);
    while (this.next(segment)) {
      if (lastOffsetOf(this.walk.bytes, this.walk.at) >= offset) return true;
    }
    return false;
  }

  /**
   * The same for a reader, of whom nothing at or behind `offsetLimit` may be had: where the batch leaves out the offset asked
   * for, and no compaction was there, or lies in front of the segment, or reaches too far, or as far as into the batch behind it,
   * all of the segment is checked, once. @throws KafkaError CORRUPT_MESSAGE
   */
  findForReader(segment: Segment, offset: Offset, end: FilePosition, offsetLimit: Offset): boolean {
    const isThere = this.findBatch(segment, offset, end);
    // It may have come to light on the way, where the indexes had to be built anew.
    if (segment.damagedFor(offset) !== undefined) throw damagedAt(segment, offset);
    if (!isThere) return false;
    const { bytes, at } = this.walk;
    const { nextBaseOffset } = this.walk;
    const leavesOut = !this.parts.config.compacted && baseOffsetOf(bytes, at) > Math.max(offset, segment.baseOffset);
    const reachesTo = lastOffsetOf(bytes, at);
    const isElsewhere = baseOffsetOf(bytes, at) < segment.baseOffset || reachesTo >= offsetLimit;
    const isDoubtful = leavesOut || isElsewhere || (nextBaseOffset >= 0 && nextBaseOffset <= reachesTo);
    if (!isDoubtful || !this.examineOnce(segment)) return true;
    if (segment.damagedFor(offset) === undefined) return this.findBatch(segment, offset, end);
    throw damagedAt(segment, offset);
  }

  /** The boundary where batches that begin at `from` stop fitting into `limitBytes`; `end` where all of them fit. */
  cut(segment: Segment, from: FilePosition, limitBytes: number, end: FilePosition): FilePosition {
    this.cutOffset = -1;
    const sound = segment.soundUntil(from, end);
    if (from + limitBytes >= sound) return sound;
    const entries = this.offsetEntries(segment);
    let entry = floorByPosition(entries, from + limitBytes);
    // Offsets may be missing in front of a batch only where compaction has been: then the one before it has to be asked.
    if (this.parts.config.compacted && entry >= 0) entry--;
    const start = entry < 0 ? from : Math.max(from, entries.positionAt(entry));
    if (start > from && !isKnownWhole(segment)) {
      const lastOffset = entries.offsetAt(entry);
      this.startAt(segment, start, sound);
      // The one before it lies further on only where entries are out of order.
      if (start > from + limitBytes || !this.standsOn(lastOffset)) {
        this.rebuildIndexes(segment);
        return this.cut(segment, from, limitBytes, end);
      }
    }
    this.startAt(segment, start, sound);
    let boundary = start;
    let behind = -1;
    while (this.walk.next()) {
      boundary = this.walk.position + this.walk.size;
      if (boundary <= from + limitBytes) {
        behind = lastOffsetOf(this.walk.bytes, this.walk.at) + 1;
        continue;
      }
      this.cutOffset = behind >= 0 ? behind : baseOffsetOf(this.walk.bytes, this.walk.at);
      return this.walk.position;
    }
    return boundary;
  }

  /** The first record at or after `timestampMs` with an offset in [`from`, `upTo`), or null. */
  firstAtOrAfter(segment: Segment, timestampMs: number, from: Offset, upTo: Offset): TimestampOffset | null {
    const entries = this.timeEntries(segment);
    const entry = lastBefore(entries, timestampMs);
    const entryTimestampMs = entry < 0 ? -1 : entries.timestampAt(entry);
    const entryOffset = entry < 0 ? from : entries.offsetAt(entry);
    if (entry >= 0 && !isKnownWhole(segment) && !this.fits(segment, entryTimestampMs, entryOffset)) {
      this.rebuildIndexes(segment);
      return this.firstAtOrAfter(segment, timestampMs, from, upTo);
    }
    this.startAtOrBefore(segment, Math.max(from, entryOffset), segment.writtenBytes);
    while (this.next(segment)) {
      const { bytes, at } = this.walk;
      if (baseOffsetOf(bytes, at) >= upTo) return null;
      if (lastOffsetOf(bytes, at) < from || maxTimestampOf(bytes, at) < timestampMs) continue;
      const found = this.recordAtOrAfter(segment, timestampMs, from, upTo);
      if (found !== null) return found;
    }
    return null;
  }

  /** The first record that carries the largest timestamp among those below `upTo`, or null where none has one. */
  largestBelow(segment: Segment, from: Offset, upTo: Offset): TimestampOffset | null {
    let largestMs = -1;
    let batchOffset: Offset = -1;
    this.startAtOrBefore(segment, from, segment.writtenBytes);
    while (this.next(segment)) {
      const { bytes, at } = this.walk;
      if (baseOffsetOf(bytes, at) >= upTo) break;
      if (lastOffsetOf(bytes, at) < from || indexedTimestampOf(bytes, at) <= largestMs) continue;
      largestMs = indexedTimestampOf(bytes, at);
      batchOffset = Math.max(from, baseOffsetOf(bytes, at));
    }
    if (largestMs < 0 || !this.findBatch(segment, batchOffset, segment.writtenBytes)) return null;
    return this.recordAtOrAfter(segment, largestMs, from, upTo);
  }

  /** The largest timestamp of the whole segment and the last offset of its batch; -1 where there is none. */
  largest(segment: Segment): TimestampOffset {
    this.checkIndexFiles(segment);
    return { timestampMs: segment.maxTimestampMs, offset: segment.maxTimestampOffset };
  }

  /** What `read` makes of the segment's first header; null where there is none. */
  firstHeader<T>(segment: Segment, read: (bytes: Uint8Array, at: number) => T): T | null {
    this.startAt(segment, 0, segment.writtenBytes);
    return this.step(segment) ? read(this.walk.bytes, this.walk.at) : null;
  }

  /** Visits the headers of all batches from `offset` on; stops early, and says so with false, where bytes are no batch. */
  visitFrom(segment: Segment, offset: Offset, visit: (walk: BatchWalk) => void): boolean {
    this.startAtOrBefore(segment, offset, segment.writtenBytes);
    while (this.step(segment)) {
      if (lastOffsetOf(this.walk.bytes, this.walk.at) >= offset) visit(this.walk);
    }
    return !this.walk.broken;
  }

  /** Looks into the batch that `walk` stands on. Where its codec is unreadable here, the batch's first offset has to do. */
  private recordAtOrAfter(segment: Segment, timestampMs: number, from: Offset, upTo: Offset): TimestampOffset | null {
    const { bytes, at, position, size } = this.walk;
    if (!canDecompress(codecOf(bytes, at))) {
      return { timestampMs: maxTimestampOf(bytes, at), offset: Math.max(from, baseOffsetOf(bytes, at)) };
    }
    const batch = Buffer.allocUnsafe(size);
    this.parts.files.read(this.descriptor(segment), batch, 0, size, position);
    let found: TimestampOffset | null = null;
    visitRecords(batch, (record) => {
      if (record.offset >= upTo) return false;
      if (record.offset < from || record.timestampMs < timestampMs) return true;
      found = { timestampMs: record.timestampMs, offset: record.offset };
      return false;
    });
    return found;
  }

  /** Puts the walk in front of the last indexed batch that is not behind `offset`. */
  private startAtOrBefore(segment: Segment, offset: Offset, end: FilePosition): void {
    if (offset <= segment.baseOffset || end === 0) {
      this.startAt(segment, 0, end);
      return;
    }
    const entries = this.offsetEntries(segment);
    const entry = floorByOffset(entries, offset);
    if (entry < 0) {
      this.startAt(segment, 0, end);
      return;
    }
    const position = entries.positionAt(entry);
    const lastOffset = entries.offsetAt(entry);
    this.startAt(segment, position, end);
    if (isKnownWhole(segment) || this.standsOn(lastOffset)) {
      this.startAt(segment, position, end);
      return;
    }
    this.rebuildIndexes(segment);
    this.startAtOrBefore(segment, offset, end);
  }

  /** An index file has no checksum: its word counts where the batch itself, on which the walk starts, agrees. */
  private standsOn(lastOffset: Offset): boolean {
    return this.walk.next() && lastOffsetOf(this.walk.bytes, this.walk.at) === lastOffset;
  }

  private startAt(segment: Segment, position: FilePosition, end: FilePosition): void {
    this.walk.start(this.descriptor(segment), position, end);
  }

  /** The next sound batch. @throws KafkaError CORRUPT_MESSAGE where bytes are no batch and nobody knew; the next search will. */
  private next(segment: Segment): boolean {
    if (this.step(segment)) return true;
    if (this.walk.broken) {
      this.examineOnce(segment);
      throw new KafkaError('CORRUPT_MESSAGE', `${segment.path} is damaged at byte ${this.walk.position}.`);
    }
    return false;
  }

  /** Moves on, over known damage. */
  private step(segment: Segment): boolean {
    const known = segment.damagedAt(this.walk.position + this.walk.size);
    if (known !== undefined) this.walk.skipTo(known.endPosition);
    return this.walk.next();
  }

  private descriptor(segment: Segment): number {
    return this.parts.openFiles.descriptor(segment.path, 'write');
  }

  private offsetEntries(segment: Segment): OffsetEntries {
    this.checkIndexFiles(segment);
    if (segment.offsets !== null) return segment.offsets;
    const { files, openFiles } = this.parts;
    const count = Math.floor((files.stat(segment.indexPath)?.size ?? 0) / OFFSET_ENTRY_BYTES);
    return new OffsetIndexFile(files, openFiles.descriptor(segment.indexPath, 'read'), segment.baseOffset, count);
  }

  private timeEntries(segment: Segment): TimeEntries {
    this.checkIndexFiles(segment);
    if (segment.times !== null) return segment.times;
    const { files, openFiles } = this.parts;
    const count = Math.floor((files.stat(segment.timeIndexPath)?.size ?? 0) / TIME_ENTRY_BYTES);
    return new TimeIndexFile(files, openFiles.descriptor(segment.timeIndexPath, 'read'), segment.baseOffset, count);
  }

  /**
   * Once for each sealed segment after a start: index files are not synced and have no checksum, so a cut of power may
   * have left them empty, short or zero. They are believed where their ends fit the segment; single entries are checked
   * when they are used.
   */
  private checkIndexFiles(segment: Segment): void {
    if (segment.indexesAreChecked || segment.offsets !== null || segment.writtenBytes === 0) return;
    segment.indexesAreChecked = true;
    const { files, config } = this.parts;
    const offsetsSize = files.stat(segment.indexPath)?.size ?? -1;
    const timesSize = files.stat(segment.timeIndexPath)?.size ?? -1;
    const sizesFit =
      offsetsSize >= 0 &&
      timesSize >= 0 &&
      offsetsSize % OFFSET_ENTRY_BYTES === 0 &&
      timesSize % TIME_ENTRY_BYTES === 0;
    if (!sizesFit) {
      this.rebuildIndexes(segment);
      return;
    }
    const times = this.timeEntries(segment);
    const offsets = this.offsetEntries(segment);
    const indexedTo = offsets.count === 0 ? 0 : offsets.positionAt(offsets.count - 1);
    const gapMax = config.indexIntervalBytes + 2 * config.messageBytesMax;
    const tooSparse = segment.writtenBytes - indexedTo > gapMax;
    if (times.count === 0) {
      // As it should be where no record has a timestamp, or compaction has left no record.
      if (tooSparse || this.largestFrom(segment, 0) >= 0) this.rebuildIndexes(segment);
      return;
    }
    const timestampMs = times.timestampAt(times.count - 1);
    const offset = times.offsetAt(times.count - 1);
    if (tooSparse || !this.fits(segment, timestampMs, offset) || this.largestFrom(segment, indexedTo) > timestampMs) {
      this.rebuildIndexes(segment);
      return;
    }
    segment.maxTimestampMs = timestampMs;
    segment.maxTimestampOffset = offset;
  }

  /** The largest timestamp of the batches behind the last indexed one: a time index that was cut short does not know it. */
  private largestFrom(segment: Segment, position: FilePosition): number {
    let largestMs = -1;
    this.startAt(segment, position, segment.writtenBytes);
    while (this.step(segment)) largestMs = Math.max(largestMs, indexedTimestampOf(this.walk.bytes, this.walk.at));
    return largestMs;
  }

  /** True where a time index's entry tells the truth about the batch that ends at `offset`. */
  fits(segment: Segment, timestampMs: number, offset: Offset): boolean {
    this.startAtOrBefore(segment, offset, segment.writtenBytes);
    while (this.step(segment)) {
      const { bytes, at } = this.walk;
      if (lastOffsetOf(bytes, at) < offset) continue;
      return lastOffsetOf(bytes, at) === offset && indexedTimestampOf(bytes, at) === timestampMs;
    }
    return false;
  }

  /** True the first time. */
  private examineOnce(segment: Segment): boolean {
    if (segment.isExamined) return false;
    segment.isExamined = true;
    this.parts.examine(segment);
    return true;
  }

  /** Reads every header of a segment and builds both of its indexes anew; of a sealed one, writes them to their files. */
  private rebuildIndexes(segment: Segment): void {
    const { files, openFiles, log, config } = this.parts;
    const isActive = segment.indexesAreLoaded;
    log.warn({ segment: segment.path }, 'An index file is missing or wrong and is built anew.');
    segment.startIndexes();
    this.startAt(segment, 0, segment.writtenBytes);
    let isSound = true;
    let expected = segment.baseOffset;
    while (this.step(segment)) {
      const { bytes, at, position, size } = this.walk;
      const lastOffset = lastOffsetOf(bytes, at);
      // What has no place in the order of the segment has none in its indexes.
      if (baseOffsetOf(bytes, at) < expected || lastOffset - segment.baseOffset > OFFSET_SPAN_MAX) {
        isSound = false;
        continue;
      }
      segment.note(bytes, at, position, size, config.indexIntervalBytes);
      expected = lastOffset + 1;
    }
    if ((this.walk.broken || !isSound) && this.examineOnce(segment)) {
      segment.indexesAreLoaded = isActive;
      this.rebuildIndexes(segment);
      return;
    }
    if (!isActive) putIndexesAway(files, openFiles, segment);
  }
}

function damagedAt(segment: Segment, offset: Offset): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', `${segment.path} is damaged where the offset ${offset} was.`);
}

/** Built in memory from the batches themselves. */
function isKnownWhole(segment: Segment): boolean {
  return segment.offsets !== null && !segment.indexesAreLoaded;
}

/**
 * From memory into files, for a sealed segment. A full disk leaves them in memory, until they are built anew after some
 * start: for want of room for what is only a cache no log must be kept from being read. @throws StorageError
 */
export function putIndexesAway(files: FileSystem, openFiles: OpenFiles, segment: Segment): void {
  try {
    onDisk('write the indexes of', segment.path, () => writeIndexFiles(files, openFiles, segment));
  } catch (error) {
    if (!(error instanceof StorageError && error.full)) throw error;
    return;
  }
  segment.releaseIndexes();
}

/** Writes the indexes in memory to their files. Not durable by itself: what a cut of power leaves is checked when used. */
export function writeIndexFiles(files: FileSystem, openFiles: OpenFiles, segment: Segment): void {
  const { offsets, times } = segment;
  if (offsets === null || times === null) return;
  times.append(segment.maxTimestampMs, segment.maxTimestampOffset);
  openFiles.close(segment.indexPath);
  openFiles.close(segment.timeIndexPath);
  files.writeFileAtomically(segment.indexPath, offsets.encode(), false);
  files.writeFileAtomically(segment.timeIndexPath, times.encode(), false);
}
