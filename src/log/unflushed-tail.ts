/**
 * What was written to a log and is not known to be on the disk, as a start finds it. Lives on shards.
 *
 * A flush may have failed, of this process or of one that was killed before it could say so. Linux reports that once and keeps
 * the pages, called clean, as if they were on the disk. So nothing is simply believed:
 *
 *     disk      flushed, dropped from memory, read from the disk: what counts is what the disk has.
 *     memory    read from memory. What is valid is written there once more, so that it is on its way to the disk whatever became
 *               of it: behind the start, while the log serves (see `rest`). No disk is waited for: a gibibyte takes 0.2 s
 *               instead of 1.5.
 *     both      all that memory has is written there once more; then as `disk`.
 *
 * With flush=never records are acknowledged as soon as memory has them: that is what a start after a kill looks at. Where the
 * disk failed while the log served, acknowledged records may be in memory alone, unless the mode has long been flush=ack. What is
 * no longer in memory is what the disk has.
 */
import type { FilePosition, Offset } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import type { LogPlace } from './log-reader.js';
import type { OpenFiles } from './open-files.js';
import type { Segment } from './segment.js';
import { flushing, onDisk } from './storage-error.js';
import { WriteAgain } from './write-again.js';

export type Believed = 'disk' | 'memory' | 'both';

export class UnflushedTail {
  /** What need not be on the disk yet and is still to be written again, in the order of its segments. */
  readonly rest: WriteAgain[] = [];
  /** Where the first of it begins: there the log stops being known to be on the disk. */
  start: Readonly<LogPlace> | null = null;
  /** The same of the segment that is being read; null where it is on the disk. */
  private present: LogPlace | null = null;

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
    if (this.believed === 'memory' && this.isInMemory(segment, position, bytes)) {
      this.present = { offset, segmentBase: segment.baseOffset, position };
      return false;
    }
    if (this.believed === 'both') this.writeAgain(segment, position, segment.writtenBytes);
    this.believeTheDiskOnly(segment, position);
    return true;
  }

  /** Before the next `bytes` from `position` on are read; in front of it there are valid batches. @throws StorageError */
  beforeRead(segment: Segment, position: FilePosition, bytes: number): void {
    const { present } = this;
    if (present === null || position >= segment.writtenBytes || this.isInMemory(segment, position, bytes)) return;
    this.writeAgain(segment, present.position, position);
    this.believeTheDiskOnly(segment, position);
    this.present = null;
  }

  private writeAgain(segment: Segment, from: FilePosition, to: FilePosition): void {
    new WriteAgain(this.files, this.openFiles, segment, from, to).run(Number.POSITIVE_INFINITY);
  }

  /** The segment was read to its end: it stays as it is where that may be, or is on the disk afterwards. @throws StorageError */
  end(segment: Segment, isSound: boolean): void {
    const { files, openFiles, present } = this;
    const { path, cutIsUnflushed, writtenBytes } = segment;
    segment.holds(writtenBytes);
    this.present = null;
    if (present !== null && isSound) {
      segment.flushedBytes = present.position;
      segment.collectedBytes = present.position;
      segment.cutIsUnflushed = cutIsUnflushed;
      this.start ??= present;
      this.rest.push(new WriteAgain(files, openFiles, segment, present.position, writtenBytes));
      return;
    }
    // In front of a segment that is on the disk, all are.
    this.flush();
    if (present !== null) this.writeAgain(segment, present.position, writtenBytes);
    flushing(path, () => files.fdatasync(openFiles.descriptor(path, 'write')));
  }

  /** All that was left is on the disk afterwards. @throws StorageError */
  flush(): void {
    const { files, openFiles, rest } = this;
    for (const again of rest) again.run(Number.POSITIVE_INFINITY);
    for (const { segment } of rest) {
      flushing(segment.path, () => files.fdatasync(openFiles.descriptor(segment.path, 'write')));
    }
    for (const { segment } of rest) segment.holds(segment.writtenBytes);
    rest.length = 0;
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
