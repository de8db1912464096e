/**
 * Tells a hole from damage: a part of a segment that was never written, because the power went while the operating system,
 * which writes back in any order, had what came behind it on the disk already. On shards, and offline.
 */
import type { DamagedRange } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import { BATCH_HEADER_BYTES, MAGIC } from '../record/batch-layout.js';
import { sizeOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';
import { TURN_BYTES_MAX } from './staged-turn.js';

const SECTOR_BYTES = 512;
const OFFSET_BYTES = 8;
/** With flush=ack no shard writes a third turn before two are on disk. */
const TURNS_UNFLUSHED = 2;

/** Where a log ends because what should follow was never written. */
export interface Hole {
  readonly position: FilePosition;
  readonly offset: Offset;
}

/** So much of a log with flush=ack may be written and not on disk; a hole with more than that behind it is damage. */
export function unflushedBytesMax(messageBytesMax: number): number {
  return TURNS_UNFLUSHED * (TURN_BYTES_MAX + messageBytesMax);
}

/**
 * True where a whole sector of the range is zero, or as much of one as the file has, or the part of a batch's header that
 * shares a sector with what lies in front of it and cannot be: that is how a file reads where nothing was written.
 */
export function isUnwritten(files: FileSystem, fd: number, window: Buffer, range: DamagedRange): boolean {
  const empty = Buffer.alloc(SECTOR_BYTES);
  const { position: from, endPosition: to, startOffset } = range;
  const first = Math.ceil(from / SECTOR_BYTES) * SECTOR_BYTES;
  const shared = Math.min(first, to) - from;
  const isZero = shared > 0 && window.compare(empty, 0, shared, 0, files.read(fd, window, 0, shared, from)) === 0;
  // Every batch has a length; of its offset, which is known, the first bytes may well be zero.
  if (isZero && (shared >= MAGIC || !isZeroAtFirst(startOffset, shared))) return true;
  // The first bytes of the batch behind it, which are zeros of its offset, may be in the last sector.
  const end = Math.ceil(to / SECTOR_BYTES) * SECTOR_BYTES;
  for (let at = first; at < end; at += window.length) {
    const length = files.read(fd, window, 0, Math.min(window.length, end - at), at);
    // The last one is a part where the file ends in it.
    for (let sector = 0; sector < length; sector += SECTOR_BYTES) {
      const sectorEnd = Math.min(length, sector + SECTOR_BYTES);
      if (window.compare(empty, 0, sectorEnd - sector, sector, sectorEnd) === 0) return true;
    }
  }
  return false;
}

/**
 * Whether the file ends, or reads as zeros, before its last batch does: one with other bytes in it is damaged instead. `tail`
 * is what lies behind the last valid batch, to the end of the file.
 */
export function endsInHole(files: FileSystem, fd: number, window: Buffer, tail: DamagedRange): boolean {
  const { position, endPosition } = tail;
  if (endPosition - position < BATCH_HEADER_BYTES) return true;
  files.read(fd, window, 0, BATCH_HEADER_BYTES, position);
  return position + sizeOf(window, 0) > endPosition || isUnwritten(files, fd, window, tail);
}

/** Whether the first `length` of the eight bytes of an offset are zero. */
function isZeroAtFirst(offset: Offset, length: number): boolean {
  return length < OFFSET_BYTES && offset < 256 ** (OFFSET_BYTES - length);
}
