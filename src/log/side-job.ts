/** Slow file work that no one waits for on the append path: run by a thread of the side-job pool. */
import { readSync } from 'node:fs';
import { join } from 'node:path';
import { CLAIM_MARK_FILE } from './data-directory.js';
import { type DirectoryProgress, writeProgress } from './directory-progress.js';
import { nodeFileSystem } from './file-system.js';

export type SideJob =
  /** Where the logs of a data folder stand, so that a start after a crash scans less. */
  | { readonly kind: 'checkpoint'; readonly directory: string; readonly progress: readonly DirectoryProgress[] }
  /** Fails where the folder cannot be had. */
  | { readonly kind: 'probe'; readonly directory: string }
  /** Brings a range of a file into the page cache, so that sending it blocks nobody. */
  | { readonly kind: 'readAhead'; readonly fd: number; readonly position: number; readonly length: number };

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
  const { fd, position, length } = job;
  for (let at = position; at < position + length; ) {
    const bytes = readSync(fd, scratch, 0, Math.min(scratch.length, position + length - at), at);
    if (bytes === 0) return;
    at += bytes;
  }
}
