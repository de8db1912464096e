#!/usr/bin/env node
/** Entry of the load bench: reads its flags, and loads the rest only when there is something to measure. */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readOptions } from './options.js';

/** For the command line, which is this process already. Resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const options = readOptions([...args]);
  const { bench } = await import('./bench.js');
  return bench(options);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
