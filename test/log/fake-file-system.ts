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
  hasLargePages = true;
  /** Called in front of every operation; what it throws is the operation's failure. */
  before: (operation: FileOperation, path: string) => void = () => {};
  /** How many of the offered bytes a write at a position takes. */
  taken: (offered: number, position: number) => number = (offered) => offered;
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
   * The power goes. `chance(n)` answers 0..n-1 and decides how much of what was not synced had reached the medium. `inOrder`:
   * of each file a number of its writes, the next one torn; of folder changes a number of the oldest. `anyOrder`: of each
   * file any of its sectors, with zeros where a later one made it and an earlier one did not; of each folder a number of
   * its oldest changes. With `chance` always 0 nothing survives that was not synced.
   */
  crash(chance: (below: number) => number, order: 'inOrder' | 'anyOrder' = 'inOrder'): void {
    this.descriptors.clear();
    this.keepSomeEntries(chance, order);
    for (const inode of new Set(this.durableEntries.values())) {
      if (order === 'inOrder') keepFirstWrites(inode, chance);
      else keepAnySectors(inode, chance);
      inode.pending = [];
      inode.content = Buffer.from(inode.durable);
    }
    this.folders = new Set(this.durableFolders);
    this.entries = new Map([...this.durableEntries].filter(([path]) => this.folders.has(dirname(path))));
    this.durableEntries = new Map(this.entries);
    this.before = () => {};
    this.taken = (offered) => offered;
  }

  private keepSomeEntries(chance: (below: number) => number, order: 'inOrder' | 'anyOrder'): void {
    const left = new Map<string, number>();
    for (const { folder } of this.pendingEntries) {
      const key = order === 'inOrder' ? '' : folder;
      left.set(key, (left.get(key) ?? 0) + 1);
    }
    for (const [key, count] of left) left.set(key, chance(count + 1));
    for (const change of this.pendingEntries) {
      const key = order === 'inOrder' ? '' : change.folder;
      const kept = left.get(key) ?? 0;
      left.set(key, kept - 1);
      if (kept > 0) change.apply(this.durableEntries, this.durableFolders);
    }
    this.pendingEntries = [];
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
    if (position >= inode.content.length) return 0;
    return inode.content.copy(buffer, at, position, Math.min(position + length, inode.content.length));
  }

  write(fd: number, buffer: Uint8Array, at: number, length: number, position: number): number {
    return this.writev(fd, [buffer.subarray(at, at + length)], position);
  }

  writev(fd: number, buffers: readonly Uint8Array[], position: number): number {
    const { inode, path } = this.file(fd);
    const offered = Buffer.concat(buffers.map((buffer) => Buffer.from(buffer)));
    this.before('writev', path);
    const bytes = offered.subarray(0, this.taken(offered.length, position));
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
      // As Linux does: the pages are called clean although they never reached the medium. How long the file is lies in the journal.
      if ((error as { code?: unknown }).code !== undefined) inode.pending = inode.pending.filter(isTruncation);
      throw error;
    }
    sync(inode);
  }

  fsyncDirectory(path: string): void {
    this.before('fsyncDirectory', path);
    if (!this.folders.has(path)) throw systemError('ENOENT');
    this.applyEntries((change) => change.folder === path);
  }

  private applyEntries(isDurable: (change: PendingEntry) => boolean): void {
    this.pendingEntries = this.pendingEntries.filter((change) => {
      if (!isDurable(change)) return true;
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
    // Journals keep the order: what changed in a folder is not left behind for the next one of its name.
    if (this.folders.has(from)) this.applyEntries((change) => change.folder === from);
    this.change(dirname(from), (entries, folders) => move(entries, folders, from, to));
  }

  unlink(path: string): void {
    this.before('unlink', path);
    this.inodeAt(path);
    this.change(dirname(path), (entries) => void entries.delete(path));
  }

  /** An empty folder; fine where there is none. */
  rmdir(path: string): void {
    this.change(dirname(path), (_entries, folders) => void folders.delete(path));
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

  isCached(fd: number): boolean {
    this.file(fd);
    return true;
  }

  dropCache(fd: number, position: number, length = Number.POSITIVE_INFINITY): void {
    const { inode } = this.file(fd);
    const onDisk = inode.pending.reduce(changed, Buffer.from(inode.durable));
    // The kernel still knows how long the file was; what was never stored of it reads as zeros.
    const seen = Buffer.alloc(inode.content.length);
    onDisk.copy(seen);
    inode.content.copy(seen, 0, 0, position);
    if (position + length < seen.length) inode.content.copy(seen, position + length, position + length);
    inode.content = seen;
  }

  /** Descriptors end with the thread that opened them. */
  closeAll(fds: Iterable<number>): void {
    for (const fd of fds) this.descriptors.delete(fd);
  }

  /** Flips one bit of a file where it lies at rest: on the medium, and in memory as it was read from there. */
  rot(path: string, position: number, bit: number): void {
    const inode = this.inodeAt(path);
    for (const bytes of [inode.content, inode.durable]) if (position < bytes.length) bytes[position] ^= 1 << bit;
  }

  /** How much of the file lies on the medium. */
  durableLength(path: string): number {
    return this.inodeAt(path).durable.length;
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

/** Only what is still called dirty: what a failed sync gave up stays lost. */
function sync(inode: Inode): void {
  for (const write of inode.pending) applyWrite(inode, write);
  inode.pending = [];
}

function keepFirstWrites(inode: Inode, chance: (below: number) => number): void {
  const whole = chance(inode.pending.length + 1);
  for (const write of inode.pending.slice(0, whole)) applyWrite(inode, write);
  const torn = inode.pending[whole];
  if (torn === undefined || !('bytes' in torn)) return;
  const { position } = torn;
  const firstSector = Math.floor(position / SECTOR_BYTES);
  const sectors = Math.floor((position + torn.bytes.length) / SECTOR_BYTES) - firstSector;
  const length = (firstSector + chance(sectors + 1)) * SECTOR_BYTES - position;
  if (length > 0) applyWrite(inode, { position, bytes: torn.bytes.subarray(0, length) });
}

const FATES = ['none', 'all', 'some'] as const;
type Fate = (typeof FATES)[number];

/** Sizes are journalled in order: what was written behind a truncation that did not make it, did not make it either. */
function keepAnySectors(inode: Inode, chance: (below: number) => number): void {
  const truncations = inode.pending.filter((write) => 'truncatedTo' in write).length;
  let left = chance(truncations + 1);
  // Nothing, everything, or a toss for each sector.
  const mood = chance(4);
  const toss = (): Fate => (mood === 0 ? 'none' : mood === 1 ? 'all' : FATES[chance(FATES.length)]);
  /** A sector reaches the medium with all that it held at some instant: behind a write that it went without, it takes none. */
  const fates = new Map<number, Fate>();
  for (const write of inode.pending) {
    if ('truncatedTo' in write) {
      if (left-- === 0) return;
      applyWrite(inode, write);
      for (const sector of fates.keys()) if (sector * SECTOR_BYTES >= write.truncatedTo) fates.delete(sector);
      continue;
    }
    const end = write.position + write.bytes.length;
    for (let from = write.position; from < end; ) {
      const sector = Math.floor(from / SECTOR_BYTES);
      const to = Math.min(end, (sector + 1) * SECTOR_BYTES);
      let fate = fates.get(sector) ?? toss();
      if (fate === 'some' && chance(3) === 0) fate = 'none';
      fates.set(sector, fate);
      if (fate !== 'none') {
        applyWrite(inode, { position: from, bytes: write.bytes.subarray(from - write.position, to - write.position) });
      }
      from = to;
    }
  }
  // Some file systems make the file as long as it was at once, and the bytes come later.
  if (truncations === 0 && mood > 0 && chance(4) === 1 && inode.durable.length < inode.content.length) {
    applyWrite(inode, { truncatedTo: inode.content.length });
  }
}

function applyWrite(inode: Inode, write: PendingWrite): void {
  inode.durable = changed(inode.durable, write);
}

function isTruncation(write: PendingWrite): boolean {
  return 'truncatedTo' in write;
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
