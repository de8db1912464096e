/**
 * The side-job pool: deleting, reading ahead, compacting, checking, and looking into batches, off the main thread and off every
 * shard. Main thread.
 *
 * Piscina hosts these and not the shards: side jobs are what it is made for (many short tasks, threads that come and go,
 * a queue), while a shard is one task that never ends, whose thread must be known by name, restarted alone, and told
 * apart from its neighbours when it dies.
 */
import type { Piscina } from 'piscina';
import type { Clock } from '../base/clock.js';
import type { CompactionJob, CompactionOutcome } from '../base/compaction-plan.js';
import type { Logger } from '../base/logger.js';
import type { SealedFlush } from '../base/sealed-flush.js';
import type { CheckPace, DamagedRange, SegmentCheck } from '../base/segment-check.js';
import type { PreparationJob, PreparationOutcome } from '../record/batch-preparation.js';
import { type HandoverMemory, openHandover } from '../ring/handover.js';

export interface SideJobs {
  /** Resolves when the range lies in the page cache (or could not be read: sending it will tell why). */
  readAhead(path: string, position: number, length: number): Promise<void>;
  /** Deletes files and folders, those that were given before first and all of them gently; failures are logged. */
  delete(paths: readonly string[]): Promise<void>;
  /** Brings a sealed segment to disk; null where that could not be tried, or nobody needs it any more. */
  flush(path: string): Promise<SealedFlush | null>;
  /** Saves where the logs stand; false where that failed. */
  checkpoint(directory: string, progress: readonly object[]): Promise<boolean>;
  /** Whether the folder is there, or could be made, and can be read. */
  probe(directory: string): Promise<boolean>;
  /** Null where the handover was stopped; rejects where the log cannot be compacted. */
  compact(job: CompactionJob, handover: HandoverMemory): Promise<CompactionOutcome | null>;
  /** One outcome for each batch of the job, in order. */
  prepare(job: PreparationJob): Promise<PreparationOutcome[]>;
  /** What of the segment is damaged; null where the handover was stopped. Rejects with what the disk says. */
  check(check: SegmentCheck, pace: CheckPace, handover: HandoverMemory): Promise<DamagedRange[] | null>;
  close(): Promise<void>;
}

/** What the pool's threads are for, beside short jobs. */
export interface SideJobThreads {
  readonly compacting: number;
  /** What nobody waits for. */
  readonly checking: number;
  /** For batches that cannot be stored as they were sent. */
  readonly preparing: number;
}

/** Beside those that compact, check or prepare batches, which are at it for long. */
const SHORT_JOB_THREADS = 2;

/** After a thread could not be had: what waits for one is tried again. */
const THREAD_RETRY_MS = 500;

export function createSideJobs(entry: URL, threads: SideJobThreads, clock: Clock, logger: Logger): SideJobs {
  // Loaded and made at first use: a start does not wait for it, an idle broker has no thread for it.
  let pool: Promise<Piscina> | null = null;
  const open = async (): Promise<Piscina> => {
    const { Piscina } = await import('piscina').catch((error) => {
      // Without descriptors not even its code can be read; the next job tries again.
      pool = null;
      throw error;
    });
    const maxThreads = SHORT_JOB_THREADS + threads.compacting + threads.checking + threads.preparing;
    const opened = new Piscina({ filename: entry.href, minThreads: 0, maxThreads, idleTimeout: 5000, execArgv: [] });
    // Without anybody who listens it would end the process.
    opened.on('error', (error) => {
      logger.warn({ error: (error as Error).message }, 'a thread of the side-job pool could not be started, or ended');
      retry();
    });
    return opened;
  };
  let retrying = false;
  /** The pool starts a thread when a job comes, and at no other time. */
  const retry = (): void => {
    if (retrying || closing) return;
    retrying = true;
    clock.after(THREAD_RETRY_MS, () => {
      retrying = false;
      if (!closing) void run({ kind: 'probe', directory: '/' }, null);
    });
  };
  /** `what` null: a failure is an answer like any other. */
  const run = async (job: object, what: string | null): Promise<boolean> => {
    pool ??= open();
    try {
      await (await pool).run(job, { name: 'runSideJob' });
      return true;
    } catch (error) {
      const { kind } = job as { kind?: string };
      if (what !== null) logger.warn({ job: kind, error: (error as Error).message }, what);
      return false;
    }
  };
  /** One at a time: they take long on purpose, and another thread of the pool is to be free for who reads from the disk. */
  let deletions: Promise<void> = Promise.resolve();
  let underWay: { stop(): void } | null = null;
  let closing = false;
  const remove = async (paths: readonly string[]): Promise<void> => {
    pool ??= open();
    const handover = openHandover(async () => null);
    underWay = handover;
    if (closing) handover.stop();
    try {
      const { memory } = handover;
      const options = { name: 'runDeletion', transferList: [memory.port] };
      await (await pool).run({ paths, handover: memory }, options);
    } catch (error) {
      const what = 'could not delete what was retired; it is harmless and stays on disk';
      logger.warn({ job: 'delete', error: (error as Error).message }, what);
    } finally {
      handover.close();
      underWay = null;
    }
  };
  return {
    async readAhead(path, position, length) {
      await run({ kind: 'readAhead', path, position, length }, 'could not read ahead');
    },
    async flush(path) {
      pool ??= open();
      try {
        return await (await pool).run(path, { name: 'runSealedFlush' });
      } catch (error) {
        const what = 'could not flush a sealed segment; a start after a crash scans it';
        logger.warn({ path, error: (error as Error).message }, what);
        return null;
      }
    },
    delete(paths) {
      deletions = deletions.then(() => remove(paths));
      return deletions;
    },
    checkpoint(directory, progress) {
      const what = 'could not save where the logs stand; a start after a crash scans more';
      return run({ kind: 'checkpoint', directory, progress }, what);
    },
    probe: (directory) => run({ kind: 'probe', directory }, null),
    async compact(job, handover) {
      pool ??= open();
      return (await pool).run({ job, handover }, { name: 'runCompactionJob', transferList: [handover.port] });
    },
    async prepare(job) {
      pool ??= open();
      return (await pool).run(job, { name: 'runPreparation' });
    },
    async check(check, pace, handover) {
      pool ??= open();
      return (await pool).run({ check, pace, handover }, { name: 'runSegmentCheck', transferList: [handover.port] });
    },
    close: async () => {
      closing = true;
      underWay?.stop();
      await deletions;
      await (await pool)?.close();
    },
  };
}
