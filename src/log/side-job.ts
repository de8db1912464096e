/** Slow file work that no one waits for on the append path: run by a thread of the side-job pool. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { available, fadviseWillNeed } from '../base/libc.js';
import { CLAIM_MARK_FILE } from './data-directory.js';
import { type DirectoryProgress, writeProgress } from './directory-progress.js';
import { nodeFileSystem } from './file-system.js';

export type SideJob =
  /** Where the logs of a data folder stand, so that a start after a crash scans less. */
  | { readonly kind: 'checkpoint'; readonly directory: string; readonly progress: readonly DirectoryProgress[] }
  /** Fails where the folder cannot be had. */
  | { readonly kind: 'probe'; readonly directory: string }
  /** Brings a range of a file into the page cache, so that sending it blocks nobody. */
  | { readonly kind: 'readAhead'; readonly path: string; readonly position: number; readonly length: number };

const scratch = Buffer.allocUnsafe(256 * 1024);

export function runSideJob(job: SideJob): void {
  if (job.kind === 'checkpoint') {
    if (!nodeFileSystem.exists(join(job.directory, CLAIM_MARK_FILE))) {
      throw new Error(`${job.directory} is not there any more, or another one is in its place`);
    }
    writeProgress(nodeFileSystem, job.directory, job.progress);
    return;
  }
  if (job.kind === 'probe') {
    nodeFileSystem.mkdir(job.directory);
    nodeFileSystem.readdir(job.directory);
    return;
  }
  const fd = openSync(job.path, 'r');
  try {
    let position = job.position;
    const end = job.position + job.length;
    // The kernel asks the disk for all of it at once, where reading on would have it wait for each piece.
    if (available.fadvise) fadviseWillNeed(fd, job.position, job.length);
    while (position < end) {
      const bytes = readSync(fd, scratch, 0, Math.min(scratch.length, end - position), position);
      if (bytes === 0) return;
      position += bytes;
    }
  } finally {
    closeSync(fd);
  }
}
