/** The process of a broker that the bench has started, and its folder. Runs in the process of `millrace bench`. */
import { rm } from 'node:fs/promises';
import type { FreshBroker } from './broker.js';
import { Child } from './child.js';

/** How a broker is started on its folder; the same each time. */
export interface Launch {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  readonly port: number;
  /** Holds all that the broker writes. */
  readonly home: string;
  /** Whether what it prints is kept. */
  readonly keepOutput?: boolean;
}

export class BrokerProcess implements FreshBroker {
  readonly host = '127.0.0.1';
  readonly port: number;
  protected readonly child: Child;
  private next: BrokerProcess | null = null;

  constructor(private readonly launch: Launch) {
    const { name, command, args, environment, port, keepOutput } = launch;
    this.port = port;
    this.child = new Child(name, command, args, environment);
    if (keepOutput) this.child.keepOutput();
    else this.child.discardOutput();
  }

  get pid(): number {
    return this.child.pid;
  }
  get startedMs(): number {
    return this.child.startedMs;
  }
  check(): void {
    this.child.check();
  }
  end(signal: NodeJS.Signals): Promise<void> {
    return this.child.end(signal);
  }
  startAgain(): FreshBroker {
    this.next = new BrokerProcess(this.launch);
    return this.next;
  }
  async close(): Promise<void> {
    await this.next?.close();
    await this.child.stop();
    await rm(this.launch.home, { recursive: true, force: true });
  }
}
