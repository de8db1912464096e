/** Reads a segment batch by batch, checks every byte, and tells a torn tail from damage in the middle. Lives on shards. */
import type { DamagedRange } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, CRC_FROM, MAGIC, MAGIC_V2 } from '../record/batch-layout.js';
import { crc32c } from '../record/crc32c.js';
import { baseOffsetOf, crcOf, lastOffsetDeltaOf, magicOf, recordsCountOf, sizeOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';

/** Behind damage only batches up to this size are looked for: every length that random bytes claim would cost a CRC. */
const SEARCHED_BATCH_BYTES_MAX = 64 * 1024 * 1024;
/** What a disk writes to a wrong place is a page; of what is longer, and hangs together, the offsets are believed. */
const STRAY_BYTES_MAX = 4096;

/** Hears of every valid batch: its header lies in `bytes` at `at`; the whole batch need not. */
export type BatchVisitor = (bytes: Buffer, at: number, position: FilePosition, size: number) => void;

export interface ScanRange {
  readonly fd: number;
  readonly end: FilePosition;
  /** Base offset of the segment: no batch may be below it. */
  readonly baseOffset: Offset;
  /** No batch may reach this offset: the next segment begins there. */
  readonly offsetLimit: Offset;
  /** No compaction was here: where offsets are missing in front of the very last batch, its own offset is wrong. */
  readonly endsDense?: boolean;
}

/**
 * A batch is valid where its magic, its length, its offsets (never back, never beyond the segment) and its CRC are right.
 * What is not is skipped up to the next batch that is: first where the broken header says that the next one begins, then
 * byte by byte. Where none comes, the rest is a tail: {@link validEnd} is where it begins.
 *
 * A batch's offset lies outside of its CRC, and a page may have been written where another belongs: a batch that leaves
 * offsets out, in front of others that have them, is not where it belongs. One such would hide all up to its offset. Or it is
 * the other one that has lost its offset: see `isMisplaced`.
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
    while (this.position < this.range.end && this.spentBytes < budgetBytes) {
      if (this.suspectFrom < 0) this.takeBatch();
      else this.searchOn(budgetBytes);
    }
    return this.position >= this.range.end;
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
    const { end, endsDense = false } = this.range;
    const size = this.validSizeAt(position, end);
    if (size > 0) {
      const isBehindDamage = this.damaged.at(-1)?.endPosition === position;
      const leavesOut = !isBehindDamage && this.baseOffsetAt(position) > this.nextOffset;
      const belongs = leavesOut ? this.contradictedAt(position, size, 1) : -1;
      if (belongs >= 0) {
        this.suspectFrom = position;
        if (this.isMisplaced(position, belongs)) this.endDamage(belongs);
        else this.position = belongs + this.plausibleSizeAt(belongs, end);
      } else if (leavesOut && endsDense && position + size === end && position > 0) {
        this.position = end;
      } else {
        this.accept(position, size);
      }
      return;
    }
    this.suspectFrom = position;
    // A flipped bit in a batch's body leaves its length right: then its neighbour is found without a search.
    const stated = this.hold(position, BATCH_HEADER_BYTES) ? sizeOf(this.window, position - this.filledFrom) : 0;
    const neighbour = position + stated;
    const neighbourSize = stated < BATCH_HEADER_BYTES ? -1 : this.validSizeAt(neighbour, end);
    if (neighbourSize > 0) {
      this.resumeAt(neighbour, neighbourSize);
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

  /** Damage ends at the batch that was found, unless that is not where it belongs. */
  private resumeAt(position: FilePosition, size: number): void {
    const belongs =
      this.baseOffsetAt(position) > this.nextOffset ? this.contradictedAt(position, size, STRAY_BYTES_MAX) : -1;
    this.endDamage(belongs >= 0 ? belongs : position);
  }

  /**
   * Where the first batch lies that shows the one at `position`, and those that follow on it, to be misplaced: one that has
   * offsets which they leave out. -1 where there is none, or where they go on for `strayBytesMax`.
   */
  private contradictedAt(position: FilePosition, size: number, strayBytesMax: number): FilePosition {
    const { end } = this.range;
    let at = position;
    let next = at + size;
    let expected = this.baseOffsetAt(at) + this.deltaAt(at) + 1;
    for (;;) {
      if (next === end) return -1;
      const nextSize = this.plausibleSizeAt(next, end);
      if (nextSize < 0 || this.baseOffsetAt(next) < expected) break;
      if (next - position >= strayBytesMax) return -1;
      expected = this.baseOffsetAt(next) + this.deltaAt(next) + 1;
      at = next;
      next += nextSize;
    }
    if (this.validSizeAt(next, end) > 0) return next;
    // The last of them may be torn, and what it says of its length, wrong.
    if (strayBytesMax === 1) return -1;
    const to = Math.min(end, position + 2 * STRAY_BYTES_MAX);
    for (let candidate = at + 1; candidate < to; candidate++) {
      if (this.validSizeAt(candidate, end) > 0) return this.baseOffsetAt(candidate) < expected ? candidate : -1;
    }
    return -1;
  }

  /**
   * Of two batches, of which the second goes back behind the first, whether the first is the one whose offset is wrong: it
   * has its place in front of the other, or a third one says so, too. Where compaction has been neither may be so; then
   * nobody can tell, and neither is believed: reads of both are refused, instead of stepping over the right one unsaid.
   */
  private isMisplaced(position: FilePosition, other: FilePosition): boolean {
    const { end, endsDense = false } = this.range;
    if (endsDense || this.nextOffset + this.deltaAt(position) + 1 === this.baseOffsetAt(other)) return true;
    const behind = this.baseOffsetAt(position) + this.deltaAt(position) + 1;
    const third = other + this.plausibleSizeAt(other, end);
    return this.plausibleSizeAt(third, end) > 0 && this.baseOffsetAt(third) < behind;
  }

  private baseOffsetAt(position: FilePosition): Offset {
    this.hold(position, BATCH_HEADER_BYTES);
    return baseOffsetOf(this.window, position - this.filledFrom);
  }

  private deltaAt(position: FilePosition): number {
    this.hold(position, BATCH_HEADER_BYTES);
    return lastOffsetDeltaOf(this.window, position - this.filledFrom);
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
      const size = this.validSizeAt(candidate, sizeMax);
      if (size > 0) {
        this.resumeAt(candidate, size);
        return;
      }
      this.position = candidate + 1;
    }
  }

  /** Size of the batch at `position`, or -1 where there is none that could be believed. */
  private validSizeAt(position: FilePosition, end: FilePosition): number {
    const size = this.plausibleSizeAt(position, end);
    if (size < 0) return -1;
    const stored = crcOf(this.window, position - this.filledFrom);
    return this.crcAt(position, size) === stored ? size : -1;
  }

  /** The same for the header alone, without its checksum. */
  private plausibleSizeAt(position: FilePosition, end: FilePosition): number {
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
    return count < 0 || count > delta + 1 ? -1 : size;
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
