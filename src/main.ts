#!/usr/bin/env node
/** The process: argv to verbs, signals to an orderly stop, results to an exit code. Nothing below touches those. */
import { basename, relative } from 'node:path';
import { systemClock } from './base/clock.js';
import type { Host } from './cli/host.js';
import { runCommandLine } from './cli/program.js';
import { shellWord } from './cli/shell-word.js';

/** What a shell reports for a program that a second Ctrl-C ended. */
const INTERRUPTED_EXIT_CODE = 130;
/** Ctrl-C below `npm start` comes twice: the terminal tells the whole group, and npm passes on what it was told. */
const SAME_SIGNAL_MS = 1000;

function commandName(): string {
  const entry = process.argv[1] ?? 'millrace';
  // What npx runs lies on no one's path but its own.
  if (process.env.npm_command === 'exec') return 'npx millrace';
  return basename(entry).startsWith('main.') ? `node ${shellWord(relative(process.cwd(), entry))}` : basename(entry);
}

const host: Host = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  commandName: commandName(),
  onStop(listener) {
    let stoppingSinceMs: number | null = null;
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const nowMs = systemClock.monotonicMs();
        if (stoppingSinceMs === null) {
          stoppingSinceMs = nowMs;
          listener(signal);
        } else if (nowMs - stoppingSinceMs > SAME_SIGNAL_MS) process.exit(INTERRUPTED_EXIT_CODE);
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
