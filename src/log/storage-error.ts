/** The disk is to blame: what was tried, on which file, and whether freeing space would help. Thrown on shards. */

/** Errors of the operating system that mean "no room", not "broken". */
const FULL_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export class StorageError extends Error {
  override name = 'StorageError';
  /** True where the disk is full: nothing was stored, the log is as it was and may go on once there is room. */
  readonly full: boolean;

  constructor(
    message: string,
    readonly path: string,
    override readonly cause?: unknown,
  ) {
    super(message, { cause });
    this.full = FULL_CODES.has(codeOf(cause));
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
