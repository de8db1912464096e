/** Walks from batch header to batch header of a segment file without reading what lies between. Lives on shards. */
import type { FilePosition, Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, MAGIC_V2 } from '../record/batch-layout.js';
import { baseOffsetOf, lastOffsetDeltaOf, magicOf, sizeOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';

/** Bytes read at once where batches lie close together; enough for the gap that a sparse index leaves. */
const CHUNK_BYTES = 8 * 1024;

export class BatchWalk {
  /** Header of the present batch: fields are read from `bytes` at `at`. */
  at = 0;
  position: FilePosition = 0;
  size = 0;
  /** True once something that is no batch header was met. */
  broken = false;
  private fd = -1;
  private end: FilePosition = 0;
  /** What of the file `bytes` holds. */
  private filledFrom: FilePosition = 0;
  private filledTo: FilePosition = 0;
  private readonly ahead = Buffer.alloc(BATCH_HEADER_BYTES);

  constructor(
    private readonly files: FileSystem,
    readonly bytes: Buffer,
  ) {}

  /** The first `next` stands on the batch at `position`; nothing at or behind `end` is looked at. */
  start(fd: number, position: FilePosition, end: FilePosition): void {
    this.fd = fd;
    this.position = position;
    this.size = 0;
    this.end = end;
    this.filledFrom = 0;
    this.filledTo = 0;
    this.broken = false;
  }

  /** Moves on by one batch; false at the end, or where the bytes are no batch (then `broken`). */
  next(): boolean {
    const position = this.position + this.size;
    if (position >= this.end || this.broken) return false;
    this.position = position;
    this.size = 0;
    if (!this.hold(position)) {
      this.broken = true;
      return false;
    }
    this.at = position - this.filledFrom;
    const size = sizeOf(this.bytes, this.at);
    if (
      size < BATCH_HEADER_BYTES ||
      position + size > this.end ||
      magicOf(this.bytes, this.at) !== MAGIC_V2 ||
      lastOffsetDeltaOf(this.bytes, this.at) < 0
    ) {
      this.broken = true;
      return false;
    }
    this.size = size;
    return true;
  }

  /** First offset of the batch behind the present one, if its header can be believed; -1 where there is none. */
  get nextBaseOffset(): Offset {
    const position = this.position + this.size;
    if (position + BATCH_HEADER_BYTES > this.end) return -1;
    let header = this.bytes;
    let at = position - this.filledFrom;
    if (position + BATCH_HEADER_BYTES > this.filledTo) {
      // What is held is still to be read by whoever stands on it.
      header = this.ahead;
      at = 0;
      if (this.files.read(this.fd, header, 0, BATCH_HEADER_BYTES, position) < BATCH_HEADER_BYTES) return -1;
    }
    return magicOf(header, at) === MAGIC_V2 ? baseOffsetOf(header, at) : -1;
  }

  /** Goes on at `position`, which lies ahead (behind a damaged range). */
  skipTo(position: FilePosition): void {
    this.position = position;
    this.size = 0;
    this.broken = false;
  }

  private hold(position: FilePosition): boolean {
    if (position >= this.filledFrom && position + BATCH_HEADER_BYTES <= this.filledTo) return true;
    const wanted = Math.min(CHUNK_BYTES, this.bytes.length, this.end - position);
    let got = 0;
    while (got < wanted) {
      const read = this.files.read(this.fd, this.bytes, got, wanted - got, position + got);
      if (read === 0) break;
      got += read;
    }
    this.filledFrom = position;
    this.filledTo = position + got;
    return got >= BATCH_HEADER_BYTES;
  }
}
