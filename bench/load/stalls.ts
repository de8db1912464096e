/** Reads what a watched broker tells of its event loop and its garbage collections. Runs in the process of `millrace bench`. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { seconds } from './closed-loop.js';
import { type LoopReading, stallFileVariable } from './stall-probe.js';

const probe = pathToFileURL(fileURLToPath(new URL('./stall-probe.js', import.meta.url))).href;

/** Node's flags for a broker that is watched. V8 itself tells of collections: threads that wait in Atomics.wait cannot. */
export const watchedFlags: readonly string[] = ['--trace-gc', '--import', probe];

export function watchedEnvironment(path: string): NodeJS.ProcessEnv {
  return { ...process.env, [stallFileVariable]: path };
}

/** Asks the broker to write and to begin anew; resolves with what it wrote. */
export async function takeReading(pid: number, path: string, check: () => void): Promise<LoopReading> {
  const before = lastSequence(path);
  process.kill(pid, 'SIGUSR2');
  while (lastSequence(path) === before) {
    check();
    await seconds(0.01);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as LoopReading;
}

function lastSequence(path: string): number {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as LoopReading).sequence : 0;
}

/** `[pid:isolate]   17 ms: Scavenge 3.2 (3.2) -> 2.8 (4.2) MB, 0.89 / 0.00 ms …`: the time since the isolate began, and how long it took. */
const collection = /^\[\d+:0x[0-9a-f]+\]\s+(\d+) ms: [^\n]*? MB, ([\d.]+) \//gm;

/**
 * Milliseconds that all threads together spent collecting between two times, which count from the start of the process:
 * threads that begin with it are late by little.
 */
export function collectingMs(trace: string, fromMs: number, toMs: number): number {
  let sum = 0;
  for (const [, at, took] of trace.matchAll(collection)) {
    if (Number(at) >= fromMs && Number(at) < toMs) sum += Number(took);
  }
  return sum;
}
