/** What is to befall a shard's thread, and how it is told: a file in a folder that test and broker share. Test process and broker. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../project-root.js';
import { temporaryFolder } from '../../temp-folder.js';

export const FAULT_FILE = 'fault.json';
export const WRITER_PREFIX = 'writer-of-';
export const DEATH_FILE = 'died-at';

/** `path` is a part of the log file's path at which it happens. */
export type ThreadFault = { readonly path: string } & (
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'throw' | 'exit' | 'heap'; readonly when: 'before the write' | 'after the flush' }
);

const PRELOADED = pathToFileURL(join(projectRoot, 'dist', 'test', 'crash', 'lab', 'thread-faults.js')).href;

/** The test's end of it. */
export class ThreadFaults {
  readonly #folder = temporaryFolder('faults');
  readonly #file = join(this.#folder, FAULT_FILE);

  /** For the broker's process. `heapMiB` bounds what each of its threads may hold, so that one can run out of it. */
  environment(heapMiB?: number): Readonly<Record<string, string>> {
    const heap = heapMiB === undefined ? '' : ` --max-old-space-size=${heapMiB}`;
    return { MILLRACE_TEST_FAULTS: this.#folder, NODE_OPTIONS: `--import=${PRELOADED}${heap}` };
  }

  /** From now on; a death happens once. */
  begin(fault: ThreadFault): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(fault));
    renameSync(`${this.#file}.new`, this.#file);
  }

  end(): void {
    rmSync(this.#file, { force: true });
  }

  /** When a thread began to die as it was told to, in milliseconds since 1970; of the last one. */
  get diedAtMs(): number {
    return Number(readFileSync(join(this.#folder, DEATH_FILE), 'utf8'));
  }

  /** Which thread of the system writes a partition (`logs-3`). */
  writerOf(partition: string): number {
    return Number(readFileSync(join(this.#folder, WRITER_PREFIX + partition), 'utf8'));
  }
}
