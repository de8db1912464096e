/** What network tests stand on: a server over a given dispatch, clients that speak bytes, and files to send from. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import type { Congestion } from '../../src/base/congestion.js';
import type { Logger } from '../../src/base/logger.js';
import type { Backpressure } from '../../src/network/backpressure.js';
import type { Answer, Asker, Dispatch } from '../../src/network/dispatch.js';
import type { SegmentFiles } from '../../src/network/response-pipe.js';
import { Server, type ServerLimits } from '../../src/network/server.js';
import { FakeClock } from '../base/fake-clock.js';

/** Descriptors counted, so that a test can say that none is left. */
export class CountedFiles implements SegmentFiles {
  readonly #users = new Map<string, { readonly fd: number; count: number }>();

  /** Descriptors; everybody who wants a file shares one. */
  get open(): number {
    return this.#users.size;
  }

  acquire({ path }: { readonly path: string }): number {
    let segment = this.#users.get(path);
    if (segment === undefined) {
      segment = { fd: openSync(path, 'r'), count: 0 };
      this.#users.set(path, segment);
    }
    segment.count++;
    return segment.fd;
  }

  release({ path }: { readonly path: string }, fd: number): void {
    const segment = this.#users.get(path);
    assert.equal(segment?.fd, fd, 'what is released was acquired');
    if (segment === undefined || --segment.count > 0) return;
    this.#users.delete(path);
    closeSync(fd);
  }
}

export class ManualBackpressure implements Backpressure, Congestion {
  /** Nobody is to be read. */
  congested = false;
  /** What the next request turns out to be too much for. */
  filled: Congestion | null = null;
  #listeners: (() => void)[] = [];
  get congestion(): Congestion | null {
    return this.congested ? this : null;
  }
  takeFilled(): Congestion | null {
    const { filled } = this;
    this.filled = null;
    return filled;
  }
  onRelieved(listener: () => void): void {
    this.#listeners.push(listener);
  }
  get waiting(): number {
    return this.#listeners.length;
  }
  relieve(): void {
    this.congested = false;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

export interface LogLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** Keeps lines, and lets a test wait for one. */
export class LineLogger implements Logger {
  readonly lines: LogLine[] = [];
  #waiting: { pattern: RegExp; resolve: (line: LogLine) => void }[] = [];
  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }
  /** The line that must be there by now. */
  said(pattern: RegExp): LogLine {
    const found = this.lines.find(({ message }) => pattern.test(message));
    assert.ok(found, `no line matches ${pattern} among:\n${this.lines.map(({ message }) => message).join('\n')}`);
    return found;
  }
  async line(pattern: RegExp): Promise<LogLine> {
    const found = this.lines.find(({ message }) => pattern.test(message));
    return found ?? new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }
  #add(level: string, fields: object, message: string): void {
    const line = { level, fields: fields as Record<string, unknown>, message };
    this.lines.push(line);
    this.#waiting = this.#waiting.filter(({ pattern, resolve }) => {
      if (!pattern.test(message)) return true;
      resolve(line);
      return false;
    });
  }
}

export class TestNode {
  readonly clock = new FakeClock();
  readonly logger = new LineLogger();
  readonly files = new CountedFiles();
  readonly backpressure = new ManualBackpressure();
  readonly server: Server;
  readonly clients: Socket[] = [];

  constructor(dispatch: Dispatch, limits: Partial<ServerLimits> = {}) {
    this.server = new Server({
      listeners: [{ name: 'PLAINTEXT', host: '127.0.0.1', port: 0 }],
      dispatch,
      files: this.files,
      backpressure: this.backpressure,
      clock: this.clock,
      logger: this.logger,
      limits,
    });
  }

  /** Runs `work` against a started node, and puts everything away afterwards. */
  static async run(
    dispatch: Dispatch,
    limits: Partial<ServerLimits>,
    work: (node: TestNode) => Promise<void>,
  ): Promise<void> {
    const node = new TestNode(dispatch, limits);
    await node.server.start();
    try {
      await work(node);
    } finally {
      for (const client of node.clients) client.destroy();
      const closed = node.server.close();
      node.clock.advance(10_000);
      await closed;
    }
  }

  get port(): number {
    return this.server.addresses[0].port;
  }

  async client(): Promise<Client> {
    const socket = connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.clients.push(socket);
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    return new Client(socket);
  }
}

/** Reads whole frames, in order. */
export class Client {
  #chunks: Buffer[] = [];
  #length = 0;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake?.();
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wake?.();
      });
    }
  }

  /** The next frame without its length; null where the connection ends first. */
  /** Bytes that no frame was taken of yet. */
  get arrived(): number {
    return this.#length;
  }

  async frame(): Promise<Buffer | null> {
    for (;;) {
      if (this.#length >= 4) {
        const end = 4 + this.#gather(4).readInt32BE(0);
        if (this.#length >= end) {
          const bytes = this.#gather(end);
          this.#chunks[0] = bytes.subarray(end);
          this.#length -= end;
          return bytes.subarray(4, end);
        }
      }
      if (this.#ended) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Makes the first chunk at least `count` bytes long; joined only then, as large frames come in thousands of chunks. */
  #gather(count: number): Buffer {
    if (this.#chunks[0].length < count) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0];
  }

  /** Waits until the other side has closed. */
  async closed(): Promise<void> {
    while (!this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

export function frame(body: Buffer | string): Buffer {
  const bytes = Buffer.from(body as string);
  const prefix = Buffer.alloc(4);
  prefix.writeInt32BE(bytes.length);
  return Buffer.concat([prefix, bytes]);
}

/** Answers every request with its own bytes, as a dispatch that copies what it keeps. */
export function echo(buffer: Buffer, start: number, end: number, _asker: Asker): Answer {
  return [frame(Buffer.from(buffer.subarray(start, end)))];
}

/** Lets everything that is due in the event loop happen, a few rounds of it. */
export async function turns(count = 20): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
