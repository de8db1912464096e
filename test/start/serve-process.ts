/** `millrace serve` as a process of its own: what it prints, how it ends. Test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { brokerEntry } from '../project-root.js';

/** Far longer than any start or stop takes: what hangs is killed, and then its exit code is null. */
const HUNG_AFTER_MS = 90_000;

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Instead of {@link serveCommand}; then in a process group of its own, as below a terminal. */
  readonly command?: readonly string[];
  /** Killed then; 90 s unless given. */
  readonly hungAfterMs?: number;
}

export const serveCommand: readonly string[] = [process.execPath, brokerEntry, 'serve'];

/** The environment of the test without settings that would reach the broker. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(KAFKA_|CLUSTER_ID)/.test(name)));
}

export class ServeProcess {
  stdout = '';
  stderr = '';
  /** When the process is gone and all its output was read. */
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #hasGroup: boolean;

  private constructor(args: readonly string[], { env, cwd, command, hungAfterMs }: ServeOptions) {
    const [program, ...front] = command ?? serveCommand;
    const child = spawn(program, [...front, ...args], {
      cwd,
      env: { ...plainEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: command !== undefined,
    });
    this.#child = child;
    this.#hasGroup = command !== undefined;
    const hung = setTimeout(() => this.killAll(), hungAfterMs ?? HUNG_AFTER_MS);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(hung);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }

  static spawn(t: TestContext, args: readonly string[], options: ServeOptions = {}): ServeProcess {
    const serve = new ServeProcess(args, options);
    t.after(async () => {
      serve.killAll();
      await serve.ended;
    });
    return serve;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ctrl-C: the terminal tells every process of the group. */
  interrupt(): Promise<Ended> {
    process.kill(-this.pid, 'SIGINT');
    return this.ended;
  }

  /** With what it started; does nothing where all are gone. */
  private killAll(): void {
    if (!this.#hasGroup) {
      this.kill('SIGKILL');
      return;
    }
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Resolves when stdout shows it; rejects where the process ends before. */
  async printed(words: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = words.exec(this.stdout);
      if (match !== null) return match;
      const what = await Promise.race([once(this.#child.stdout as NodeJS.ReadableStream, 'data'), this.ended]);
      if (!Array.isArray(what)) throw new Error(`it ended with ${what.code ?? what.signal}: ${what.stderr}`);
    }
  }

  /** Resolves with the address when the whole banner is there. */
  async listening(): Promise<string> {
    const [, address] = await this.printed(/^Millrace is listening on (\S+).*\n[\s\S]*^ {2}try .*\n/m);
    return address;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.kill(signal);
    return this.ended;
  }
}

/** Runs `serve` to its end: for starts that are refused. */
export function serveToEnd(t: TestContext, args: readonly string[], options?: ServeOptions): Promise<Ended> {
  return ServeProcess.spawn(t, args, options).ended;
}

/** Flags for a broker on any free port of the loopback address. */
export function flagsFor(folder: string, settings: Readonly<Record<string, string | number>> = {}): string[] {
  const all = { listeners: 'PLAINTEXT://127.0.0.1:0', 'log.dirs': folder, ...settings };
  return Object.entries(all).flatMap(([name, value]) => ['--override', `${name}=${value}`]);
}

/** Log lines of the broker: JSON on stderr, among warnings for people. */
export function logLines(stderr: string): { msg: string; [field: string]: unknown }[] {
  return stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}
