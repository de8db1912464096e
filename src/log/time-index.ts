/**
 * The sparse index from timestamps to offsets: in memory while a segment is active, searched on disk when it is sealed.
 *
 * ```
 *  .timeindex entry, 12 bytes, big-endian:   | largest timestamp so far, ms : int64 | last offset of its batch - base : int32 |
 * ```
 *
 * Timestamps rise strictly: an entry is left out where no later timestamp came. The last entry of a sealed segment
 * names its largest timestamp.
 */
import type { Offset } from '../base/units.js';
import { readInt32, readInt64, writeInt32, writeInt64 } from '../record/int.js';
import type { FileSystem } from './file-system.js';

export const TIME_ENTRY_BYTES = 12;
const FIRST_CAPACITY = 64;

export interface TimeEntries {
  readonly count: number;
  timestampAt(entry: number): number;
  offsetAt(entry: number): Offset;
}

export class TimeIndex implements TimeEntries {
  count = 0;
  private timestamps: Float64Array = new Float64Array(FIRST_CAPACITY);
  private relative: Int32Array = new Int32Array(FIRST_CAPACITY);

  constructor(readonly baseOffset: Offset) {}

  /** Does nothing where `timestampMs` is not later than the last entry's, or is no timestamp. */
  append(timestampMs: number, offset: Offset): void {
    if (timestampMs < 0 || (this.count > 0 && timestampMs <= this.timestamps[this.count - 1])) return;
    if (this.count === this.relative.length) {
      const timestamps = new Float64Array(this.count * 2);
      timestamps.set(this.timestamps);
      this.timestamps = timestamps;
      const relative = new Int32Array(this.count * 2);
      relative.set(this.relative);
      this.relative = relative;
    }
    this.timestamps[this.count] = timestampMs;
    this.relative[this.count++] = offset - this.baseOffset;
  }

  timestampAt(entry: number): number {
    return this.timestamps[entry];
  }

  offsetAt(entry: number): Offset {
    return this.baseOffset + this.relative[entry];
  }

  encode(): Buffer {
    const bytes = Buffer.allocUnsafe(this.count * TIME_ENTRY_BYTES);
    for (let entry = 0; entry < this.count; entry++) {
      writeInt64(bytes, entry * TIME_ENTRY_BYTES, this.timestamps[entry]);
      writeInt32(bytes, entry * TIME_ENTRY_BYTES + 8, this.relative[entry]);
    }
    return bytes;
  }

  /** An index from a file's bytes, or null where they cannot be one; zeros and half an entry at the end are cut off. */
  static decode(bytes: Buffer, baseOffset: Offset): TimeIndex | null {
    const index = new TimeIndex(baseOffset);
    let lastTimestamp = -1;
    let lastRelative = -1;
    for (let at = 0; at + TIME_ENTRY_BYTES <= bytes.length; at += TIME_ENTRY_BYTES) {
      const timestamp = readInt64(bytes, at);
      const relative = readInt32(bytes, at + 8);
      if (timestamp === 0 && relative === 0 && at > 0) break;
      if (timestamp <= lastTimestamp || relative < lastRelative) return null;
      index.append(timestamp, baseOffset + relative);
      lastTimestamp = timestamp;
      lastRelative = relative;
    }
    return index;
  }
}

/** A sealed segment's time index, read entry by entry from its file. */
export class TimeIndexFile implements TimeEntries {
  private readonly entry = Buffer.alloc(TIME_ENTRY_BYTES);

  constructor(
    private readonly files: FileSystem,
    private readonly fd: number,
    private readonly baseOffset: Offset,
    readonly count: number,
  ) {}

  timestampAt(entry: number): number {
    this.files.read(this.fd, this.entry, 0, 8, entry * TIME_ENTRY_BYTES);
    return readInt64(this.entry, 0);
  }

  offsetAt(entry: number): Offset {
    this.files.read(this.fd, this.entry, 8, 4, entry * TIME_ENTRY_BYTES + 8);
    return this.baseOffset + readInt32(this.entry, 8);
  }
}

/** The last entry whose timestamp is below `timestampMs`, -1 where there is none. */
export function lastBefore(index: TimeEntries, timestampMs: number): number {
  let low = 0;
  let high = index.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.timestampAt(middle) < timestampMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
