/** The main thread's own descriptors of segments, for reading: bounded, shared by all replies, never borrowed from a shard. */
import { close, closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { FileRecords, FileSlice } from '../base/file-slice.js';
import { ReplacedFiles } from './replaced-files.js';

const IDLE_MAX = 128;
/** How a shard names what it takes out of a log (log/segment-name). */
const DELETED_SUFFIX = '.deleted';

/** Which file: several had the same path one after the other. */
type Named = Pick<FileSlice, 'path' | 'generation'>;

interface OpenSegment extends Named {
  readonly fd: number;
  users: number;
  /** Forgotten while in use: closed by its last user. */
  stale: boolean;
}

export class SegmentFiles {
  readonly #replaced = new ReplacedFiles();
  /** In order of last use, oldest first (Map keeps insertion order). */
  private readonly segments = new Map<string, OpenSegment>();
  private readonly staleInUse = new Map<number, OpenSegment>();
  private idle = 0;

  /** A descriptor of the file that `slice` lies in, to be given back by `release`. Throws what open(2) says. */
  acquire(slice: Named): number {
    const key = keyOf(slice);
    let segment = this.segments.get(key);
    if (segment === undefined) {
      const { path, generation } = slice;
      segment = { path, generation, fd: this.openWithRoom(slice), users: 0, stale: false };
      this.idle++;
    } else {
      this.segments.delete(key);
    }
    this.segments.set(key, segment);
    if (segment.users++ === 0) this.idle--;
    return segment.fd;
  }

  release(slice: Named, fd: number): void {
    const current = this.segments.get(keyOf(slice));
    const segment = current !== undefined && current.fd === fd ? current : this.staleInUse.get(fd);
    if (segment === undefined || --segment.users > 0) return;
    if (segment.stale) {
      this.staleInUse.delete(fd);
      // Its file has lost its name: all of it is given back by whoever closes it last, which may take a quarter of a second.
      close(fd);
      return;
    }
    this.idle++;
    if (this.idle > IDLE_MAX) this.closeOldestIdle();
  }

  /** The bytes themselves, for the broker's own logs; what a client gets goes from file to socket instead. */
  read(records: FileRecords): Buffer {
    const bytes = Buffer.allocUnsafe(records.byteLength);
    let at = 0;
    for (const slice of records.slices) {
      const { position, length } = slice;
      const fd = this.acquire(slice);
      try {
        for (const end = at + length; at < end; ) {
          const count = readSync(fd, bytes, at, end - at, position + length - (end - at));
          if (count === 0) return bytes.subarray(0, at);
          at += count;
        }
      } finally {
        this.release(slice, fd);
      }
    }
    return bytes;
  }

  /** The shard is about to be asked to put another file in the place of `paths`. */
  beginSwap(paths: readonly string[], generation: number): void {
    this.#replaced.begin(paths, generation);
  }

  /** It did not, or what it put aside is about to be deleted. */
  endSwap(paths: readonly string[], generation: number): void {
    this.#replaced.end(paths, generation);
    const swapped = new Set(paths);
    this.drop((segment) => swapped.has(segment.path) && (segment.generation ?? 0) < generation);
  }

  /** Drops what lies under `directory`: its files were removed, and others may come under the same names. */
  forget(directory: string): void {
    const prefix = `${directory}/`;
    this.#replaced.forget(directory);
    this.drop(({ path }) => path.startsWith(prefix));
  }

  /** They are about to be deleted: what is kept open for the next reader would keep their room on the disk as well. */
  beforeDeletion(paths: readonly string[]): void {
    const deleted = new Set(paths);
    this.drop(({ path }) => deleted.has(path + DELETED_SUFFIX));
  }

  private drop(isMeant: (segment: OpenSegment) => boolean): void {
    for (const [key, segment] of this.segments) {
      if (!isMeant(segment)) continue;
      this.segments.delete(key);
      if (segment.users === 0) {
        this.idle--;
        closeSync(segment.fd);
      } else {
        segment.stale = true;
        this.staleInUse.set(segment.fd, segment);
      }
    }
  }

  close(): void {
    for (const segment of this.segments.values()) closeSync(segment.fd);
    for (const segment of this.staleInUse.values()) closeSync(segment.fd);
    this.segments.clear();
    this.staleInUse.clear();
    this.idle = 0;
  }

  /** Where the process has no descriptor left, those that wait to be used again make room. */
  private openWithRoom(slice: Named): number {
    try {
      return this.open(slice);
    } catch (error) {
      if (this.idle === 0 || !/^E[MN]FILE$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
      while (this.idle > 0) this.closeOldestIdle();
      return this.open(slice);
    }
  }

  private open({ path, generation = 0 }: Named): number {
    const aside = this.#replaced.asideOf(path, generation);
    if (aside === null) return openReadable(path);
    const fd = openIfThere(aside);
    if (fd !== null) return fd;
    const found = openReadable(path);
    // Where it still is not aside, nothing else can have had its name when it was opened.
    if (!existsSync(aside)) return found;
    closeSync(found);
    return openSync(aside, 'r');
  }

  private closeOldestIdle(): void {
    for (const [key, segment] of this.segments) {
      if (segment.users > 0) continue;
      this.segments.delete(key);
      this.idle--;
      closeSync(segment.fd);
      return;
    }
  }
}

function keyOf({ path, generation }: Named): string {
  return generation === undefined ? path : `${path} ${generation}`;
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

/** A segment that was retired between its being located and its being sent lingers under another name. */
function openReadable(path: string): number {
  return openIfThere(path) ?? openSync(`${path}.deleted`, 'r');
}
