/**
 * What was written to a log and is not known to be on the disk, as a start finds it. Lives on shards.
 *
 * A flush may have failed, of this process or of one that was killed before it could say so. Linux reports that once and keeps
 * the pages, called clean, as if they were on the disk. So nothing is simply believed:
 *
 *     disk      flushed, dropped from memory, read from the disk: what counts is what the disk has.
 *     memory    read from memory, and what is valid is written there once more, so that it is on its way to the disk whatever
 *               became of it. No disk is waited for: a gibibyte takes 0.3 s instead of 1.5.
 *     both      all that memory has is written there once more; then as `disk`.
 *
 * With flush=never records are acknowledged as soon as memory has them: that is what a start after a kill looks at. Where the
 * disk failed while the log served, acknowledged records may be in memory alone, unless the mode has long been flush=ack. What is
 * no longer in memory is what the disk has.
 *
 * It is written where it lay: a cut of power finds the old bytes or the same ones.
 */
import type { FilePosition, Offset } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import type { LogPlace } from './log-reader.js';
import type { OpenFiles } from './open-files.js';
import { writeOne } from './piecewise-write.js';
import type { Segment } from './segment.js';
import { flushing, onDisk } from './storage-error.js';

export type Believed = 'disk' | 'memory' | 'both';

export class UnflushedTail {
  /** Segments that are sound and were not flushed, in their order. */
  readonly segments: Segment[] = [];
  /** Where the first of them stops being known to be on the disk. */
  start: Readonly<LogPlace> | null = null;
  /** The same of the segment that is being read; null where it is on the disk. */
  private present: LogPlace | null = null;
  private writtenTo: FilePosition = 0;

  constructor(
    private readonly files: FileSystem,
    private readonly openFiles: OpenFiles,
    private readonly believed: Believed,
  ) {}

  /**
   * From here on nothing of `segment` is known to be on the disk; the next `bytes` will be read in one go. True where they were
   * dropped from memory: what was read of them before must be read again. @throws StorageError
   */
  begin(segment: Segment, offset: Offset, position: FilePosition, bytes: number): boolean {
    this.present = null;
    if (position >= segment.writtenBytes) return false;
    this.writtenTo = position;
    if (this.believed === 'memory' && this.isInMemory(segment, position, bytes)) {
      this.present = { offset, segmentBase: segment.baseOffset, position };
      return false;
    }
    if (this.believed === 'both') this.writeAgain(segment, segment.writtenBytes);
    this.believeTheDiskOnly(segment, position);
    return true;
  }

  /** Before the next `bytes` from `position` on are read. @throws StorageError */
  beforeRead(segment: Segment, position: FilePosition, bytes: number): void {
    if (this.present === null || position >= segment.writtenBytes || this.isInMemory(segment, position, bytes)) return;
    this.believeTheDiskOnly(segment, this.writtenTo);
    this.present = null;
  }

  /** `bytes` were read from `position` on; up to `validEnd` there are valid batches, and so many of them are written again. */
  take(segment: Segment, bytes: Buffer, position: FilePosition, validEnd: FilePosition): void {
    const from = this.writtenTo - position;
    const to = Math.min(bytes.length, validEnd - position);
    if (this.present !== null && from >= 0 && to > from) this.write(segment, bytes.subarray(from, to));
  }

  /** Up to `validEnd` the batches were read; what was not {@link take}n of them, because the reader jumped, is now. @throws StorageError */
  afterRead(segment: Segment, validEnd: FilePosition): void {
    if (this.present !== null) this.writeAgain(segment, validEnd);
  }

  private writeAgain(segment: Segment, to: FilePosition): void {
    const { files, openFiles } = this;
    // Not the window of recoveries: one may be reading from it.
    const { window } = openFiles;
    while (this.writtenTo < to) {
      const wanted = Math.min(window.length, to - this.writtenTo);
      const fd = openFiles.descriptor(segment.path, 'write');
      const length = onDisk('read', segment.path, () => files.read(fd, window, 0, wanted, this.writtenTo));
      if (length === 0) return;
      this.write(segment, window.subarray(0, length));
    }
  }

  /** Its pages are there already: the length of a write does not matter. */
  private write(segment: Segment, bytes: Buffer): void {
    const fd = this.openFiles.descriptor(segment.path, 'write');
    onDisk('write to', segment.path, () =>
      writeOne(this.files, fd, bytes, 0, this.writtenTo, Number.POSITIVE_INFINITY),
    );
    this.writtenTo += bytes.length;
  }

  /** The segment was read to its end: it stays as it is where that may be, or is on the disk afterwards. @throws StorageError */
  end(segment: Segment, isSound: boolean): void {
    const { files, openFiles, present, segments } = this;
    const { path, cutIsUnflushed } = segment;
    segment.holds(segment.writtenBytes);
    this.present = null;
    if (present !== null && isSound) {
      // Retention counts from its last append.
      onDisk('write to', path, () => files.setModified(openFiles.descriptor(path, 'write'), segment.lastAppendMs));
      segment.flushedBytes = present.position;
      segment.collectedBytes = present.position;
      segment.cutIsUnflushed = cutIsUnflushed;
      this.start ??= present;
      segments.push(segment);
      return;
    }
    // In front of a segment that is on the disk, all are.
    this.flush();
    flushing(path, () => files.fdatasync(openFiles.descriptor(path, 'write')));
  }

  /** All that was left is on the disk afterwards. @throws StorageError */
  flush(): void {
    const { files, openFiles, segments } = this;
    for (const { path } of segments) flushing(path, () => files.fdatasync(openFiles.descriptor(path, 'write')));
    for (const segment of segments) segment.holds(segment.writtenBytes);
    segments.length = 0;
    this.start = null;
  }

  private isInMemory(segment: Segment, position: FilePosition, bytes: number): boolean {
    const fd = this.openFiles.descriptor(segment.path, 'write');
    return this.files.isCached(fd, position, Math.min(bytes, segment.writtenBytes - position));
  }

  /** What was written and not flushed is brought to disk first, so that nothing but what failed to get there is dropped. */
  private believeTheDiskOnly(segment: Segment, position: FilePosition): void {
    const { files, openFiles } = this;
    const fd = openFiles.descriptor(segment.path, 'write');
    flushing(segment.path, () => files.fdatasync(fd));
    onDisk('drop the cached pages of', segment.path, () => files.dropCache(fd, position));
  }
}
