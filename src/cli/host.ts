/** What a verb may touch of the process that runs it; tests hand in their own. */

export interface Host {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How this program was called: `millrace`, or `node dist/src/main.js`. */
  readonly commandName: string;
  /** Calls `listener` at the first signal to stop; a second signal ends the process at once. */
  onStop(listener: (signal: 'SIGINT' | 'SIGTERM') => void): void;
}
