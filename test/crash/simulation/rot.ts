/** Bits that flip at rest, in a partition's files and in the data folder's; and what of the log may be refused for it. Test process. */
import { BATCH_HEADER_BYTES } from '../../../src/record/batch-layout.js';
import { baseOffsetOf, computeCrc, crcOf, lastOffsetOf, sizeOf } from '../../../src/record/record-batch.js';
import type { SimDisk } from './sim-disk.js';
import type { SimPartition } from './sim-partition.js';

/** Of a batch, outside of its checksum: the leader epoch. */
const EPOCH_FROM = 12;
const EPOCH_TO = 16;
/** By the base offset, the length and the last offset's distance one finds the way to other batches of the file. */
const SIGNPOSTS = [
  [0, EPOCH_FROM],
  [23, 27],
] as const;

/** Flips a bit of some file of the partition; a sentence about it, or null where there was nothing to hit. */
export function rot(disk: SimDisk, partition: SimPartition, choice: number, at: number): string | null {
  const { directory } = partition.spec;
  const candidates = disk.paths().filter((path) => path.startsWith(`${directory}/`) && !path.endsWith('.deleted'));
  const logs = candidates.filter((path) => path.endsWith('.log'));
  const pool = choice % 3 === 0 ? candidates : logs;
  const path = pool[Math.floor(choice / 3) % Math.max(1, pool.length)];
  if (path === undefined) return null;
  const length = disk.durableLength(path);
  if (length === 0) return null;
  const position = at % length;
  if (path.endsWith('.log')) {
    const hit = batchAt(disk.content(path), position);
    if (hit === null || (position - hit.position >= EPOCH_FROM && position - hit.position < EPOCH_TO)) return null;
    const at = position - hit.position;
    const misleads = SIGNPOSTS.some(([from, to]) => at >= from && at < to);
    const first = misleads ? Number.parseInt(path.slice(path.lastIndexOf('/') + 1), 10) : hit.baseOffset;
    const last = misleads ? lastOffsetIn(disk.content(path)) : hit.lastOffset;
    for (let offset = first; offset <= last; offset++) partition.model.rotten.add(offset);
  }
  partition.model.hasRotted = true;
  disk.rot(path, position, choice % 8);
  return `bit ${choice % 8} of byte ${position} of ${path} flips`;
}

function lastOffsetIn(bytes: Buffer): number {
  let last = -1;
  for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length && sizeOf(bytes, at) >= BATCH_HEADER_BYTES; ) {
    last = Math.max(last, lastOffsetOf(bytes, at));
    at += sizeOf(bytes, at);
  }
  return last;
}

/** The sound batch that holds the byte; null where there is none. */
function batchAt(bytes: Buffer, position: number): { position: number; baseOffset: number; lastOffset: number } | null {
  for (let from = 0; from + BATCH_HEADER_BYTES <= bytes.length; ) {
    const size = sizeOf(bytes, from);
    const isSound =
      size >= BATCH_HEADER_BYTES && from + size <= bytes.length && computeCrc(bytes, from, size) === crcOf(bytes, from);
    if (!isSound) {
      from++;
      continue;
    }
    if (position >= from && position < from + size) {
      return { position: from, baseOffset: baseOffsetOf(bytes, from), lastOffset: lastOffsetOf(bytes, from) };
    }
    from += size;
  }
  return null;
}
