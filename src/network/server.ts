/** Listens, takes connections in within limits, watches their time, and lets them go at shut-down. Main thread. */
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type { Clock, TimerHandle } from '../base/clock.js';
import type { Congestion } from '../base/congestion.js';
import { available, missing, setCongestionControl, setSendBuffer } from '../base/libc.js';
import type { Logger } from '../base/logger.js';
import { KiB, MiB } from '../base/units.js';
import type { Backpressure } from './backpressure.js';
import { Connection, type ConnectionShare, type Limits } from './connection.js';
import type { Dispatch } from './dispatch.js';
import { FrameBuffers } from './frame-buffers.js';
import type { SegmentFiles } from './response-pipe.js';
import { SendTurns } from './send-turns.js';
import { StagingBuffers } from './staging-buffers.js';

/** An address to listen on. */
export interface ListenAddress {
  readonly name: string;
  /** Empty: every interface. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface ServerLimits extends Limits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** -1 leaves it to the kernel. */
  readonly sendBufferBytes: number;
  readonly backlog: number;
  /** Of requests that have not arrived whole, all connections together. */
  readonly incompleteBytesMax: number;
}

/** As Kafka's settings of the same meaning, where it has them. */
export const DEFAULT_LIMITS: ServerLimits = {
  frameBytesMax: 100 * MiB,
  idleMs: 600_000,
  frameProgressMs: 30_000,
  connectionsMax: 2 ** 31 - 1,
  connectionsPerAddressMax: 2 ** 31 - 1,
  sendBufferBytes: 100 * KiB,
  backlog: 50,
  incompleteBytesMax: 256 * MiB,
};

/** The settings that limits come from. */
type LimitSetting =
  | 'socket.request.max.bytes'
  | 'connections.max.idle.ms'
  | 'max.connections'
  | 'max.connections.per.ip'
  | 'socket.send.buffer.bytes'
  | 'socket.listen.backlog.size';

export function limitsFrom(config: { get(name: LimitSetting): number }): ServerLimits {
  return {
    frameBytesMax: config.get('socket.request.max.bytes'),
    idleMs: config.get('connections.max.idle.ms'),
    frameProgressMs: DEFAULT_LIMITS.frameProgressMs,
    connectionsMax: config.get('max.connections'),
    connectionsPerAddressMax: config.get('max.connections.per.ip'),
    sendBufferBytes: config.get('socket.send.buffer.bytes'),
    backlog: config.get('socket.listen.backlog.size'),
    incompleteBytesMax: DEFAULT_LIMITS.incompleteBytesMax,
  };
}

export interface ServerOptions {
  readonly listeners: readonly ListenAddress[];
  readonly dispatch: Dispatch;
  readonly files: SegmentFiles;
  readonly backpressure: Backpressure;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits>;
}

const LANDING_BYTES = 256 * KiB;
const KEEP_ALIVE_MS = 60_000;
const SWEEP_MS_MIN = 100;
const SWEEP_MS_MAX = 5_000;
const DRAIN_MS = 2_000;

/** Of Node's own: what an accepted socket stands on. */
interface TcpHandle {
  readonly fd: number;
  close(): void;
}

