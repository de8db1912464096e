/** Starts a limit program and drives it with the same load client that drives the brokers. Process of `millrace bench`. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { logLineBatch } from '../load/batches.js';
import type { Limit, LoadCell } from '../load/cells.js';
import { Child } from '../load/child.js';
import type { Job, JobResult } from '../load/job.js';
import { runBlaster } from '../load/run-blaster.js';

export function limitName(limit: Limit): string {
  switch (limit.kind) {
    case 'receive':
      return 'limit: receive, CRC, write';
    case 'echo':
      return 'limit: framed echo';
    case 'fetch':
      return limit.way === 'sendfile' ? 'limit: sendfile' : 'limit: copied file';
    case 'flush':
      return 'limit: write and flush';
  }
}

/** Files that a flush covers: one per partition, as when every partition has a batch waiting. */
const flushFiles = 16;
/** Stays in the page cache on any machine that runs the bench. */
const fetchFileBytes = 256 * 1024 * 1024;
const fetchBatchBytes = 64 * 1024;

export async function runLimit(limit: Limit, cell: LoadCell, directory: string, seconds: number): Promise<JobResult> {
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
        return await driven('echo', [limitTopic], cell, seconds, (job) => job);
      case 'fetch': {
        const path = join(home, 'file');
        const batchBytes = await writeBatches(path);
        return await driven('fetch', [limitTopic, path, String(batchBytes), limit.way], cell, seconds, (job) => job);
      }
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

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
    return await runBlaster(change(cell.job({ broker, topic: limitTopic, seconds })));
  } finally {
    await child.stop();
  }
}

/** Fills the file with copies of one batch; returns the size of a copy. */
async function writeBatches(path: string): Promise<number> {
  const { bytes } = logLineBatch(fetchBatchBytes, 1);
  const piece = Buffer.concat(Array.from({ length: 64 }, () => bytes));
  const file = await open(path, 'w');
  for (let written = 0; written + piece.length <= fetchFileBytes; written += piece.length) await file.write(piece);
  await file.close();
  return bytes.length;
}
