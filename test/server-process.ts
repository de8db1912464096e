/** A server under test as a child process: started until it says it is ready, stopped or killed, never left behind. Test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The server serves once its stdout has shown this. */
  readonly ready: RegExp;
}

const alive = new Set<ChildProcess>();

function killAll(): void {
  for (const child of alive) child.kill('SIGKILL');
}
process.on('exit', killAll);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.on(signal, () => {
    killAll();
    process.exit(1);
  });
}

const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
const START_TIMEOUT_MS = 60_000;

export class ServerProcess {
  stdout = '';
  stderr = '';
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(private readonly command: ServerCommand) {}

  /** Of the running process; throws when it is not running. */
  get pid(): number {
    if (!this.#child?.pid) throw new Error('the server is not running');
    return this.#child.pid;
  }

  get running(): boolean {
    return this.#child !== null;
  }

  /** Resolves when the server has printed its ready line; rejects with its output when it ends before. */
  async start(): Promise<void> {
    if (this.#child) throw new Error('the server is running already');
    const { command, args, env, cwd, ready } = this.command;
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    alive.add(child);
    let sinceStart = '';
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        alive.delete(child);
        if (this.#child === child) this.#child = null;
        resolve();
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_CHARS_MAX);
    });
    // A server that neither serves nor ends must fail its test, not hold up the whole run.
    const tooLate = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        reject(new Error(`the server ended (${code ?? signal}) before it was ready\n${sinceStart}\n${this.stderr}`));
      });
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        this.stdout = (this.stdout + text).slice(-OUTPUT_CHARS_MAX);
        sinceStart = (sinceStart + text).slice(-OUTPUT_CHARS_MAX);
        if (ready.test(sinceStart)) resolve();
      });
    }).finally(() => clearTimeout(tooLate));
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill9(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM; resolves with the exit code when the process has ended. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (!child) return null;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const [code] = await closed;
    await this.#exited;
    return code as number | null;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
