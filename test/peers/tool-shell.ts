/** Kafka's command line tools, many of them in one Java process. Test process. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../project-root.js';
import type { ToolResult } from '../run-tool.js';
import { kafkaClassPath } from './apache-kafka.js';

const shell = join(projectRoot, 'test/clients/java/ToolShell.java');
const END = /^exit (-?\d+)\n/m;

export class ToolShell {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';
  #complaints = '';
  #onOutput: () => void = () => undefined;

  constructor() {
    this.#child = spawn('java', ['-XX:TieredStopAtLevel=1', '-cp', kafkaClassPath(), shell]);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text;
      this.#onOutput();
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints += text;
    });
    this.#child.once('close', () => this.#onOutput());
    this.#child.stdin.on('error', () => this.#onOutput());
  }

  /** One at a time. `stdout` holds what the tool said to both of its outputs, in order. */
  async run(tool: string, args: readonly string[]): Promise<ToolResult> {
    this.#child.stdin.write(`${[tool, ...args].join('\t')}\n`);
    for (;;) {
      const end = END.exec(this.#output);
      if (end) {
        const stdout = this.#output.slice(0, end.index);
        this.#output = this.#output.slice(end.index + end[0].length);
        return { code: Number(end[1]), stdout, stderr: '' };
      }
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
        throw new Error(`the virtual machine ended during ${tool} ${args.join(' ')}\n${this.#complaints}`);
      }
      await new Promise<void>((resolve) => {
        this.#onOutput = resolve;
      });
    }
  }

  /** SIGKILL: nothing that it holds is worth waiting for. */
  close(): void {
    this.#child.kill('SIGKILL');
  }
}
