/** Writes to a segment once more what memory has of it, so that it is on its way to the disk whatever became of it. Lives on shards. */
import type { FilePosition } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import type { OpenFiles } from './open-files.js';
import { writeOne } from './piecewise-write.js';
import type { Segment } from './segment.js';
import { onDisk } from './storage-error.js';

/** It is written where it lay: a cut of power finds the old bytes or the same ones. */
export class WriteAgain {
  constructor(
    private readonly files: FileSystem,
    private readonly openFiles: OpenFiles,
    readonly segment: Segment,
    private position: FilePosition,
    private readonly end: FilePosition,
  ) {}

  /** Goes on for about `budgetBytes`; true when all is written. @throws StorageError */
  run(budgetBytes: number): boolean {
    const { files, openFiles, segment, end } = this;
    const stop = this.position + budgetBytes;
    while (this.position < end) {
      if (this.position >= stop) return false;
      this.writePiece();
    }
    // Retention counts from its last append.
    onDisk('write to', segment.path, () =>
      files.setModified(openFiles.descriptor(segment.path, 'write'), segment.lastAppendMs),
    );
    return true;
  }

  private writePiece(): void {
    const { files, openFiles, segment, position, end } = this;
    const { window } = openFiles;
    const fd = openFiles.descriptor(segment.path, 'write');
    const wanted = Math.min(window.length, end - position);
    const length = onDisk('read', segment.path, () => files.read(fd, window, 0, wanted, position));
    // Its pages are there already: the length of a write does not matter.
    const bytes = window.subarray(0, length);
    onDisk('write to', segment.path, () => writeOne(files, fd, bytes, 0, position, Number.POSITIVE_INFINITY));
    this.position = length === 0 ? end : position + length;
  }
}
