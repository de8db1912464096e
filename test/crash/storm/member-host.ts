/** A process that plays members of groups as it is told: orders and events are JSON lines on its stdin and stdout. Test process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { MemberEvent } from '../../history/ownership.js';

/** How a member takes part. */
export interface Membership {
  readonly group: string;
  readonly protocol: 'classic' | 'consumer';
  /** By its name among clients (classic) or in the broker (consumer). */
  readonly assignor: string;
  /** Of a static member. */
  readonly instance: string | null;
}

export type Order =
  | ({ readonly do: 'start'; readonly member: string } & Membership)
  | { readonly do: 'stop'; readonly member: string }
  /** Only the Java program produces: from `produce` until `finish`, which it answers with `produced`. */
  | { readonly do: 'produce' | 'finish' };

export type HostEvent =
  | MemberEvent
  | ({ readonly atMs: number; readonly member: string } & (
      | { readonly tells: 'ready' | 'stopped' }
      | { readonly tells: 'wrong'; readonly text: string }
      /** How many records each partition has got. */
      | { readonly tells: 'produced'; readonly ends: readonly number[] }
    ));

/** On the clock that all processes of the machine share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class MemberHost {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly ready: Promise<void>;
  #complaint = '';

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    onEvent: (event: HostEvent) => void,
  ) {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    // A broken pipe follows from an end that is told below.
    child.stdin.on('error', () => undefined);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-4_000);
    });
    const lines = createInterface({ input: child.stdout });
    this.#ended = Promise.all([once(child, 'close'), once(lines, 'close')]);
    this.ready = new Promise((resolve, reject) => {
      lines.on('line', (line) => {
        // Libraries have words of their own.
        if (!line.startsWith('{')) return;
        const event = JSON.parse(line) as HostEvent;
        if (event.tells === 'ready') resolve();
        else onEvent(event);
      });
      void this.#ended.then(() => reject(new Error(`${name} ended: ${this.#complaint}`)));
    });
  }

  tell(order: Order): void {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** Resolves when all that it had said is heard. */
  async kill9(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
