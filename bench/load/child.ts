/** Child processes of the bench: started, watched, stopped. Runs in the process of `millrace bench`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';

export class Child {
  readonly startedMs = performance.now();
  private complaint = '';
  private kept = '';
  private readonly process: ChildProcess;
  private readonly exited: Promise<void>;
  private code: number | string | null = null;

  constructor(
    private readonly name: string,
    command: string,
    args: readonly string[],
    environment: NodeJS.ProcessEnv = process.env,
  ) {
    this.process = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(-4000);
    });
    this.exited = new Promise((resolve) => {
      this.process.once('error', (error) => {
        this.complaint += error.message;
        this.code = 'failed to start';
        resolve();
      });
      this.process.once('close', (code, signal) => {
        this.code = code ?? signal;
        resolve();
      });
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Resolves with the first line of stdout, rejects where the process ends before. What follows is thrown away. */
  firstLine(): Promise<string> {
    return new Promise((resolve, reject) => {
      let text = '';
      this.process.stdout?.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        const end = text.indexOf('\n');
        if (end >= 0) resolve(text.slice(0, end));
      });
      void this.exited.then(() => reject(this.ended()));
    });
  }

  /** Throws with what the process said last, where it has ended. */
  check(): void {
    if (this.code !== null) throw this.ended();
  }

  /** Discards what it prints, so that it never waits for a reader. */
  discardOutput(): this {
    this.process.stdout?.resume();
    return this;
  }

  /** From now on what it prints is in {@link output}. */
  keepOutput(): this {
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.kept += text;
    });
    return this;
  }

  get output(): string {
    return this.kept;
  }

  /** Sends the signal and waits for the end, however long that takes. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.code === null) this.process.kill(signal);
    await this.exited;
  }

  /** SIGTERM, and SIGKILL ten seconds later. */
  async stop(): Promise<void> {
    if (this.code !== null) return;
    this.process.kill('SIGTERM');
    const last = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
    await this.exited;
    clearTimeout(last);
  }

  private ended(): Error {
    return new Error(`${this.name} ended (${this.code}): ${this.complaint.trim() || 'it said nothing'}`);
  }
}

/** A port on the loopback address that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}