export class Server {
  readonly #options: ServerOptions;
  readonly #limits: ServerLimits;
  readonly #share: ConnectionShare;
  readonly #listening: NetServer[] = [];
  readonly #bound: ListenAddress[] = [];
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  #toFlush: Connection[] = [];
  /** Connections that are not read, by what they wait for. */
  readonly #held = new Map<Congestion, Set<Connection>>();
  #sweep: TimerHandle | null = null;
  #lastConnectionId = 0;
  #refusedSinceSweep = 0;
  #closing = false;
  #onEmpty: (() => void) | null = null;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#share = {
      dispatch: options.dispatch,
      landing: Buffer.allocUnsafeSlow(LANDING_BYTES),
      frames: new FrameBuffers(this.#limits.incompleteBytesMax),
      files: options.files,
      staging: new StagingBuffers(),
      turns: new SendTurns(),
      sendBufferBytes: this.#limits.sendBufferBytes,
      backpressure: options.backpressure,
      clock: options.clock,
      logger: options.logger,
      limits: this.#limits,
      flushSoon: (connection) => this.#flushSoon(connection),
      holdUntilRelieved: (connection, congestion) => this.#holdUntilRelieved(connection, congestion),
      onClosed: (connection) => this.#onClosed(connection),
    };
  }

  /** Where it listens, with the ports that were taken; empty before {@link start}. */
  get addresses(): readonly ListenAddress[] {
    return this.#bound;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Listens on every address. Rejects with a sentence where one cannot be had; then it listens on none. */
  async start(): Promise<void> {
    if (!available.sendfile) this.#options.logger.info({}, `File ranges are copied to sockets: ${missing()}.`);
    try {
      for (const address of this.#options.listeners) this.#bound.push(await this.#listen(address));
    } catch (error) {
      for (const server of this.#listening) server.close();
      this.#bound.length = 0;
      throw error;
    }
  }

  /** Takes in nobody new, answers what was asked for already, for at most `drainMs`, and closes every connection. */
  async close(drainMs: number = DRAIN_MS): Promise<void> {
    this.#closing = true;
    for (const server of this.#listening) server.close();
    for (const connection of [...this.#connections]) connection.drain();
    if (this.#connections.size > 0) {
      const { promise, resolve } = withResolver();
      this.#onEmpty = resolve;
      const deadline = this.#options.clock.after(drainMs, () => {
        for (const connection of [...this.#connections]) connection.close('info', 'the broker shuts down');
      });
      await promise;
      deadline.cancel();
    }
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  #listen(address: ListenAddress): Promise<ListenAddress> {
    const { name, host, port } = address;
    const options = { pauseOnConnect: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS };
    const server = createServer(options, (socket) => this.#accept(name, socket));
    this.#listening.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(listenError(address, error)));
      server.listen({ port, backlog: this.#limits.backlog, ...(host === '' ? {} : { host }) }, () => {
        server.removeAllListeners('error');
        server.on('error', (error) =>
          this.#options.logger.error({ err: error }, 'A connection could not be accepted.'),
        );
        this.#setSendBuffer(server);
        const bound = server.address();
        resolve({ name, host, port: typeof bound === 'object' && bound !== null ? bound.port : port });
      });
    });
  }

  /** On the socket that listens: those that it accepts inherit the size, so no connection costs a call. */
  #setSendBuffer(server: NetServer): void {
    const { sendBufferBytes } = this.#limits;
    const handle = (server as unknown as { _handle: TcpHandle | null })._handle;
    if (sendBufferBytes < 0 || handle === null || !available.setsockopt) return;
    const result = setSendBuffer(handle.fd, sendBufferBytes);
    if (result < 0) this.#options.logger.warn({ errno: -result }, 'The send buffer keeps the size the kernel gave it.');
  }

  #accept(listener: string, accepted: Socket): void {
    const holder = accepted as unknown as { _handle: TcpHandle | null };
    const address = accepted.remoteAddress;
    const handle = holder._handle;
    // A client that has gone again already has no address.
    if (handle === null || address === undefined || !this.#mayEnter(address)) {
      accepted.on('error', ignoreFarewell);
      accepted.destroy();
      return;
    }
    // From here on the handle is the connection's; what Node wrapped it in must not close it.
    holder._handle = null;
    const connection = new Connection(++this.#lastConnectionId, listener, handle, this.#share);
    if (staysHere(connection)) setUnpaced(handle.fd);
    this.#connections.add(connection);
    this.#perAddress.set(connection.clientHost, (this.#perAddress.get(connection.clientHost) ?? 0) + 1);
    if (this.#sweep === null) this.#scheduleSweep();
  }

  #mayEnter(address: string): boolean {
    const { connectionsMax, connectionsPerAddressMax } = this.#limits;
    if (this.#closing) return false;
    let bound = '';
    if (this.#connections.size >= connectionsMax) bound = `${connectionsMax} connections are open (max.connections)`;
    const client = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
    if ((this.#perAddress.get(client) ?? 0) >= connectionsPerAddressMax) {
      bound = `${client} has ${connectionsPerAddressMax} connections open (max.connections.per.ip)`;
    }
    if (bound === '') return true;
    // One line per sweep: a client that is refused comes back at once.
    if (this.#refusedSinceSweep++ === 0) this.#options.logger.warn({ client }, `connection refused: ${bound}`);
    return false;
  }

  #onClosed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    for (const held of this.#held.values()) held.delete(connection);
    const left = (this.#perAddress.get(connection.clientHost) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(connection.clientHost, left);
    else this.#perAddress.delete(connection.clientHost);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #flushSoon(connection: Connection): void {
    if (this.#toFlush.length === 0) process.nextTick(this.#flush);
    this.#toFlush.push(connection);
  }

  readonly #flush = (): void => {
    const connections = this.#toFlush;
    this.#toFlush = [];
    for (const connection of connections) connection.flushReady();
  };

  #holdUntilRelieved(connection: Connection, congestion: Congestion): void {
    const held = this.#held.get(congestion);
    if (held !== undefined) {
      held.add(connection);
      return;
    }
    const waiting = new Set([connection]);
    this.#held.set(congestion, waiting);
    congestion.onRelieved(() => {
      this.#held.delete(congestion);
      for (const one of [...waiting]) one.onRelieved();
    });
  }

  #scheduleSweep(): void {
    const { idleMs, frameProgressMs } = this.#limits;
    const shortestMs = Math.min(idleMs < 0 ? frameProgressMs : idleMs, frameProgressMs);
    const everyMs = Math.min(Math.max(shortestMs / 4, SWEEP_MS_MIN), SWEEP_MS_MAX);
    this.#sweep = this.#options.clock.after(everyMs, () => {
      this.#sweep = null;
      const nowMs = this.#options.clock.monotonicMs();
      for (const connection of [...this.#connections]) connection.sweep(nowMs);
      this.#share.frames.trim();
      if (this.#refusedSinceSweep > 1) {
        this.#options.logger.warn({ refused: this.#refusedSinceSweep }, 'more connections were refused');
      }
      this.#refusedSinceSweep = 0;
      // Nobody to watch, nothing to wake up for.
      if (this.#connections.size > 0 && !this.#closing) this.#scheduleSweep();
    });
  }
}

function withResolver(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** What goes to an address of this machine never leaves it, also where that is not the loopback address. */
function staysHere({ clientHost, localHost }: Connection): boolean {
  return clientHost === localHost || clientHost.startsWith('127.') || clientHost === '::1';
}

/**
 * A machine may be set to a congestion control that measures the path and paces what is sent (bbr). On the way to oneself there
 * is nothing to find out, and it costs: replies of 1 MiB went at 2.1 or at 4.5 GB/s for minutes on end, now always at the higher
 * pace; fan-out to ten at 3.8 instead of 3.2 GB/s. Where it is refused, all stays as it is, which is no harm.
 */
function setUnpaced(fd: number): void {
  if (available.setsockopt) setCongestionControl(fd, 'reno');
}

/** A connection that was never taken in may still fail while it is closed; nobody is left to be told. */
function ignoreFarewell(): void {}

function listenError({ host, port }: ListenAddress, error: NodeJS.ErrnoException): Error {
  const where = `${host === '' ? 'every interface' : host}, port ${port}`;
  const sentences: Record<string, string> = {
    EADDRINUSE: `${where}: another program listens there already`,
    EACCES: `${where}: this user may not listen there`,
    EADDRNOTAVAIL: `${where}: this machine has no such address`,
    ENOTFOUND: `${where}: no such host`,
  };
  return new Error(sentences[error.code ?? ''] ?? `${where}: ${error.message}`, { cause: error });
}
