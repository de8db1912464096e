/** A disk in memory that can lose power, run full and lie: what was not synced may vanish, in part or torn at 512 bytes. */
import { dirname } from 'node:path';
import type { FileStat, FileSystem, OpenMode } from '../../src/log/file-system.js';

const SECTOR_BYTES = 512;

type PendingWrite = { readonly position: number; readonly bytes: Buffer } | { readonly truncatedTo: number };

interface Inode {
  /** What a program sees. */
  content: Buffer;
  /** What is on the medium. */
  durable: Buffer;
  pending: PendingWrite[];
  mtimeMs: number;
}

/** A change of folder entries that is not on the medium yet. */
interface PendingEntry {
  readonly folder: string;
  apply(entries: Map<string, Inode>, folders: Set<string>): void;
}

export type FileOperation =
  | 'open'
  | 'read'
  | 'writev'
  | 'truncate'
  | 'fdatasync'
  | 'fsyncDirectory'
  | 'syncFileSystem'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'writeAside';

/** Thrown by {@link FakeFileSystem.before} to stand for the end of the process. */
export class PowerCut extends Error {}

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

export class FakeFileSystem implements FileSystem {
  /** Called in front of every operation; what it throws is the operation's failure. */
  before: (operation: FileOperation, path: string) => void = () => {};
  /** How many of the offered bytes a write takes. */
  taken: (offered: number) => number = (offered) => offered;
  nowMs = 1_700_000_000_000;
  private entries = new Map<string, Inode>();
  private folders = new Set<string>(['/', '/data']);
  private durableEntries = new Map<string, Inode>();
  private durableFolders = new Set<string>(['/', '/data']);
  private pendingEntries: PendingEntry[] = [];
  private readonly descriptors = new Map<number, { inode: Inode | null; path: string }>();
  private nextFd = 100;

  get openDescriptors(): number {
    return this.descriptors.size;
  }

  paths(): string[] {
    return [...this.entries.keys()].sort();
  }

  content(path: string): Buffer {
    return Buffer.from(this.inodeAt(path).content);
  }

