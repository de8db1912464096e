#!/usr/bin/env node
/** The process: argv to verbs, signals to an orderly stop, results to an exit code. Nothing below touches those. */
import { basename, relative } from 'node:path';
import type { Host } from './cli/host.js';
import { runCommandLine } from './cli/program.js';
import { shellWord } from './cli/shell-word.js';

/** What a shell reports for a program that a second Ctrl-C ended. */
const INTERRUPTED_EXIT_CODE = 130;

function commandName(): string {
  const entry = process.argv[1] ?? 'millrace';
  return basename(entry).startsWith('main.') ? `node ${shellWord(relative(process.cwd(), entry))}` : basename(entry);
}

const host: Host = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  commandName: commandName(),
  onStop(listener) {
    let stopping = false;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stopping) process.exit(INTERRUPTED_EXIT_CODE);
        stopping = true;
        listener(signal);
      });
    }
  },
};

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has what it wanted (`| head`): there is nobody left to tell.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), host);
