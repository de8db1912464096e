/**
 * Takes files off the disk bit by bit. Side-job pool.
 *
 * Unlinking a segment of 1 GiB is one act of a quarter of a second for ext4, and where the disk is mounted with `discard` the
 * commit of its journal that tells the disk of all those blocks holds up every flush behind it: p99 of who produced
 * meanwhile was ten times what it is without. So the name goes first, as whoever reads the file does not need it, and then
 * the end of the file, again and again, with pauses in between:
 *
 * ```
 *   ├──────────────────────────┤   unlink: nobody can open it any more
 *   ├─────────────────────┤····    ftruncate, pause
 *   ├────────────────┤····         ...
 * ```
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { MiB } from '../base/units.js';

/** What one commit of a journal may have to give back. */
const SLICE_BYTES = 4 * MiB;
/** Makes about 0.3 GB/s; 1.4 GB/s in slices of 16 MiB left a producer's p99 at 4.7 ms, this way it is 2.0, alone 1.3. */
const PAUSE_MS = 15;
/**
 * What has waited for so long behind a removal halves its pauses, for twice as long makes them a third: whoever writes faster
 * than 0.3 GB/s and keeps only the newest would fill the disk otherwise. By time and not by number: a topic that is deleted has
 * many folders, and there is no hurry.
 */
const PATIENCE_MS = 10_000;
const DESCRIPTORS = '/proc/self/fd';

/** Whoever the work is done for; does not pause any more where it wants an end. */
export interface RemovalHost {
  /** For how long another removal has waited until this one is done. */
  waitingMs(): number;
  pause(ms: number): void;
}

/** Files, or folders with all that is in them; fine where they are gone. Throws what the disk says. */
export function removeAll(paths: readonly string[], host: RemovalHost): void {
  const removal = new Removal(host);
  for (const path of paths) removal.remove(path);
}

class Removal {
  private sincePauseBytes = 0;

  constructor(private readonly host: RemovalHost) {}

  remove(path: string): void {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (found.isDirectory()) for (const name of readdirSync(path)) this.remove(join(path, name));
    if (found.isFile() && found.size > SLICE_BYTES) {
      this.shrinkAway(path);
      return;
    }
    rmSync(path, { recursive: true, force: true });
    if (found.isFile()) this.freed(found.size);
  }

  private shrinkAway(path: string): void {
    const fd = openSync(path, 'r+');
    try {
      unlinkSync(path);
      const { nlink, size } = fstatSync(fd);
      if (nlink > 0 || isHeldElsewhere(fd)) return;
      for (let left = size; left > 0; ) {
        const slice = Math.min(left, SLICE_BYTES);
        left -= slice;
        ftruncateSync(fd, left);
        this.freed(slice);
      }
    } finally {
      closeSync(fd);
    }
  }

  private freed(bytes: number): void {
    this.sincePauseBytes += bytes;
    if (this.sincePauseBytes < SLICE_BYTES) return;
    this.sincePauseBytes = 0;
    this.host.pause(PAUSE_MS / (1 + this.host.waitingMs() / PATIENCE_MS));
  }
}

/** Whether somebody else in this process has the file open and may still read it; yes where that cannot be known. */
function isHeldElsewhere(fd: number): boolean {
  try {
    const own = readlinkSync(join(DESCRIPTORS, String(fd)));
    return readdirSync(DESCRIPTORS).some((name) => name !== String(fd) && targetOf(name) === own);
  } catch {
    return true;
  }
}

/** null for a descriptor that was closed meanwhile. */
function targetOf(name: string): string | null {
  try {
    return readlinkSync(join(DESCRIPTORS, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
