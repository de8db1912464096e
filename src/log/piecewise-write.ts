/**
 * Writes buffers behind one another into a file, in pieces of a size that the kernel has pages for at hand. Lives on shards.
 *
 * The size of a write decides the size of the pages that it gets. Up to eight pages in one (32 KiB) come from lists that each
 * processor keeps, freed a moment ago and warm; larger ones are taken apart from blocks that nobody used for long, and on a
 * virtual machine the host has to find their memory first. Measured on such a machine: 1 MiB batches in one write each
 * 630 MB/s at 2.1 CPU-s/GB, in pieces 1,150 MB/s at 1.1.
 */

import type { FilePosition } from '../base/units.js';
import { KiB } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import { StorageError } from './storage-error.js';

/** Up to here a write is left whole: it hardly ever begins where a large page could. */
const WHOLE_BYTES_MAX = 64 * KiB;
/** Longer ones are cut where the file position is a multiple of this. */
const PIECE_BYTES = 32 * KiB;

/** Writes all of `buffers` from `position` on. Errors are those of the file system. */
export function writePiecewise(
  files: FileSystem,
  fd: number,
  buffers: readonly Uint8Array[],
  position: FilePosition,
): void {
  let at = position;
  for (let from = 0; from < buffers.length; ) {
    let bytes = buffers[from].length;
    let to = from + 1;
    while (to < buffers.length && bytes + buffers[to].length <= WHOLE_BYTES_MAX) bytes += buffers[to++].length;
    let written = 0;
    if (to > from + 1) {
      written = files.writev(fd, from === 0 && to === buffers.length ? buffers : buffers.slice(from, to), at);
    }
    // One alone, or what a writev left over.
    for (let i = from; i < to; i++) {
      const { length } = buffers[i];
      const pieceBytes = length > WHOLE_BYTES_MAX ? PIECE_BYTES : Number.POSITIVE_INFINITY;
      if (written < length) writeOne(files, fd, buffers[i], Math.max(0, written), at, pieceBytes);
      written -= length;
      at += length;
    }
    from = to;
  }
}

/**
 * Writes `buffer` from `start` on, in pieces that end where the file position is a multiple of `pieceBytes`; its first byte has
 * its place at `position`. A short write is not an error in Node.
 */
export function writeOne(
  files: FileSystem,
  fd: number,
  buffer: Uint8Array,
  start: number,
  position: FilePosition,
  pieceBytes: number,
): void {
  for (let at = start; at < buffer.length; ) {
    const untilCut = pieceBytes - ((position + at) % pieceBytes);
    const written = files.write(fd, buffer, at, Math.min(buffer.length - at, untilCut), position + at);
    if (written <= 0) throw new StorageError('The file takes no more bytes, and nobody says why.', '');
    at += written;
  }
}
