/** The built broker as a real process on a free port and a temporary folder. Test process. */
import { existsSync } from 'node:fs';
import { freePort } from './free-port.js';
import { brokerEntry } from './project-root.js';
import { ServerProcess } from './server-process.js';
import { removeTemporaryFolder, temporaryFolder } from './temp-folder.js';

export type Overrides = Readonly<Record<string, string | number>>;

export interface BrokerOptions {
  /** Kafka settings that go to the server as they are. */
  readonly overrides?: Overrides;
  /** Serve this folder, which the caller removes, instead of a new one. */
  readonly dataDirectory?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the broker's: a tracer. */
  readonly under?: readonly string[];
}

export const brokerIsBuilt = existsSync(brokerEntry);
export const noBroker = `the broker is not built: ${brokerEntry} is absent`;

export class BrokerProcess {
  readonly bootstrap: string;
  readonly server: ServerProcess;
  readonly #ownsFolder: boolean;

  private constructor(
    readonly port: number,
    readonly dataDirectory: string,
    options: BrokerOptions,
  ) {
    this.#ownsFolder = options.dataDirectory === undefined;
    this.bootstrap = `127.0.0.1:${port}`;
    const settings: Record<string, string | number> = {
      listeners: `PLAINTEXT://127.0.0.1:${port}`,
      'log.dirs': dataDirectory,
      ...options.overrides,
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ['--override', `${key}=${value}`]);
    const [command, ...commandArgs] = [...(options.under ?? []), process.execPath, brokerEntry, 'serve', ...args];
    this.server = new ServerProcess({
      command,
      args: commandArgs,
      env: options.env,
      cwd: dataDirectory,
      ready: new RegExp(`127\\.0\\.0\\.1:${port}`),
    });
  }

  /** Not started yet. */
  static async create(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const folder = options.dataDirectory ?? temporaryFolder('broker');
    return new BrokerProcess(await freePort(), folder, options);
  }

  static async start(options: BrokerOptions = {}): Promise<BrokerProcess> {
    const broker = await BrokerProcess.create(options);
    await broker.start();
    return broker;
  }

  get stdout(): string {
    return this.server.stdout;
  }

  get stderr(): string {
    return this.server.stderr;
  }

  get pid(): number {
    return this.server.pid;
  }

  start(): Promise<void> {
    return this.server.start();
  }

  kill9(): Promise<void> {
    return this.server.kill9();
  }

  /** SIGTERM; the exit code. */
  stop(): Promise<number | null> {
    return this.server.stop();
  }

  restart(): Promise<void> {
    return this.server.restart();
  }

  /** Kills what runs and removes the temporary folder; for `t.after`. */
  async dispose(): Promise<void> {
    await this.server.kill9();
    if (this.#ownsFolder) removeTemporaryFolder(this.dataDirectory);
  }
}
