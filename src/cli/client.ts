/** A small Kafka client over one connection to one broker: asks, waits, decodes. For the verbs of the command line. */
import { createConnection, type Socket } from 'node:net';
import { systemClock } from '../base/clock.js';
import type { ErrorName } from '../base/error-code.js';
import { errorTable } from '../base/error-code.js';
import { decodeResponse } from '../protocol/compile.js';
import { encodeRequestFrame, FRAME_PREFIX_BYTES, frameLength } from '../protocol/frame.js';
import { decodeResponseHeader } from '../protocol/header.js';
import { apiVersions } from '../protocol/messages/18-api-versions.js';
import type { Api, DecodedResponseOf, EncodableRequestOf, VersionRange } from '../protocol/schema.js';
import { Writer } from '../protocol/wire.js';
import { CliError } from './cli-error.js';

const CLIENT_ID = 'millrace-cli';
const REQUEST_TIMEOUT_MS = 30_000;
const DEFAULT_PORT = 9092;
/** A reply may be as large as the largest fetch that is asked for, and a first batch may be larger still. */
const REPLY_BYTES_MAX = 2 ** 31 - 1;

interface Waiting {
  readonly api: Api;
  readonly version: number;
  readonly resolve: (response: never) => void;
  readonly reject: (error: Error) => void;
  cancelTimer(): void;
}

export interface RequestOptions {
  /** Newest version to use, where a newer one wants what the caller does not have (topic ids). */
  readonly versionMax?: number;
  /** Beyond what the request itself asks the broker to wait. */
  readonly timeoutMs?: number;
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text.trim());
  if (!match) throw new CliError(`"${text}" is no address; it must be host:port.`);
  return { host: match[1] ?? match[2], port: match[3] === undefined ? DEFAULT_PORT : Number(match[3]) };
}

/** Throws a {@link CliError} that says what failed, where `error` is not NONE. */
export function checkError(error: ErrorName, message: string | null, doing: string): void {
  if (error !== 'NONE') throw new CliError(`${doing}: ${message || errorTable[error].sentence} (${error})`);
}

export class KafkaClient {
  readonly #address: string;
  readonly #socket: Socket;
  readonly #writer = new Writer();
  readonly #waiting = new Map<number, Waiting>();
  readonly #versions = new Map<number, VersionRange>();
  #correlationId = 0;
  #arrived: Buffer[] = [];
  #arrivedBytes = 0;
  #failure: Error | null = null;

