/** How much a run may write before the kernel begins to write it to the disk, which then has its say in every figure. Process of `millrace bench`. */
import { readFileSync } from 'node:fs';
import type { LoadCell } from './cell.js';
import type { Job } from './job.js';

const PAGE_BYTES = 4096;
/** Of the room: what brokers write beside the batches must have a place, too. */
const SHARE = 0.9;

/** `job` as it is, or, where the cell is about writing that no disk is waited for, with an end in front of the disk's beginning. */
export function withinPageCache(job: Job, cell: Pick<LoadCell, 'flush' | 'stalls'>): Job {
  // What is watched for stalls is watched for as long as was asked for.
  if (job.kind !== 'produce' || cell.flush !== 'never' || cell.stalls) return job;
  const writtenBytesMax = roomBytes();
  return writtenBytesMax === null ? job : { ...job, writtenBytesMax };
}

/** null where this system does not tell. */
function roomBytes(): number | null {
  let counters: string;
  try {
    counters = readFileSync('/proc/vmstat', 'utf8');
  } catch {
    return null;
  }
  const threshold = /^nr_dirty_background_threshold (\d+)$/m.exec(counters);
  const dirty = /^nr_dirty (\d+)$/m.exec(counters);
  if (threshold === null || dirty === null) return null;
  const pages = Number(threshold[1]) - Number(dirty[1]);
  return pages > 0 ? SHARE * pages * PAGE_BYTES : null;
}
