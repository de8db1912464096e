/** The descriptors of one shard: opened when used, the longest unused closed beyond a limit, so idle partitions hold none. */
import type { FileSystem, OpenMode } from './file-system.js';
import { onDisk } from './storage-error.js';

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  /** Writes that were not flushed: closing could lose the error of their write-back. */
  dirty: boolean;
  lastUse: number;
  /** `lastUse` at the last sweep, and since when it has been that. */
  seenUse: number;
  idleSinceMs: number;
}

/** Part of the unused descriptors that goes at once when the limit is met, so that the search is seldom. */
const EVICTED_SHARE = 8;
/** No action has more files of a log in hand at once: the last that were asked for stay open, whatever the others are. */
const IN_HAND = 8;
/** What nobody touched for so long is closed. */
const IDLE_MAX_MS = 10_000;
const WINDOW_BYTES = 64 * 1024;
const RECOVERY_WINDOW_BYTES = 1024 * 1024;

export class OpenFiles {
  private readonly byPath = new Map<string, OpenFile>();
  private tick = 0;
  private scratch: Buffer | null = null;
  private recoveryScratch: Buffer | null = null;

  constructor(
    private readonly files: FileSystem,
    private readonly filesMax: number,
  ) {}

  get count(): number {
    return this.byPath.size;
  }

  /** One read window for all logs of the shard: whoever fills it uses it up before anyone else runs. */
  get window(): Buffer {
    this.scratch ??= Buffer.allocUnsafeSlow(WINDOW_BYTES);
    return this.scratch;
  }

  /** The same for recoveries: of another size, so that a search in between does not disturb one. */
  get recoveryWindow(): Buffer {
    this.recoveryScratch ??= Buffer.allocUnsafeSlow(RECOVERY_WINDOW_BYTES);
    return this.recoveryScratch;
  }

  /** The descriptor for `path`, opened now unless it is open. @throws StorageError */
  descriptor(path: string, mode: OpenMode): number {
    const open = this.byPath.get(path);
    if (open !== undefined) {
      open.lastUse = ++this.tick;
      return open.fd;
    }
    if (this.byPath.size >= this.filesMax) this.evict();
    const fd = onDisk('open', path, () => this.files.open(path, mode));
    this.byPath.set(path, { path, fd, dirty: false, lastUse: ++this.tick, seenUse: 0, idleSinceMs: 0 });
    return fd;
  }

  markDirty(path: string): void {
    const open = this.byPath.get(path);
    if (open !== undefined) open.dirty = true;
  }

  markClean(path: string): void {
    const open = this.byPath.get(path);
    if (open !== undefined) open.dirty = false;
  }

  /** Fine where it is not open. */
  close(path: string): void {
    const open = this.byPath.get(path);
    if (open === undefined) return;
    this.byPath.delete(path);
    onDisk('close', path, () => this.files.close(open.fd));
  }

  /** Closes all that lie in `directory`. */
  closeUnder(directory: string): void {
    for (const path of [...this.byPath.keys()]) {
      if (path.startsWith(`${directory}/`)) this.close(path);
    }
  }

  closeAll(): void {
    for (const path of [...this.byPath.keys()]) this.close(path);
  }

  /** To be called now and then, with a clock that never goes back: closes what has not been used for ten seconds. */
  closeIdle(nowMs: number): void {
    for (const open of [...this.byPath.values()]) {
      if (open.seenUse !== open.lastUse) {
        open.seenUse = open.lastUse;
        open.idleSinceMs = nowMs;
      } else if (!open.dirty && nowMs - open.idleSinceMs >= IDLE_MAX_MS) {
        this.close(open.path);
      }
    }
  }

  /** Dirty files stay open even beyond the limit: the next flush frees them. */
  private evict(): void {
    const unused = [...this.byPath.values()].filter((open) => !open.dirty && open.lastUse <= this.tick - IN_HAND);
    const closable = unused.sort((a, b) => a.lastUse - b.lastUse);
    const wanted = Math.max(1, Math.floor(this.filesMax / EVICTED_SHARE));
    for (const open of closable.slice(0, wanted)) this.close(open.path);
  }
}
