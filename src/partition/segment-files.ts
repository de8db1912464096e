/** The main thread's own descriptors of segments, for reading: bounded, shared by all replies, never borrowed from a shard. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { FileRecords } from '../base/file-slice.js';

const IDLE_MAX = 128;

interface OpenSegment {
  readonly fd: number;
  users: number;
  /** Forgotten while in use: closed by its last user. */
  stale: boolean;
}

export class SegmentFiles {
  /** In order of last use, oldest first (Map keeps insertion order). */
  private readonly segments = new Map<string, OpenSegment>();
  private readonly staleInUse = new Map<number, OpenSegment>();
  private idle = 0;

  /** A descriptor of the file at `path`, to be given back by `release`. Throws what open(2) says. */
  acquire(path: string): number {
    let segment = this.segments.get(path);
    if (segment === undefined) {
      segment = { fd: openReadable(path), users: 0, stale: false };
      this.idle++;
    } else {
      this.segments.delete(path);
    }
    this.segments.set(path, segment);
    if (segment.users++ === 0) this.idle--;
    return segment.fd;
  }

  release(path: string, fd: number): void {
    const current = this.segments.get(path);
    const segment = current !== undefined && current.fd === fd ? current : this.staleInUse.get(fd);
    if (segment === undefined || --segment.users > 0) return;
    if (segment.stale) {
      this.staleInUse.delete(fd);
      closeSync(fd);
      return;
    }
    this.idle++;
    if (this.idle > IDLE_MAX) this.closeOldestIdle();
  }

  /** The bytes themselves, for the broker's own logs; what a client gets goes from file to socket instead. */
  read(records: FileRecords): Buffer {
    const bytes = Buffer.allocUnsafe(records.byteLength);
    let at = 0;
    for (const { path, position, length } of records.slices) {
      const fd = this.acquire(path);
      try {
        for (const end = at + length; at < end; ) {
          const count = readSync(fd, bytes, at, end - at, position + length - (end - at));
          if (count === 0) return bytes.subarray(0, at);
          at += count;
        }
      } finally {
        this.release(path, fd);
      }
    }
    return bytes;
  }

  /** Drops what lies under `directory`: its files were removed, and others may come under the same names. */
  forget(directory: string): void {
    const prefix = `${directory}/`;
    for (const [path, segment] of this.segments) {
      if (!path.startsWith(prefix)) continue;
      this.segments.delete(path);
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

  private closeOldestIdle(): void {
    for (const [path, segment] of this.segments) {
      if (segment.users > 0) continue;
      this.segments.delete(path);
      this.idle--;
      closeSync(segment.fd);
      return;
    }
  }
}

/** A segment that was retired between its being located and its being sent lingers under another name. */
function openReadable(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return openSync(`${path}.deleted`, 'r');
  }
}
