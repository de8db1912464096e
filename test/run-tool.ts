/** Runs a client program of another language to its end, with input and output as text. Test process. */
import { spawn, spawnSync } from 'node:child_process';

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Killed when it runs longer: a hanging client must fail its own test, not the whole run. */
  readonly timeoutMs?: number;
  /** Sent SIGTERM when stdout so far satisfies this: for consumers that would wait for ever. */
  readonly until?: (stdout: string) => boolean;
}

const TIMEOUT_MS = 120_000;

export function runTool(command: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (options.until?.(stdout)) child.kill('SIGTERM');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    // A tool that ends before it has read all its input is judged by its exit code, not by a broken pipe.
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin.end(options.input ?? '');
  });
}

/** As {@link runTool}, but any exit code other than 0 is an error that carries the tool's own words. */
export async function mustRun(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
  const result = await runTool(command, args, options);
  if (result.code !== 0) {
    throw new Error(`${command} ${args.join(' ')} ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  }
  return result.stdout;
}

/** Whether `command` can be run at all. */
export function hasTool(command: string, ...versionArgs: string[]): boolean {
  return spawnSync(command, versionArgs, { stdio: 'ignore' }).error === undefined;
}
