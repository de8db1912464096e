/**
 * Zeros that a segment's file holds behind its data: room made ready ahead of the batches that will be written there.
 * Lives on shards.
 *
 *     |… batches, written …|0000 prepared room 0000|
 *                          ^writtenBytes           ^preparedBytes: the file's end, a multiple of the step
 *
 * It is written in one call with the batch in front of it, and is good for two things:
 *
 *     flushes   A small append into room changes neither the file's size nor its blocks, so its flush needs no journal commit:
 *               measured on ext4, fdatasync of 1 KiB 0.10 ms instead of 0.16 ms; 16 x 5 single records, each on disk first,
 *               1.25 times as many a second.
 *     pages     The size of a write decides the size of the pages that it gets, and every page costs: so larger appends have room
 *               as well where pages come in sizes. Measured on ext4, in turn with a broker without: batches of 64 KiB that nobody
 *               flushes 1.08 times as many, of 16 KiB 1.15 times; each on disk first, 1.1 times both; fetches of what was written
 *               1.25 times as fast. Steps of 32 KiB give half of that, of 256 KiB less, of 2 MiB harm (see piecewise-write).
 */
// Where pages are of one size, room for large appends costs as much as it saves: 16 and 64 KiB batches 0.95-1.02 times as fast.
import { type FilePosition, KiB } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import type { Segment } from './segment.js';

/** Larger appends have room only where pages come in sizes. */
const SMALL_WRITE_BYTES_MAX = 8 * KiB;
/** Room is at most this part of the data in front of it, so that many small logs do not fill a disk with zeros. */
const ROOM_SHARE = 4;
/** Less than this part of the most is not worth it. */
const STEP_SHARE = 4;
/** The largest step is a multiple of this. */
const STEP_UNIT_BYTES = 1024;

/** Nothing behind the data. */
export const NO_ROOM: Uint8Array = Buffer.alloc(0);
let zeros = Buffer.alloc(128 * KiB);

/** The zeros to write behind the next `bytes` of a segment: none where there is room yet. */
export function roomBehind(files: FileSystem, preparedBytesMax: number, segment: Segment, bytes: number): Uint8Array {
  const end = segment.pendingBytes + bytes;
  if (end <= segment.preparedBytes) return NO_ROOM;
  if (bytes > SMALL_WRITE_BYTES_MAX && !files.hasLargePages) return NO_ROOM;
  const room = roomEnd(end, preparedBytesMax) - end;
  if (room > zeros.length) zeros = Buffer.alloc(room);
  return zeros.subarray(0, room);
}

/** Where a file whose data ends at `end` should end; at `end` itself as long as the segment is small. */
function roomEnd(end: FilePosition, stepBytesMax: number): FilePosition {
  let step = stepBytesMax - (stepBytesMax % STEP_UNIT_BYTES);
  while (step > 0 && step * ROOM_SHARE > end) step >>>= 1;
  return step * STEP_SHARE < stepBytesMax || step === 0 ? end : Math.ceil(end / step) * step;
}

/** Whether a file of this length may have room at its end: it could be a single byte. */
export function mayEndInRoom(fileBytes: FilePosition): boolean {
  return fileBytes > 0 && fileBytes % (STEP_UNIT_BYTES / STEP_SHARE) === 0;
}

/** Cuts the file to `end`, where the data ends; its time of change stays that of its last append, which retention counts from. */
export function trimRoom(files: FileSystem, fd: number, segment: Segment, end: FilePosition): void {
  if (segment.preparedBytes <= end) return;
  files.truncate(fd, end);
  files.setModified(fd, segment.lastAppendMs);
  segment.preparedBytes = end;
  segment.cutIsUnflushed = true;
}

/** True where the file holds nothing but zeros from `from` to `to`. */
export function holdsOnlyZeros(
  files: FileSystem,
  fd: number,
  window: Buffer,
  from: FilePosition,
  to: FilePosition,
): boolean {
  for (let at = from; at < to; ) {
    const length = files.read(fd, window, 0, Math.min(window.length, zeros.length, to - at), at);
    if (length === 0 || window.compare(zeros, 0, length, 0, length) !== 0) return false;
    at += length;
  }
  return true;
}
