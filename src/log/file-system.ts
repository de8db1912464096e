/** The door to node:fs for everything that owns data files: synchronous, so that a shard needs no promise. Any thread. */
import * as fs from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import { available, fadviseDontNeed, isCached, syncfs } from '../base/libc.js';

/** `read` and `write` want the file to exist, `create` makes it where it does not. The latter two may read and write. */
export type OpenMode = 'read' | 'write' | 'create';

export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  /** When the file was made, where the file system knows; otherwise as `mtimeMs`. */
  readonly birthtimeMs: number;
}

/** Errors are those of node:fs (with a `code`); behind a descriptor that failed to sync nothing may be believed. */
export interface FileSystem {
  /** A long write gets fewer and larger pages than many short ones. */
  readonly hasLargePages: boolean;
  open(path: string, mode: OpenMode): number;
  close(fd: number): void;
  /** Reads up to `length` bytes of the file from `position` into `buffer` at `at`; returns how many there were. */
  read(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number;
  /** Returns the bytes written of `buffer[at, at + length)`, which may be fewer: a short write is not an error. */
  write(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number;
  /** As {@link write}, of all buffers, one behind the other. */
  writev(fd: number, buffers: readonly Uint8Array[], position: number): number;
  truncate(fd: number, length: number): void;
  /** Sets the time of the file's last change. */
  setModified(fd: number, mtimeMs: number): void;
  fdatasync(fd: number): void;
  /** Makes creations, renames and removals inside the folder durable. */
  fsyncDirectory(path: string): void;
  /** Makes everything on the file system of that open folder durable; false where the machine cannot, then nothing was done. */
  syncFileSystem(folderFd: number): boolean;
  openDirectory(path: string): number;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Parents too; fine where it exists. Returns whether anything was made. */
  mkdir(path: string): boolean;
  readdir(path: string): string[];
  /** null where there is no such file. */
  stat(path: string): FileStat | null;
  exists(path: string): boolean;
  readFile(path: string): Buffer;
  /** Old content or new, never a mixture: written aside, synced, renamed, folder synced. `durable` false leaves the syncs out. */
  writeFileAtomically(path: string, bytes: Uint8Array, durable?: boolean): void;
  /** Drops the file's clean pages from `position` on (`length` bytes of them, or all) from memory, so that the next read asks the disk. Does nothing where that is impossible. */
  dropCache(fd: number, position: number, length?: number): void;
  /** Whether reading the range would not wait for the disk; false also where nobody can say. */
  isCached(fd: number, position: number, length: number): boolean;
}

const openFlags: Record<OpenMode, number> = {
  read: fs.constants.O_RDONLY,
  write: fs.constants.O_RDWR,
  create: fs.constants.O_RDWR | fs.constants.O_CREAT,
};

/** What is written aside gets this behind its name until it is renamed; left-overs of a crash are removed at the next open. */
export const ASIDE_SUFFIX = '.tmp';

/** Linux keeps pages in runs of up to so many bytes, and drops none of which a part is to stay. */
const LARGEST_FOLIO_BYTES = 2 * 1024 * 1024;

/** ext4 and xfs keep what is written in pages of many sizes, ext4 from this release of Linux on. */
const LARGE_PAGES_FROM = [6, 16];

function isLinuxFrom([major, minor]: readonly number[]): boolean {
  const [ownMajor, ownMinor] = release().split('.').map(Number);
  return process.platform === 'linux' && (ownMajor > major || (ownMajor === major && ownMinor >= minor));
}

export const nodeFileSystem: FileSystem = {
  hasLargePages: isLinuxFrom(LARGE_PAGES_FROM),
  open: (path, mode) => fs.openSync(path, openFlags[mode], 0o644),
  close: (fd) => fs.closeSync(fd),
  read: (fd, buffer, at, length, position) => fs.readSync(fd, buffer, at, length, position),
  write: (fd, buffer, at, length, position) => fs.writeSync(fd, buffer, at, length, position),
  writev: (fd, buffers, position) => fs.writevSync(fd, buffers as Uint8Array[], position),
  truncate: (fd, length) => fs.ftruncateSync(fd, length),
  setModified: (fd, mtimeMs) => fs.futimesSync(fd, mtimeMs / 1000, mtimeMs / 1000),
  fdatasync: (fd) => fs.fdatasyncSync(fd),
  fsyncDirectory(path) {
    const fd = fs.openSync(path, fs.constants.O_RDONLY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  syncFileSystem(folderFd) {
    if (!available.syncfs) return false;
    const result = syncfs(folderFd);
    if (result < 0) {
      const code = getSystemErrorName(result);
      throw Object.assign(new Error(`${code}: syncfs failed`), { code, errno: result });
    }
    return true;
  },
  openDirectory: (path) => fs.openSync(path, fs.constants.O_RDONLY),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  mkdir(path) {
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return false;
    const parent = dirname(path);
    // Parent by parent, because Node's recursive mkdir never returns where a folder exists and takes no entries (/proc).
    if (parent !== path) this.mkdir(parent);
    fs.mkdirSync(path);
    return true;
  },
  readdir: (path) => fs.readdirSync(path),
  stat(path) {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return null;
    const { size, mtimeMs, birthtimeMs } = stat;
    return { size, mtimeMs, birthtimeMs: birthtimeMs > 0 && birthtimeMs < mtimeMs ? birthtimeMs : mtimeMs };
  },
  exists: (path) => fs.existsSync(path),
  readFile: (path) => fs.readFileSync(path),
  writeFileAtomically(path, bytes, durable = true) {
    const aside = path + ASIDE_SUFFIX;
    const fd = fs.openSync(aside, 'w', 0o644);
    try {
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at, bytes.length - at, at);
      if (durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(aside, path);
    if (durable) this.fsyncDirectory(dirname(path));
  },
  dropCache(fd, position, length) {
    if (!available.fadvise) return;
    const from = position - (position % LARGEST_FOLIO_BYTES);
    fadviseDontNeed(fd, from, length === undefined ? 0 : position + length - from);
  },
  isCached: (fd, position, length) => isCached(fd, position, length),
};
