/** The disk is to blame: what was tried, on which file, what is wrong with it. Thrown on shards. */
import { type StorageTrouble, troubleOf } from '../base/storage-trouble.js';
import type { FileSystem } from './file-system.js';

export class StorageError extends Error {
  override name = 'StorageError';

  constructor(
    message: string,
    readonly path: string,
    override readonly cause?: unknown,
    /** By which it is counted and told. */
    readonly trouble: StorageTrouble = troubleOf(codeOf(cause)),
  ) {
    super(message, { cause });
  }

  /** True where the disk is full: nothing was stored, the log is as it was and may go on once there is room. */
  get full(): boolean {
    return this.trouble === 'disk full';
  }
}

/** The `code` of a system error ('ENOENT' and the like), or ''. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** Runs `action`; a system error becomes a {@link StorageError} that says what could not be done to which file. */
export function onDisk<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof StorageError || codeOf(error) === '') throw error;
    throw new StorageError(`Could not ${what} ${path}: ${(error as Error).message}`, path, error);
  }
}

/** As {@link onDisk}, for what makes bytes durable: what the system could not write it may have forgotten since, also for want of room. */
export function flushing<T>(path: string, action: () => T): T {
  try {
    return onDisk('flush', path, action);
  } catch (error) {
    if (!(error instanceof StorageError) || (error.trouble !== 'disk error' && !error.full)) throw error;
    throw new StorageError(error.message, path, error.cause, 'flush failed');
  }
}

/** False where the disk is too full for another name. @throws StorageError */
export function renamedIfRoom(files: Pick<FileSystem, 'rename'>, from: string, to: string): boolean {
  try {
    onDisk('rename', from, () => files.rename(from, to));
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.full) return false;
    throw error;
  }
}
