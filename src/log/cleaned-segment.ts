/** A segment that compaction writes beside the log, under names that nobody reads before the swap. Lives in the pool. */
import type { FilePosition, Offset } from '../base/units.js';
import { CompactionError } from './compaction-error.js';
import type { FileSystem } from './file-system.js';
import { Segment } from './segment.js';
import { CLEANED_SUFFIX } from './segment-name.js';
import { onDisk } from './storage-error.js';

const BUFFER_BYTES = 1024 * 1024;
/** So much is written before it is brought to disk: a gigabyte at once would hold up the flushes of everybody else. */
const SYNC_STEP_BYTES = 8 * 1024 * 1024;
/** Positions are 32-bit numbers in indexes. */
const POSITION_MAX = 0x7fffffff;

export class CleanedSegment {
  writtenBytes = 0;
  private readonly segment: Segment;
  private readonly path: string;
  private readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private buffered = 0;
  private unsyncedBytes = 0;
  private fd = -1;

  constructor(
    private readonly files: FileSystem,
    directory: string,
    baseOffset: Offset,
    private readonly indexIntervalBytes: number,
  ) {
    this.segment = new Segment(directory, baseOffset);
    this.segment.startIndexes();
    this.path = this.segment.path + CLEANED_SUFFIX;
  }

  get maxTimestampMs(): number {
    return this.segment.maxTimestampMs;
  }

  get maxTimestampOffset(): Offset {
    return this.segment.maxTimestampOffset;
  }

  get size(): FilePosition {
    return this.writtenBytes + this.buffered;
  }

  /** @throws StorageError, CompactionError */
  append(batch: Buffer): void {
    if (this.size + batch.length > POSITION_MAX) {
      throw new CompactionError(`${this.segment.path} would grow beyond ${POSITION_MAX} bytes`);
    }
    this.segment.note(batch, 0, this.size, batch.length, this.indexIntervalBytes);
    if (this.buffered + batch.length > this.buffer.length) this.write();
    if (batch.length > this.buffer.length) {
      this.writeBytes(batch);
    } else {
      this.buffered += batch.copy(this.buffer, this.buffered);
    }
  }

  /** All of it to disk, with its indexes beside it (which can be rebuilt and are not waited for). @throws StorageError */
  finish(modifiedMs: number): void {
    this.write();
    const { files, segment } = this;
    const fd = this.descriptor();
    onDisk('flush', this.path, () => {
      files.setModified(fd, modifiedMs);
      files.fdatasync(fd);
    });
    this.closeFile();
    const { offsets, times } = segment;
    if (offsets === null || times === null) return;
    times.append(segment.maxTimestampMs, segment.maxTimestampOffset);
    onDisk('write the indexes of', this.path, () => {
      files.writeFileAtomically(segment.indexPath + CLEANED_SUFFIX, offsets.encode(), false);
      files.writeFileAtomically(segment.timeIndexPath + CLEANED_SUFFIX, times.encode(), false);
    });
  }

  /** Takes away what has not been swapped in. @throws StorageError */
  discard(): void {
    this.closeFile();
    const { path, indexPath, timeIndexPath } = this.segment;
    for (const name of [path, indexPath, timeIndexPath]) {
      const cleaned = name + CLEANED_SUFFIX;
      if (this.files.exists(cleaned)) onDisk('remove', cleaned, () => this.files.unlink(cleaned));
    }
  }

  private write(): void {
    if (this.buffered === 0) return;
    this.writeBytes(this.buffer.subarray(0, this.buffered));
    this.buffered = 0;
  }

  private writeBytes(bytes: Buffer): void {
    const { files } = this;
    const fd = this.descriptor();
    onDisk('write to', this.path, () => {
      for (let at = 0; at < bytes.length; ) at += files.writev(fd, [bytes.subarray(at)], this.writtenBytes + at);
      this.writtenBytes += bytes.length;
      this.unsyncedBytes += bytes.length;
      if (this.unsyncedBytes < SYNC_STEP_BYTES) return;
      this.unsyncedBytes = 0;
      files.fdatasync(fd);
    });
  }

  private descriptor(): number {
    if (this.fd >= 0) return this.fd;
    // What an earlier attempt left under that name is none of this one's.
    this.discard();
    this.fd = onDisk('make', this.path, () => this.files.open(this.path, 'create'));
    return this.fd;
  }

  private closeFile(): void {
    if (this.fd >= 0) this.files.close(this.fd);
    this.fd = -1;
  }
}
