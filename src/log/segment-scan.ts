/** Reads a segment batch by batch, checks every byte, and tells a torn tail from damage in the middle. Lives on shards. */
import type { DamagedRange } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, CRC_FROM, MAGIC, MAGIC_V2 } from '../record/batch-layout.js';
import { crc32c } from '../record/crc32c.js';
import { baseOffsetOf, crcOf, lastOffsetDeltaOf, magicOf, recordsCountOf, sizeOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';

/** Behind damage only batches up to this size are looked for: every length that random bytes claim would cost a CRC. */
const SEARCHED_BATCH_BYTES_MAX = 64 * 1024 * 1024;

/** Hears of every valid batch: its header lies in `bytes` at `at`; the whole batch need not. */
export type BatchVisitor = (bytes: Buffer, at: number, position: FilePosition, size: number) => void;

export interface ScanRange {
  readonly fd: number;
  readonly end: FilePosition;
  /** Base offset of the segment: no batch may be below it. */
  readonly baseOffset: Offset;
  /** No batch may reach this offset: the next segment begins there. */
  readonly offsetLimit: Offset;
}

/**
 * A batch is valid where its magic, its length, its offsets (never back, never beyond the segment) and its CRC are right.
 * What is not is skipped up to the next batch that is: first where the broken header says that the next one begins, then
 * byte by byte. Where none comes, the rest is a tail: {@link validEnd} is where it begins.
 */
export class SegmentScan {
  /** Position behind the last valid batch. */
  validEnd: FilePosition = 0;
  /** First offset behind the last valid batch. */
  nextOffset: Offset;
  readonly damaged: DamagedRange[] = [];
  /** How far it has come. */
  position: FilePosition = 0;
  /** Where the present damage began, -1 where there is none. */
  private suspectFrom: FilePosition = -1;
  private filledFrom: FilePosition = 0;
  private filledTo: FilePosition = 0;
  private spentBytes = 0;

  constructor(
    private readonly files: FileSystem,
    private readonly window: Buffer,
    private readonly range: ScanRange,
    private readonly visit: BatchVisitor,
  ) {
    this.nextOffset = range.baseOffset;
  }

  /** Goes on for about `budgetBytes`; true when the end was reached. The window may be used by others in between. */
  run(budgetBytes: number): boolean {
    this.filledFrom = 0;
    this.filledTo = 0;
    this.spentBytes = 0;
    while (this.position < this.range.end) {
      if (this.spentBytes >= budgetBytes) return false;
      if (this.suspectFrom < 0) this.takeBatch();
      else this.searchOn(budgetBytes);
    }
    return true;
  }

  /** What is damaged where the end is no torn tail either: then whatever lies behind the last valid batch is, too. */
  get damage(): DamagedRange[] {
    const { validEnd, nextOffset, damaged } = this;
    const { end, offsetLimit } = this.range;
    if (validEnd >= end) return damaged;
    return [...damaged, { position: validEnd, endPosition: end, startOffset: nextOffset, endOffset: offsetLimit }];
  }

  /** What was read ahead of the batch that is being visited is read again. */
  forgetAhead(): void {
    this.filledTo = this.filledFrom;
  }

  private takeBatch(): void {
    const { position } = this;
    const size = this.validSizeAt(position, this.range.end);
    if (size > 0) {
      this.accept(position, size);
      return;
    }
    this.suspectFrom = position;
    // A flipped bit in a batch's body leaves its length right: then its neighbour is found without a search.
    const stated = this.hold(position, BATCH_HEADER_BYTES) ? sizeOf(this.window, position - this.filledFrom) : 0;
    const neighbour = position + stated;
    if (stated >= BATCH_HEADER_BYTES && neighbour < this.range.end && this.validSizeAt(neighbour, this.range.end) > 0) {
      this.endDamage(neighbour);
    } else {
      this.position = position + 1;
    }
  }

  private accept(position: FilePosition, size: number): void {
    this.hold(position, BATCH_HEADER_BYTES);
    const at = position - this.filledFrom;
    this.visit(this.window, at, position, size);
    this.nextOffset = baseOffsetOf(this.window, at) + lastOffsetDeltaOf(this.window, at) + 1;
    this.position = position + size;
    this.validEnd = this.position;
    this.spentBytes += size;
  }

  private endDamage(position: FilePosition): void {
    this.hold(position, BATCH_HEADER_BYTES);
    this.damaged.push({
      position: this.suspectFrom,
      endPosition: position,
      startOffset: this.nextOffset,
      endOffset: baseOffsetOf(this.window, position - this.filledFrom),
    });
    this.suspectFrom = -1;
    this.position = position;
  }

  /** Looks for the next valid batch at every byte: the magic number narrows it down, the rest of the header does the rest. */
  private searchOn(budgetBytes: number): void {
    const { end } = this.range;
    const sizeMax = Math.min(end, this.position + SEARCHED_BATCH_BYTES_MAX);
    while (this.position < end && this.spentBytes < budgetBytes) {
      if (!this.hold(this.position, BATCH_HEADER_BYTES)) {
        this.position = end;
        return;
      }
      const from = this.position - this.filledFrom + MAGIC;
      const found = this.window.subarray(0, this.filledTo - this.filledFrom).indexOf(MAGIC_V2, from);
      const candidate = found < 0 ? this.filledTo - MAGIC : this.filledFrom + found - MAGIC;
      this.spentBytes += candidate - this.position;
      this.position = candidate;
      if (found < 0) continue;
      if (this.validSizeAt(candidate, sizeMax) > 0) {
        this.endDamage(candidate);
        return;
      }
      this.position = candidate + 1;
    }
  }

  /** Size of the batch at `position`, or -1 where there is none that could be believed. */
  private validSizeAt(position: FilePosition, end: FilePosition): number {
    if (!this.hold(position, BATCH_HEADER_BYTES)) return -1;
    const at = position - this.filledFrom;
    const { window } = this;
    if (magicOf(window, at) !== MAGIC_V2) return -1;
    const size = sizeOf(window, at);
    if (size < BATCH_HEADER_BYTES || position + size > end) return -1;
    const baseOffset = baseOffsetOf(window, at);
    const delta = lastOffsetDeltaOf(window, at);
    if (baseOffset < this.nextOffset || delta < 0 || baseOffset + delta >= this.range.offsetLimit) return -1;
    const count = recordsCountOf(window, at);
    if (count < 0 || count > delta + 1) return -1;
    const stored = crcOf(window, at);
    return this.crcAt(position, size) === stored ? size : -1;
  }

  private crcAt(position: FilePosition, size: number): number {
    if (size <= this.window.length) {
      if (!this.hold(position, size)) return -1;
      const at = position - this.filledFrom;
      return crc32c(this.window, at + CRC_FROM, at + size);
    }
    let crc = 0;
    for (let from = position + CRC_FROM; from < position + size; ) {
      const length = Math.min(this.window.length, position + size - from);
      this.filledTo = this.filledFrom;
      if (!this.hold(from, length)) return -1;
      crc = crc32c(this.window, 0, length, crc);
      from += length;
      this.spentBytes += length;
    }
    return crc;
  }

  /** Makes the window hold `length` bytes from `position`; false where the file ends before. */
  private hold(position: FilePosition, length: number): boolean {
    if (position >= this.filledFrom && position + length <= this.filledTo) return true;
    if (position + length > this.range.end) return false;
    const wanted = Math.min(this.window.length, this.range.end - position);
    let got = 0;
    while (got < wanted) {
      const read = this.files.read(this.range.fd, this.window, got, wanted - got, position + got);
      if (read === 0) break;
      got += read;
    }
    this.filledFrom = position;
    this.filledTo = position + got;
    return got >= length;
  }
}