  private constructor(address: string, socket: Socket) {
    this.#address = address;
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', (error) => this.#fail(new CliError(`The connection to ${address} failed: ${error.message}.`)));
    socket.on('close', () => this.#fail(new CliError(`${address} closed the connection.`)));
  }

  /** Connects to the first of `bootstrap` (host:port, with commas between) that listens. */
  static async connect(bootstrap: string): Promise<KafkaClient> {
    let failure: Error | null = null;
    for (const text of bootstrap.split(',')) {
      const { host, port } = parseAddress(text);
      try {
        const client = new KafkaClient(text.trim(), await dial(host, port));
        await client.#learnVersions();
        return client;
      } catch (error) {
        failure = error as Error;
      }
    }
    throw failure ?? new CliError('No address was given.');
  }

  /** Whether the broker knows `api` at all. */
  speaks(api: Api): boolean {
    return this.#versions.has(api.key);
  }

  /** The version in which both sides speak `api`. */
  versionOf(api: Api, versionMax = api.versions.max): number {
    // What is not advertised is asked for on trust: who does not know it closes the connection.
    if (!api.advertised) return api.versions.max;
    const theirs = this.#versions.get(api.key);
    const version = Math.min(versionMax, api.versions.max, theirs?.max ?? -1);
    if (!theirs || version < theirs.min || version < api.answeredFrom) {
      throw new CliError(`${this.#address} does not speak ${api.name} in a version that this program knows.`);
    }
    return version;
  }

  async request<A extends Api>(
    api: A,
    request: EncodableRequestOf<A>,
    { versionMax, timeoutMs = 0 }: RequestOptions = {},
  ): Promise<DecodedResponseOf<A>> {
    return this.#send(api, this.versionOf(api, versionMax), request, REQUEST_TIMEOUT_MS + timeoutMs);
  }

  /** Sends a request that is never answered (acks=0); resolves when the bytes have left. */
  async tell<A extends Api>(api: A, request: EncodableRequestOf<A>, versionMax?: number): Promise<void> {
    const frame = this.#frame(api, this.versionOf(api, versionMax), request);
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(frame, (error) => (error ? reject(error) : resolve()));
    });
  }

  close(): void {
    this.#failure = new CliError('The connection is closed.');
    this.#socket.destroy();
  }

  #frame<A extends Api>(api: A, version: number, request: EncodableRequestOf<A>): Buffer {
    if (this.#failure) throw this.#failure;
    this.#correlationId = (this.#correlationId + 1) | 0;
    const pieces = encodeRequestFrame(api, version, this.#correlationId, CLIENT_ID, request, this.#writer);
    // A client's request holds bytes only, never file ranges. The writer goes on behind them: they are not copied.
    return pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces as Buffer[]);
  }

  #send<A extends Api>(
    api: A,
    version: number,
    request: EncodableRequestOf<A>,
    timeoutMs: number,
  ): Promise<DecodedResponseOf<A>> {
    const frame = this.#frame(api, version, request);
    const correlationId = this.#correlationId;
    return new Promise((resolve, reject) => {
      const timer = systemClock.after(timeoutMs, () => {
        this.#fail(new CliError(`${this.#address} did not answer ${api.name} within ${timeoutMs / 1000} s.`));
      });
      this.#waiting.set(correlationId, { api, version, resolve, reject, cancelTimer: () => timer.cancel() });
      this.#socket.write(frame);
    });
  }

  async #learnVersions(): Promise<void> {
    const request = { clientSoftwareName: CLIENT_ID, clientSoftwareVersion: '1' };
    let answer = await this.#send(apiVersions, 3, request, REQUEST_TIMEOUT_MS);
    if (answer.errorCode === 'UNSUPPORTED_VERSION') {
      answer = await this.#send(apiVersions, 0, request, REQUEST_TIMEOUT_MS);
    }
    checkError(answer.errorCode, null, `${this.#address} does not say what it speaks`);
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
      this.#versions.set(apiKey, { min: minVersion, max: maxVersion });
    }
  }

  #receive(bytes: Buffer): void {
    this.#arrived.push(bytes);
    this.#arrivedBytes += bytes.length;
    try {
      for (;;) {
        if (this.#arrived[0].length < FRAME_PREFIX_BYTES) this.#joinArrived();
        const length = frameLength(this.#arrived[0], 0, this.#arrived[0].length, REPLY_BYTES_MAX);
        if (length === -1 || this.#arrivedBytes < FRAME_PREFIX_BYTES + length) return;
        const all = this.#joinArrived();
        this.#answer(all.subarray(FRAME_PREFIX_BYTES, FRAME_PREFIX_BYTES + length));
        const rest = all.subarray(FRAME_PREFIX_BYTES + length);
        this.#arrived = rest.length > 0 ? [rest] : [];
        this.#arrivedBytes = rest.length;
        if (rest.length === 0) return;
      }
    } catch (error) {
      this.#fail(new CliError(`${this.#address} answers what is not Kafka's protocol: ${(error as Error).message}.`));
    }
  }

  #joinArrived(): Buffer {
    const all = this.#arrived.length === 1 ? this.#arrived[0] : Buffer.concat(this.#arrived);
    this.#arrived = [all];
    return all;
  }

  #answer(frame: Buffer): void {
    const correlationId = frame.readInt32BE(0);
    const waiting = this.#waiting.get(correlationId);
    if (!waiting) throw new CliError(`it answers request ${correlationId}, which was never sent`);
    this.#waiting.delete(correlationId);
    waiting.cancelTimer();
    const { api, version, resolve } = waiting;
    const { bodyStart } = decodeResponseHeader(api, version, frame, 0, frame.length);
    resolve(decodeResponse(api, readableVersion(api, version, frame, bodyStart), frame, bodyStart) as never);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#socket.destroy();
    for (const { reject, cancelTimer } of this.#waiting.values()) {
      cancelTimer();
      reject(this.#failure);
    }
    this.#waiting.clear();
  }
}

/** A broker that does not know our version of ApiVersions says so in version 0 (KIP-511). */
function readableVersion(api: Api, version: number, frame: Buffer, bodyStart: number): number {
  const refused = api.key === apiVersions.key && frame.readInt16BE(bodyStart) === errorTable.UNSUPPORTED_VERSION.code;
  return refused ? 0 : version;
}

function dial(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port, noDelay: true });
    const refuse = (error: NodeJS.ErrnoException) => {
      const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      if (error.code === 'ECONNREFUSED') {
        reject(new CliError(`Nobody listens on ${where}. Is the broker running, and is this its address?`));
      } else if (error.code === 'ENOTFOUND') {
        reject(new CliError(`There is no host named ${host}.`));
      } else {
        reject(new CliError(`${where} cannot be reached: ${error.message}.`));
      }
    };
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.off('error', refuse);
      resolve(socket);
    });
  });
}

/** Connects, does `work`, and closes whatever happens. */
export async function withClient<Result>(
  bootstrap: string,
  work: (client: KafkaClient) => Promise<Result>,
): Promise<Result> {
  const client = await KafkaClient.connect(bootstrap);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
