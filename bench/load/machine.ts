/** The machine of a run, and how noisy it is. Runs in the process of `millrace bench`. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
  readonly loadAverage: number;
}

export function machine(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: `${type()} ${release()}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    loadAverage: loadavg()[0],
  };
}

/** Has everything written that waits to be. */
export function syncDisks(): void {
  spawnSync('sync');
}

/** Forgets what the page cache holds of files; what is still to be written is written before. False where we may not. */
export function emptyPageCache(): boolean {
  syncDisks();
  try {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

const meterMs = 100;

/** The longest time in milliseconds for which a spinning loop was kept from running, within a tenth of a second. */
export function noiseMs(): number {
  const endMs = performance.now() + meterMs;
  let longest = 0;
  for (let last = performance.now(); last < endMs; ) {
    const now = performance.now();
    if (now - last > longest) longest = now - last;
    last = now;
  }
  return longest;
}
