/** Runs verbs of the command line inside the test process and keeps what they print. */
import { Readable, Writable } from 'node:stream';
import type { Host } from '../../src/cli/host.js';
import { runCommandLine } from '../../src/cli/program.js';

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Collected extends Writable {
  readonly #chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#chunks.push(Buffer.from(chunk));
    done();
  }

  get text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

export async function millrace(args: readonly string[], input: string | readonly Buffer[] = ''): Promise<Outcome> {
  const stdout = new Collected();
  const stderr = new Collected();
  const chunks = typeof input === 'string' ? [Buffer.from(input)] : input;
  const host: Host = {
    stdin: Readable.from(chunks, { objectMode: false }),
    stdout,
    stderr,
    env: {},
    commandName: 'millrace',
    onStop: () => undefined,
  };
  const exitCode = await runCommandLine(args, host);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}
