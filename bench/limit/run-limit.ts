/** Starts a limit program and drives it with the same load client that drives the brokers. Process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logLineBatch } from '../load/batches.js';
import type { Limit, LoadCell, LoadLimit, TimedLimit } from '../load/cell.js';
import { Child } from '../load/child.js';
import type { Job, JobResult } from '../load/job.js';
import { withinPageCache } from '../load/page-cache-room.js';
import { runBlaster } from '../load/run-blaster.js';

export function limitName(limit: Limit): string {
  switch (limit.kind) {
    case 'receive':
      return 'limit: receive, CRC, write';
    case 'echo':
      return 'limit: framed echo';
    case 'fetch':
      if (limit.way === 'copy') return 'limit: copied file';
      return limit.batchByBatch ? 'limit: sendfile of a file written by batches' : 'limit: sendfile';
    case 'flush':
      return 'limit: write and flush';
    case 'round-trip':
      return 'limit: echo, one at a time';
    case 'disk-read':
      return 'limit: file from the disk';
    case 'node':
      return 'limit: node -e 0';
    case 'recover':
      return 'limit: read and CRC';
  }
}

/** Files that a flush covers: one per partition, as when every partition has a batch waiting. */
const flushFiles = 16;
/** Stays in the page cache on any machine that runs the bench. */
const fetchFileBytes = 256 * 1024 * 1024;
const fetchBatchBytes = 64 * 1024;
const batchesPerWrite = 64;

export async function runLimit(
  limit: LoadLimit,
  cell: LoadCell,
  directory: string,
  seconds: number,
): Promise<JobResult> {
  const home = await mkdtemp(join(directory, 'limit-'));
  try {
    switch (limit.kind) {
      case 'flush': {
        const args = [home, flushFiles, limit.batchBytes, limit.batchesPerFile, seconds].map(String);
        const child = start('flush', args);
        return JSON.parse(await child.firstLine()) as JobResult;
      }
      case 'receive':
        return await driven('receive', [home], cell, seconds, (job) => {
          if (job.kind !== 'produce') throw new Error('only producing can be poured');
          return { ...job, kind: 'pour' };
        });
      case 'echo':
        return await driven('echo', [limitTopic], cell, seconds, (job) => {
          return job.kind === 'connections' ? { ...job, kind: 'produce', acks: 1 } : job;
        });
      case 'round-trip':
        return await driven('echo', [limitTopic], cell, seconds, (job) => {
          if (job.kind !== 'end-to-end') throw new Error('only what goes end to end is held against one round trip');
          return { ...job, kind: 'produce', connections: 1, inFlight: 1 };
        });
      case 'disk-read': {
        const child = start('disk-read', [home, String(diskReadBytes)]);
        return JSON.parse(await child.firstLine()) as JobResult;
      }
      case 'fetch': {
        const path = join(home, 'file');
        const batchBytes = await writeBatches(path, limit.batchByBatch ? 1 : batchesPerWrite);
        return await driven('fetch', [limitTopic, path, String(batchBytes), limit.way], cell, seconds, (job) => {
          if (job.kind !== 'fan-out') return job;
          return { ...job, kind: 'fetch', connections: job.consumers };
        });
      }
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Milliseconds from the start of the program to its end, or what the program itself says that it took. */
export async function runTimedLimit(limit: TimedLimit, directory: string): Promise<number> {
  if (limit.kind === 'node') {
    const startedMs = performance.now();
    const { status } = spawnSync(process.execPath, ['-e', '0']);
    if (status !== 0) throw new Error(`node -e 0 ended with ${status}`);
    return performance.now() - startedMs;
  }
  const home = await mkdtemp(join(directory, 'limit-'));
  try {
    return Number(await start('recover', [home, String(limit.bytes)]).firstLine());
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Enough to be read for some tenths of a second from a fast disk. */
const diskReadBytes = 1024 * 1024 * 1024;

const limitTopic = 'limit';

function start(program: string, args: readonly string[]): Child {
  const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url));
  return new Child(`limit ${program}`, process.execPath, [path, ...args]);
}

async function driven(
  program: string,
  args: readonly string[],
  cell: LoadCell,
  seconds: number,
  change: (job: Job) => Job,
): Promise<JobResult> {
  const child = start(program, args);
  try {
    const port = Number(await child.firstLine());
    const broker = { host: '127.0.0.1', port, pid: child.pid };
    const job = withinPageCache(cell.job({ broker, topic: limitTopic, loadedTopic: null, seconds }), cell);
    return await runBlaster(change(job));
  } finally {
    await child.stop();
  }
}

/** Fills the file with copies of one batch; returns the size of a copy. */
async function writeBatches(path: string, batchesAtOnce: number): Promise<number> {
  const { bytes } = logLineBatch(fetchBatchBytes, 1);
  const piece = Buffer.concat(Array.from({ length: batchesAtOnce }, () => bytes));
  const file = await open(path, 'w');
  for (let written = 0; written + piece.length <= fetchFileBytes; written += piece.length) await file.write(piece);
  await file.close();
  return bytes.length;
}
