/**
 * The side-job pool: deleting, reading ahead, compacting, checking, and looking into batches, off the main thread and off every
 * shard. Main thread.
 *
 * Piscina hosts these and not the shards: side jobs are what it is made for (many short tasks, threads that come and go,
 * a queue), while a shard is one task that never ends, whose thread must be known by name, restarted alone, and told
 * apart from its neighbours when it dies.
 *
 * A disk that hangs keeps a thread for each job that was begun on it. So each folder of log.dirs has a share of the threads: what
 * is to be done in it beyond those waits in front of the pool, and none of it in front of another folder's.
 */
import fastq from 'fastq';
import type { Piscina } from 'piscina';
import type { Clock } from '../base/clock.js';
import type { CompactionJob, CompactionOutcome } from '../base/compaction-plan.js';
import type { Logger } from '../base/logger.js';
import type { SealedFlush, SealedFlushJob } from '../base/sealed-flush.js';
import type { CheckPace, DamagedRange, SegmentCheck } from '../base/segment-check.js';
import type { PreparationJob, PreparationOutcome } from '../record/batch-preparation.js';
import type { HandoverMemory } from '../ring/handover.js';
import { type DeletionJob, Deletions } from './deletions.js';
import { isBelow } from './lingering-files.js';

export interface SideJobs {
  /** Resolves when the range lies in the page cache (or could not be read: sending it will tell why); `fd` stays open until then. */
  readAhead(path: string, fd: number, position: number, length: number): Promise<void>;
  /**
   * Deletes files and folders that lie in one folder of log.dirs, those of it that were given before first and all of them
   * gently; failures are logged.
   */
  delete(paths: readonly string[]): Promise<void>;
  /** What is to be deleted in the folder by now goes without pauses: its disk is full. */
  hurryDeletions(folder: string): void;
  /** Brings a sealed segment to disk; null where that could not be tried, or nobody needs it any more. */
  flush(job: SealedFlushJob): Promise<SealedFlush | null>;
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

/** For each folder, beside those that are there to compact, check or prepare batches, which are at it for long. */
const SHORT_JOB_THREADS = 2;

/** After a thread could not be had: what waits for one is tried again. */
const THREAD_RETRY_MS = 500;

/** Of one folder of log.dirs. */
interface Lane {
  readonly folder: string;
  /** What waits for a thread, and is begun in order. */
  readonly jobs: fastq.queueAsPromised<() => Promise<unknown>, unknown>;
  readonly deletions: Deletions;
}

export interface SideJobsOptions {
  readonly entry: URL;
  readonly threads: SideJobThreads;
  /** Of log.dirs. */
  readonly folders: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createSideJobs({ entry, threads, folders, clock, logger }: SideJobsOptions): SideJobs {
  const longJobThreads = threads.compacting + threads.checking + threads.preparing;
  const share = SHORT_JOB_THREADS + Math.floor(longJobThreads / folders.length);
  const lanes = folders.map((folder): Lane => {
    const jobs = fastq.promise((job: () => Promise<unknown>) => job(), share);
    return { folder, jobs, deletions: new Deletions(clock, (job) => jobs.push(() => remove(job)) as Promise<void>) };
  });
  const laneOf = (path: string): Lane =>
    lanes.find(({ folder }) => path === folder || isBelow(path, folder)) ?? lanes[0];
  /** Runs what touches the disk that `path` lies on, when that disk's turn is. */
  const inLane = <T>(path: string, job: () => Promise<T>): Promise<T> => laneOf(path).jobs.push(job) as Promise<T>;
  // Loaded and made at first use: a start does not wait for it, an idle broker has no thread for it.
  let pool: Promise<Piscina> | null = null;
  const open = async (): Promise<Piscina> => {
    const { Piscina } = await import('piscina').catch((error) => {
      // Without descriptors not even its code can be read; the next job tries again.
      pool = null;
      throw error;
    });
    const maxThreads = SHORT_JOB_THREADS * folders.length + longJobThreads;
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
  let closing = false;
  const remove = async (job: DeletionJob): Promise<void> => {
    pool ??= open();
    try {
      await (await pool).run(job, { name: 'runDeletion', transferList: [job.handover.port] });
    } catch (error) {
      const what = 'could not delete what was retired; it is harmless and stays on disk';
      logger.warn({ job: 'delete', error: (error as Error).message }, what);
    }
  };
  const flush = async (job: SealedFlushJob): Promise<SealedFlush | null> => {
    pool ??= open();
    try {
      return await (await pool).run(job, { name: 'runSealedFlush' });
    } catch (error) {
      const what = 'could not flush a sealed segment; a start after a crash scans it';
      logger.warn({ path: job.path, error: (error as Error).message }, what);
      return null;
    }
  };
  return {
    async readAhead(path, fd, position, length) {
      await inLane(path, () => run({ kind: 'readAhead', fd, position, length }, 'could not read ahead'));
    },
    flush: (job) => inLane(job.path, () => flush(job)),
    delete: (paths) => laneOf(paths[0]).deletions.add(paths),
    hurryDeletions: (folder) => laneOf(folder).deletions.hurry(),
    checkpoint(directory, progress) {
      const what = 'could not save where the logs stand; a start after a crash scans more';
      return inLane(directory, () => run({ kind: 'checkpoint', directory, progress }, what));
    },
    probe: (directory) => inLane(directory, () => run({ kind: 'probe', directory }, null)),
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
      await Promise.all(lanes.map(({ deletions }) => deletions.end()));
      await (await pool)?.close();
    },
  };
}
