/**
 * The side-job pool: deleting and reading ahead, off the main thread and off every shard. Main thread.
 *
 * Piscina hosts these and not the shards: side jobs are what it is made for (many short tasks, threads that come and go,
 * a queue), while a shard is one task that never ends, whose thread must be known by name, restarted alone, and told
 * apart from its neighbours when it dies.
 */
import type { Piscina } from 'piscina';
import type { Logger } from '../base/logger.js';

export interface SideJobs {
  /** Resolves when the range lies in the page cache (or could not be read: sending it will tell why). */
  readAhead(path: string, position: number, length: number): Promise<void>;
  /** Deletes files and folders; failures are logged. */
  delete(paths: readonly string[]): Promise<void>;
  /** Brings a file and its folder's entries to disk; false where that failed, or the file is gone. */
  flush(path: string): Promise<boolean>;
  /** Saves where the logs stand; false where that failed. */
  checkpoint(directory: string, progress: readonly object[]): Promise<boolean>;
  close(): Promise<void>;
}

export function createSideJobs(entry: URL, logger: Logger): SideJobs {
  // Loaded and made at first use: a start does not wait for it, an idle broker has no thread for it.
  let pool: Promise<Piscina> | null = null;
  const open = async (): Promise<Piscina> => {
    const { Piscina } = await import('piscina');
    return new Piscina({ filename: entry.href, minThreads: 0, maxThreads: 2, idleTimeout: 5000, execArgv: [] });
  };
  const run = async (job: object, what: string): Promise<boolean> => {
    pool ??= open();
    try {
      await (await pool).run(job, { name: 'runSideJob' });
      return true;
    } catch (error) {
      logger.warn({ job: (job as { kind?: string }).kind, error: (error as Error).message }, what);
      return false;
    }
  };
  return {
    async readAhead(path, position, length) {
      await run({ kind: 'readAhead', path, position, length }, 'could not read ahead');
    },
    flush: (path) => run({ kind: 'flush', path }, 'could not flush a sealed segment; a start after a crash scans it'),
    async delete(paths) {
      await run({ kind: 'delete', paths }, 'could not delete what was retired; it is harmless and stays on disk');
    },
    checkpoint(directory, progress) {
      const what = 'could not save where the logs stand; a start after a crash scans more';
      return run({ kind: 'checkpoint', directory, progress }, what);
    },
    close: async () => {
      await (await pool)?.close();
    },
  };
}
