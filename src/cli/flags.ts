/** The words that verbs are declared with: what every flag of a kind looks like, and how examples are shown. Command line. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Host } from './host.js';

const DEFAULT_BOOTSTRAP = '127.0.0.1:9092';

/** Where the server is; every verb that talks to one has it. */
export interface ServerFlags {
  readonly bootstrapServer: string;
}

export interface ListFlags extends ServerFlags {
  readonly json?: boolean;
}

export function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

/** `name=value` pairs in the order given; the last of a name wins. */
export function collectPair(text: string, earlier: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be name=value.');
  return { ...earlier, [text.slice(0, at).trim()]: text.slice(at + 1) };
}

export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${min}.`);
    }
    return value;
  };
}

export function examples(host: Host, ...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line.replaceAll('millrace ', `${host.commandName} `)}`).join('\n')}\n`;
}

export function withServer(command: Command): Command {
  return command.option('-b, --bootstrap-server <host:port>', 'the broker to ask', DEFAULT_BOOTSTRAP);
}

export const jsonFlag = ['--json', 'print JSON'] as const;

/** Runs what `action` resolves to and remembers its exit code. */
export type Run = (action: () => Promise<number>) => Promise<void>;
