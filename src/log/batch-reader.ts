/** Reads a segment from front to back, batch by batch and every byte checked: for compaction. Lives in the pool. */
import type { FilePosition, Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, MAGIC_V2 } from '../record/batch-layout.js';
import {
  baseOffsetOf,
  computeCrc,
  crcOf,
  lastOffsetDeltaOf,
  lastOffsetOf,
  magicOf,
  recordsCountOf,
  sizeOf,
} from '../record/record-batch.js';
import { CompactionError } from './compaction-error.js';
import type { FileSystem } from './file-system.js';
import { segmentFileName } from './segment-name.js';

const WINDOW_BYTES = 1024 * 1024;

export class BatchReader {
  /** The present batch; valid until the next one. */
  batch: Buffer = Buffer.alloc(0);
  position: FilePosition = 0;
  /** Bytes of all files so far. */
  readBytes = 0;
  private window: Buffer = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  private filledFrom: FilePosition = 0;
  private filledTo: FilePosition = 0;
  private fd = -1;
  private path = '';
  private size: FilePosition = 0;
  private baseOffset: Offset = 0;
  private nextOffset: Offset = 0;
  private limit: Offset = 0;

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
  ) {}

  /** Stands in front of the first batch of a segment, none of whose batches may reach `offsetLimit`. */
  open(baseOffset: Offset, offsetLimit: Offset): void {
    this.close();
    this.path = `${this.directory}/${segmentFileName(baseOffset, '.log')}`;
    this.fd = this.files.open(this.path, 'read');
    this.size = this.files.stat(this.path)?.size ?? 0;
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.limit = offsetLimit;
    this.position = 0;
    this.batch = this.window.subarray(0, 0);
    this.filledFrom = 0;
    this.filledTo = 0;
  }

  close(): void {
    if (this.fd >= 0) this.files.close(this.fd);
    this.fd = -1;
  }

  /** True where the present batch is the segment's last. */
  get isAtLast(): boolean {
    return this.position + this.batch.length === this.size;
  }

  /** Moves to the next batch; false at the end. @throws CompactionError where there is no valid batch */
  next(): boolean {
    const position = this.position + this.batch.length;
    if (position >= this.size) return false;
    this.position = position;
    if (!this.hold(BATCH_HEADER_BYTES)) throw this.damaged();
    const at = position - this.filledFrom;
    const { window } = this;
    const size = sizeOf(window, at);
    const delta = lastOffsetDeltaOf(window, at);
    const baseOffset = baseOffsetOf(window, at);
    const count = recordsCountOf(window, at);
    if (
      magicOf(window, at) !== MAGIC_V2 ||
      size < BATCH_HEADER_BYTES ||
      position + size > this.size ||
      baseOffset < this.nextOffset ||
      delta < 0 ||
      baseOffset + delta >= this.limit ||
      count < 0 ||
      count > delta + 1 ||
      !this.hold(size)
    ) {
      throw this.damaged();
    }
    const from = position - this.filledFrom;
    this.batch = this.window.subarray(from, from + size);
    // What is rewritten gets a CRC of its own: damage that was not noticed here would be sealed as sound.
    if (computeCrc(this.batch, 0, size) !== crcOf(this.batch, 0)) throw this.damaged();
    this.nextOffset = lastOffsetOf(this.batch, 0) + 1;
    return true;
  }

  private damaged(): CompactionError {
    return new CompactionError(`${this.path} is damaged at byte ${this.position}`, this.baseOffset);
  }

  /** Makes the window hold `length` bytes from the present position; false where the file ends before. */
  private hold(length: number): boolean {
    const { position } = this;
    if (position >= this.filledFrom && position + length <= this.filledTo) return true;
    if (position + length > this.size) return false;
    if (this.window.length < length) this.window = Buffer.allocUnsafeSlow(length);
    const wanted = Math.min(this.window.length, this.size - position);
    let got = 0;
    while (got < wanted) {
      const read = this.files.read(this.fd, this.window, got, wanted - got, position + got);
      if (read === 0) break;
      got += read;
    }
    this.readBytes += got;
    this.filledFrom = position;
    this.filledTo = position + got;
    return got >= length;
  }
}
