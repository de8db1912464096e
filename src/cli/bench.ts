/** `bench`: starts the load bench as a process of its own, so that it does not measure itself, and hands it all flags. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CliError } from './cli-error.js';
import type { Host } from './host.js';

const packageFolder = dirname(createRequire(import.meta.url).resolve('millrace/package.json'));
const entry = join(packageFolder, 'dist', 'bench', 'load', 'main.js');

/** Resolves with the bench's exit code. */
export function bench(args: readonly string[], host: Host): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [entry, ...args], { stdio: 'inherit' });
    host.onStop((signal) => child.kill(signal));
    child.on('error', (error) => reject(new CliError(`The bench cannot be started: ${error.message}.`)));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
