/**
 * The sparse index from offsets to file positions: in memory while a segment is active, searched on disk when it is sealed.
 *
 * ```
 *  .index entry, 8 bytes, big-endian:   | last offset of a batch - base offset : int32 | position of that batch : int32 |
 * ```
 *
 * Offsets and positions rise. An entry is made for a batch in front of which more than `index.interval.bytes` were
 * appended since the entry before (Apache Kafka's rule, so that its tools agree).
 */
import type { FilePosition, Offset } from '../base/units.js';
import { readInt32, readUint32, writeInt32 } from '../record/int.js';
import type { FileSystem } from './file-system.js';

export const OFFSET_ENTRY_BYTES = 8;
const FIRST_CAPACITY = 64;

/** What a search needs to know of an index, wherever its entries lie. */
export interface OffsetEntries {
  readonly count: number;
  offsetAt(entry: number): Offset;
  positionAt(entry: number): FilePosition;
}

export class OffsetIndex implements OffsetEntries {
  count = 0;
  private relative: Int32Array = new Int32Array(FIRST_CAPACITY);
  private positions: Int32Array = new Int32Array(FIRST_CAPACITY);

  constructor(readonly baseOffset: Offset) {}

  append(lastOffset: Offset, position: FilePosition): void {
    if (this.count === this.relative.length) {
      this.relative = grown(this.relative);
      this.positions = grown(this.positions);
    }
    this.relative[this.count] = lastOffset - this.baseOffset;
    this.positions[this.count++] = position;
  }

  offsetAt(entry: number): Offset {
    return this.baseOffset + this.relative[entry];
  }

  positionAt(entry: number): FilePosition {
    return this.positions[entry];
  }

  /** The file's bytes. */
  encode(): Buffer {
    const bytes = Buffer.allocUnsafe(this.count * OFFSET_ENTRY_BYTES);
    for (let entry = 0; entry < this.count; entry++) {
      writeInt32(bytes, entry * OFFSET_ENTRY_BYTES, this.relative[entry]);
      writeInt32(bytes, entry * OFFSET_ENTRY_BYTES + 4, this.positions[entry]);
    }
    return bytes;
  }

  /**
   * An index from a file's bytes, or null where they cannot be one for a segment of `logBytes`. Zeros behind the last
   * entry are what Kafka preallocates; half an entry at the end is what a crash leaves: both are cut off.
   */
  static decode(bytes: Buffer, baseOffset: Offset, logBytes: number): OffsetIndex | null {
    const index = new OffsetIndex(baseOffset);
    let lastRelative = -1;
    let lastPosition = -1;
    for (let at = 0; at + OFFSET_ENTRY_BYTES <= bytes.length; at += OFFSET_ENTRY_BYTES) {
      const relative = readInt32(bytes, at);
      const position = readInt32(bytes, at + 4);
      if (relative === 0 && position === 0) break;
      if (relative <= lastRelative || position <= lastPosition || position >= logBytes) return null;
      index.append(baseOffset + relative, position);
      lastRelative = relative;
      lastPosition = position;
    }
    return index;
  }
}

/** A sealed segment's index, read entry by entry from its file. */
export class OffsetIndexFile implements OffsetEntries {
  private readonly entry = Buffer.alloc(OFFSET_ENTRY_BYTES);

  constructor(
    private readonly files: FileSystem,
    private readonly fd: number,
    private readonly baseOffset: Offset,
    readonly count: number,
  ) {}

  offsetAt(entry: number): Offset {
    this.files.read(this.fd, this.entry, 0, 4, entry * OFFSET_ENTRY_BYTES);
    return this.baseOffset + readInt32(this.entry, 0);
  }

  positionAt(entry: number): FilePosition {
    this.files.read(this.fd, this.entry, 4, 4, entry * OFFSET_ENTRY_BYTES + 4);
    // Never negative, whatever became of the file: a place beyond the segment's end is found to be wrong, one before its start cannot be read.
    return readUint32(this.entry, 4);
  }
}

/** The last entry whose offset is not above `offset`, -1 where there is none. */
export function floorByOffset(index: OffsetEntries, offset: Offset): number {
  let low = 0;
  let high = index.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.offsetAt(middle) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The last entry whose position is not above `position`, -1 where there is none. */
export function floorByPosition(index: OffsetEntries, position: FilePosition): number {
  let low = 0;
  let high = index.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.positionAt(middle) <= position) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function grown(array: Int32Array): Int32Array {
  const bigger = new Int32Array(array.length * 2);
  bigger.set(array);
  return bigger;
}