  /** Replaces a file as if it had always been so: for damage that nobody wrote. */
  setContent(path: string, bytes: Uint8Array): void {
    const inode: Inode = this.entries.get(path) ?? newInode(this.nowMs);
    inode.content = Buffer.from(bytes);
    inode.durable = Buffer.from(bytes);
    inode.pending = [];
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
      this.folders.add(folder);
      this.durableFolders.add(folder);
    }
    this.entries.set(path, inode);
    this.durableEntries.set(path, inode);
  }

  /** A copy of everything as it is now, all of it on the medium. */
  snapshot(): FakeFileSystem {
    const copy = new FakeFileSystem();
    copy.nowMs = this.nowMs;
    for (const path of this.paths()) copy.setContent(path, this.content(path));
    return copy;
  }

  /**
   * The power goes. `chance(n)` answers 0..n-1 and decides how much of what was not synced had reached the medium: of each
   * file a number of its writes, the next one torn; of folder changes a number of the oldest. With `chance` always 0
   * nothing survives that was not synced.
   */
  crash(chance: (below: number) => number): void {
    this.descriptors.clear();
    const kept = chance(this.pendingEntries.length + 1);
    for (const change of this.pendingEntries.slice(0, kept)) change.apply(this.durableEntries, this.durableFolders);
    this.pendingEntries = [];
    for (const inode of new Set(this.durableEntries.values())) {
      const whole = chance(inode.pending.length + 1);
      for (const write of inode.pending.slice(0, whole)) applyWrite(inode, write);
      const torn = inode.pending[whole];
      if (torn !== undefined && 'bytes' in torn) {
        const sectors = Math.floor(torn.bytes.length / SECTOR_BYTES);
        const bytes = torn.bytes.subarray(0, chance(sectors + 1) * SECTOR_BYTES);
        if (bytes.length > 0) applyWrite(inode, { position: torn.position, bytes });
      }
      inode.pending = [];
      inode.content = Buffer.from(inode.durable);
    }
    this.folders = new Set(this.durableFolders);
    this.entries = new Map([...this.durableEntries].filter(([path]) => this.folders.has(dirname(path))));
    this.durableEntries = new Map(this.entries);
    this.before = () => {};
    this.taken = (offered) => offered;
  }

  /** The process dies, the machine lives on: every write that was made is there. */
  kill(): void {
    this.descriptors.clear();
    this.before = () => {};
    this.taken = (offered) => offered;
  }

  open(path: string, mode: OpenMode): number {
    this.before('open', path);
    let inode = this.entries.get(path);
    if (inode === undefined) {
      if (mode !== 'create') throw systemError('ENOENT');
      if (!this.folders.has(dirname(path))) throw systemError('ENOENT');
      inode = newInode(this.nowMs);
      this.link(path, inode);
    }
    this.descriptors.set(this.nextFd, { inode, path });
    return this.nextFd++;
  }

  close(fd: number): void {
    if (!this.descriptors.delete(fd)) throw systemError('EBADF');
  }

  read(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number {
    const { inode, path } = this.file(fd);
    this.before('read', path);
    return inode.content.copy(buffer, at, position, Math.min(position + length, inode.content.length));
  }

  write(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number {
    return this.writev(fd, [buffer.subarray(at, at + length)], position);
  }

  writev(fd: number, buffers: readonly Uint8Array[], position: number): number {
    const { inode, path } = this.file(fd);
    const offered = Buffer.concat(buffers.map((buffer) => Buffer.from(buffer)));
    this.before('writev', path);
    const bytes = offered.subarray(0, this.taken(offered.length));
    this.alter(inode, { position, bytes });
    return bytes.length;
  }

  truncate(fd: number, length: number): void {
    const { inode, path } = this.file(fd);
    this.before('truncate', path);
    this.alter(inode, { truncatedTo: length });
  }

  setModified(fd: number, mtimeMs: number): void {
    this.file(fd).inode.mtimeMs = mtimeMs;
  }

  fdatasync(fd: number): void {
    const { inode, path } = this.file(fd);
    try {
      this.before('fdatasync', path);
    } catch (error) {
      // As Linux does: the pages are called clean although they never reached the medium.
      if (!(error instanceof PowerCut)) inode.pending = [];
      throw error;
    }
    sync(inode);
  }

  fsyncDirectory(path: string): void {
    this.before('fsyncDirectory', path);
    if (!this.folders.has(path)) throw systemError('ENOENT');
    this.pendingEntries = this.pendingEntries.filter((change) => {
      if (change.folder !== path) return true;
      change.apply(this.durableEntries, this.durableFolders);
      return false;
    });
  }

  syncFileSystem(fd: number): boolean {
    if (!this.descriptors.has(fd)) throw systemError('EBADF');
    this.before('syncFileSystem', '/');
    for (const inode of this.entries.values()) sync(inode);
    for (const change of this.pendingEntries) change.apply(this.durableEntries, this.durableFolders);
    this.pendingEntries = [];
    return true;
  }

  openDirectory(path: string): number {
    if (!this.folders.has(path)) throw systemError('ENOENT');
    this.descriptors.set(this.nextFd, { inode: null, path });
    return this.nextFd++;
  }

  rename(from: string, to: string): void {
    this.before('rename', from);
    if (!this.entries.has(from) && !this.folders.has(from)) throw systemError('ENOENT');
    this.change(dirname(from), (entries, folders) => move(entries, folders, from, to));
  }

  unlink(path: string): void {
    this.before('unlink', path);
    this.inodeAt(path);
    this.change(dirname(path), (entries) => void entries.delete(path));
  }

  mkdir(path: string): boolean {
    this.before('mkdir', path);
    if (this.folders.has(path)) return false;
    this.change(dirname(path), (_entries, folders) => void folders.add(path));
    return true;
  }

  readdir(path: string): string[] {
    if (!this.folders.has(path)) throw systemError('ENOENT');
    const names = [...this.entries.keys(), ...this.folders].filter((name) => name !== '/' && dirname(name) === path);
    return names.map((name) => name.slice(path.length + 1)).sort();
  }

  stat(path: string): FileStat | null {
    const inode = this.entries.get(path);
    return inode === undefined
      ? null
      : { size: inode.content.length, mtimeMs: inode.mtimeMs, birthtimeMs: inode.mtimeMs };
  }

  exists(path: string): boolean {
    return this.entries.has(path) || this.folders.has(path);
  }

  readFile(path: string): Buffer {
    this.before('read', path);
    return this.content(path);
  }

  writeFileAtomically(path: string, bytes: Uint8Array, durable = true): void {
    this.before('writeAside', path);
    if (!this.folders.has(dirname(path))) throw systemError('ENOENT');
    const inode = newInode(this.nowMs);
    this.link(`${path}.tmp`, inode);
    this.alter(inode, { position: 0, bytes: Buffer.from(bytes) });
    if (durable) {
      this.before('fdatasync', path);
      sync(inode);
    }
    this.rename(`${path}.tmp`, path);
    if (durable) this.fsyncDirectory(dirname(path));
  }

  dropCache(fd: number, position: number): void {
    const { inode } = this.file(fd);
    if (inode.pending.length > 0) return;
    // The kernel still knows how long the file was; what was never stored of it reads as zeros.
    const onDisk = Buffer.alloc(inode.content.length);
    inode.durable.copy(onDisk);
    inode.content.copy(onDisk, 0, 0, position);
    inode.content = onDisk;
  }

  private file(fd: number): { inode: Inode; path: string } {
    const open = this.descriptors.get(fd);
    if (open === undefined || open.inode === null) throw systemError('EBADF');
    return { inode: open.inode, path: open.path };
  }

  private inodeAt(path: string): Inode {
    const inode = this.entries.get(path);
    if (inode === undefined) throw systemError('ENOENT');
    return inode;
  }

  private link(path: string, inode: Inode): void {
    this.change(dirname(path), (entries) => void entries.set(path, inode));
  }

  private change(folder: string, apply: PendingEntry['apply']): void {
    apply(this.entries, this.folders);
    this.pendingEntries.push({ folder, apply });
  }

  private alter(inode: Inode, write: PendingWrite): void {
    inode.content = changed(inode.content, write);
    inode.pending.push(write);
    inode.mtimeMs = this.nowMs;
  }
}

function newInode(nowMs: number): Inode {
  return { content: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [], mtimeMs: nowMs };
}

function sync(inode: Inode): void {
  if (inode.pending.length > 0) {
    inode.pending = [];
    inode.durable = Buffer.from(inode.content);
  }
}

function applyWrite(inode: Inode, write: PendingWrite): void {
  inode.durable = changed(inode.durable, write);
}

function changed(content: Buffer, write: PendingWrite): Buffer {
  if ('truncatedTo' in write) {
    const cut = Buffer.alloc(write.truncatedTo);
    content.copy(cut, 0, 0, write.truncatedTo);
    return cut;
  }
  const end = write.position + write.bytes.length;
  if (write.position === content.length) return Buffer.concat([content, write.bytes]);
  const grown = Buffer.alloc(Math.max(content.length, end));
  content.copy(grown);
  write.bytes.copy(grown, write.position);
  return grown;
}

function move(entries: Map<string, Inode>, folders: Set<string>, from: string, to: string): void {
  const inode = entries.get(from);
  if (inode !== undefined) {
    entries.delete(from);
    entries.set(to, inode);
    return;
  }
  if (!folders.delete(from)) return;
  folders.add(to);
  for (const [path, moved] of [...entries]) {
    if (!path.startsWith(`${from}/`)) continue;
    entries.delete(path);
    entries.set(to + path.slice(from.length), moved);
  }
}
