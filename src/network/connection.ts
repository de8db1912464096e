/** One client's connection: requests in, cut where they lie; replies out, in the order of the requests. Main thread. */
import { setMaxListeners } from 'node:events';
import { Socket } from 'node:net';
import type { Clock } from '../base/clock.js';
import type { Congestion } from '../base/congestion.js';
import { Later } from '../base/later.js';
import type { Logger } from '../base/logger.js';
import { KiB, MiB } from '../base/units.js';
import { FRAME_PREFIX_BYTES, frameEnd } from '../protocol/frame.js';
import { MalformedRequestError } from '../protocol/malformed-request-error.js';
import type { Backpressure } from './backpressure.js';
import { type Asker, type Dispatch, RefusedRequestError, type Reply } from './dispatch.js';
import type { FrameBuffers, Grower } from './frame-buffers.js';
import { type Origin, RequestContext } from './request-context.js';
import { type PipeOwner, type PipeShare, ResponsePipe } from './response-pipe.js';

export interface Limits {
  /** Largest request; whoever announces a larger one is cut off. */
  readonly frameBytesMax: number;
  /** A connection on which nothing moves is closed after this; -1 never. */
  readonly idleMs: number;
  /** Within this time a request that has begun must be whole, or {@link PROGRESS_BYTES_MIN} more of it must have come. */
  readonly frameProgressMs: number;
}

/** What all connections of a server share. */
export interface ConnectionShare extends PipeShare {
  readonly dispatch: Dispatch;
  /** Where bytes of every connection land that has no request half arrived. */
  readonly landing: Buffer;
  readonly frames: FrameBuffers;
  readonly backpressure: Backpressure;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: Limits;
  /** Calls `connection.flushReady` at the end of this turn, together with the others'. */
  flushSoon(connection: Connection): void;
  /** Calls `connection.onRelieved` when there is room again. */
  holdUntilRelieved(connection: Connection, congestion: Congestion): void;
  onClosed(connection: Connection): void;
}

/** Replies that may wait in memory for one connection; above it no further request is read. */
export const OUT_BYTES_MAX = 8 * MiB;
/** Requests of one connection without an answer, and pieces of replies that wait to be sent. */
export const OUTSTANDING_MAX = 512;
/** Less than this in {@link Limits.frameProgressMs} is no progress. */
export const PROGRESS_BYTES_MIN = 16 * KiB;
/** A client that has sent such a large request may make us take as much memory at once for the next. */
const TRUSTED_BYTES_MAX = MiB;
const ROOM_BYTES_MIN = 16 * KiB;
/** How long a client that has closed its side is still sent what it asked for. */
const HALF_CLOSED_MS = 30_000;

/** Why a connection is not read, as bits. */
const TOO_MUCH_OUT = 1;
const CONGESTED = 2;
const NO_MEMORY = 4;
const HELD = 8;
const DRAINING = 16;

/** A request whose reply is not there, or waits for an earlier one's. */
interface Slot {
  reply: Reply | null;
  settled: boolean;
}

/*
 * Where bytes land. `landing` is everybody's; what is not a whole request when a read ends moves into memory of its own:
 *
 *     own  |… handed on …|… arrived …|…………… room ……………|
 *                        ^start      ^filled: the next read lands here
 *
 * The address of the next read is given to the socket at the end of each read and cannot be changed in between, so `own` is
 * moved, grown and given up only there.
 */
export class Connection implements Asker, Origin, Grower, PipeOwner {
  readonly clientHost: string;
  readonly localHost: string;
  readonly localPort: number;
  /** Address and port, for the log. */
  readonly #client: string;
  readonly #socket: Socket;
  readonly #pipe: ResponsePipe;
  #own: Buffer | null = null;
  #start = 0;
  #filled = 0;
  #paused = 0;
  #consuming = false;
  #trustedBytes = 0;
  readonly #slots: Slot[] = [];
  /** Bytes in memory of replies that wait for an earlier one. */
  #slotBytes = 0;
  readonly #contexts: (RequestContext | undefined)[] = [];
  #flushIsDue = false;
  #abort: AbortController | null = null;
  #closed = false;
  #halfClosedAtMs = -1;
  #lastMovedMs: number;
  /** Since when the request that has begun is watched for progress, or -1; and what came of it since. */
  #watchedSinceMs = -1;
  #watchedBytes = 0;

  /** Takes over the connection that `handle`, of Node's own, stands for. */
  constructor(
    readonly connectionId: number,
    readonly listener: string,
    handle: { readonly fd: number },
    private readonly share: ConnectionShare,
  ) {
    const options = {
      handle,
      allowHalfOpen: true,
      onread: { buffer: () => this.#room(), callback: (bytes: number) => this.#received(bytes) },
    };
    this.#socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
    // First of all: a reset that nobody listens for ends the process.
    this.#socket.on('error', (error) => this.close('debug', error.message));
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('close', () => this.close('debug', 'the client closed it'));
    this.clientHost = plainAddress(this.#socket.remoteAddress);
    this.localHost = plainAddress(this.#socket.localAddress);
    this.#client = `${this.clientHost}:${this.#socket.remotePort ?? 0}`;
    this.localPort = this.#socket.localPort ?? 0;
    this.#pipe = new ResponsePipe(this.#socket, handle.fd, share, this);
    this.#lastMovedMs = share.clock.monotonicMs();
  }

  get closed(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      // As many requests may be parked as may be outstanding; that is no leak.
      setMaxListeners(0, this.#abort.signal);
      if (this.#closed) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  contextFor(apiVersion: number, clientId: string | null): RequestContext {
    const known = this.#contexts[apiVersion];
    if (known !== undefined && known.clientId === clientId) return known;
    const context = new RequestContext(this, apiVersion, clientId);
    this.#contexts[apiVersion] = context;
    return context;
  }

  /** Hands no further request on, until {@link resume}. */
  pause(): void {
    this.#pause(HELD);
  }

  resume(): void {
    this.#unpause(HELD);
  }

  /** Sends the replies that became ready in this turn. */
  flushReady(): void {
    this.#flushIsDue = false;
    this.#lastMovedMs = this.share.clock.monotonicMs();
    this.#flush();
  }

  /** Reads nothing more, and closes once what was asked for is answered. */
  drain(): void {
    this.#pause(DRAINING);
    this.#closeIfDone();
  }

  /** `reason` reads on after "connection closed:". Gently: what is written already still leaves. */
  close(level: 'debug' | 'info' | 'warn', reason: string, how: 'at once' | 'gently' = 'at once'): void {
    if (this.#closed) return;
    this.#closed = true;
    const { share } = this;
    share.logger[level]({ connection: this.connectionId, client: this.#client }, `connection closed: ${reason}`);
    this.#pipe.close();
    if (how === 'gently') this.#socket.destroySoon();
    else this.#socket.destroy();
    // The socket reads no more: it is destroyed, or was stopped before it is closed gently. So its memory is free.
    if (this.#own !== null) share.frames.give(this.#own);
    this.#own = null;
    this.#slots.length = 0;
    share.frames.settled(this);
    this.#abort?.abort();
    share.onClosed(this);
  }

  onRoom(): void {
    this.#unpause(NO_MEMORY);
  }

  onRelieved(): void {
    this.#unpause(CONGESTED);
  }

  onSent(): void {
    this.#lastMovedMs = this.share.clock.monotonicMs();
    this.#afterSending();
  }

  onSendFailed(reason: string): void {
    this.close('warn', reason);
  }

  onClientGone(): void {
    this.close('debug', 'the client closed it while a reply was sent');
  }

  /** Closes the connection if its time is up; called now and then. */
  sweep(nowMs: number): void {
    const { idleMs, frameProgressMs } = this.share.limits;
    if (this.#halfClosedAtMs >= 0 && nowMs - this.#halfClosedAtMs >= HALF_CLOSED_MS) {
      this.close('info', 'the client had closed its side and was not answered in time');
    } else if (idleMs >= 0 && this.#slots.length === 0 && nowMs - this.#lastMovedMs >= idleMs) {
      this.close('info', `nothing moved for ${idleMs} ms (connections.max.idle.ms)`);
    } else if (this.#watchedSinceMs >= 0 && this.#paused === 0 && nowMs - this.#watchedSinceMs >= frameProgressMs) {
      if (this.#watchedBytes < PROGRESS_BYTES_MIN) {
        this.close('warn', `a request that had begun made no progress in ${frameProgressMs} ms`);
      } else {
        this.#watch(nowMs);
      }
    }
  }

  /** Where the next bytes shall land. */
  #room(): Buffer {
    if (this.#own === null) return this.share.landing;
    return this.#own.subarray(this.#filled, this.#roomEnd(this.#own));
  }

  /** A large request is read to its end and no further, so that what follows it need not be moved. */
  #roomEnd(own: Buffer): number {
    if (this.#filled - this.#start < FRAME_PREFIX_BYTES) return own.length;
    // Not checked yet where reading is paused: only its sanity as an end matters here.
    const end = this.#start + FRAME_PREFIX_BYTES + own.readInt32BE(this.#start);
    return end - this.#filled > ROOM_BYTES_MIN && end < own.length ? end : own.length;
  }

  #received(bytes: number): boolean {
    if (this.#closed) return false;
    const nowMs = this.share.clock.monotonicMs();
    this.#lastMovedMs = nowMs;
    const buffer = this.#own ?? this.share.landing;
    const end = this.#filled + bytes;
    const from = this.#start;
    const handedOn = this.#consume(buffer, from, end);
    if (this.#isGone()) return false;
    if (handedOn > from && this.#own !== null) this.share.frames.settled(this);
    this.#keep(buffer, handedOn, end);
    if (this.#own === null) {
      this.#watchedSinceMs = -1;
    } else if (handedOn > from || this.#watchedSinceMs < 0) {
      this.#watch(nowMs);
    } else {
      this.#watchedBytes += bytes;
    }
    this.#flush();
    return true;
  }

  /** Hands on the whole requests between `start` and `end`, as far as it may; returns where the rest starts. */
  #consume(buffer: Buffer, start: number, end: number): number {
    const { share } = this;
    let at = start;
    this.#consuming = true;
    try {
      while (this.#paused === 0) {
        const stop = frameEnd(buffer, at, end, share.limits.frameBytesMax);
        if (stop === -1) break;
        const { congestion } = share.backpressure;
        if (congestion !== null) {
          this.#hold(congestion);
          break;
        }
        if (stop - at > this.#trustedBytes) this.#trustedBytes = Math.min(stop - at, TRUSTED_BYTES_MAX);
        this.#ask(buffer, at + FRAME_PREFIX_BYTES, stop);
        at = stop;
        const filled = share.backpressure.takeFilled();
        if (filled !== null) this.#hold(filled);
        if (this.#isFull()) this.#pause(TOO_MUCH_OUT);
      }
    } catch (error) {
      this.#refuse(error);
    }
    this.#consuming = false;
    return at;
  }

  #hold(congestion: Congestion): void {
    this.share.holdUntilRelieved(this, congestion);
    this.#pause(CONGESTED);
  }

  #ask(buffer: Buffer, start: number, end: number): void {
    const answer = this.share.dispatch(buffer, start, end, this);
    if (answer === null) return;
    if (!(answer instanceof Promise || answer instanceof Later)) {
      if (this.#slots.length === 0) this.#pipe.push(answer);
      else this.#slots.push(this.#settled({ reply: null, settled: false }, answer));
      return;
    }
    const slot: Slot = { reply: null, settled: false };
    this.#slots.push(slot);
    answer.then(
      (reply) => {
        if (this.#closed) return;
        this.#settled(slot, reply);
        this.#sendSettled();
      },
      (error: unknown) => this.#refuse(error),
    );
  }

  #settled(slot: Slot, reply: Reply | null): Slot {
    slot.reply = reply;
    slot.settled = true;
    this.#slotBytes += bytesInMemory(reply);
    return slot;
  }

  /** Moves replies to the pipe, up to the first that is not there yet. */
  #sendSettled(): void {
    const slots = this.#slots;
    let ready = 0;
    while (ready < slots.length && slots[ready].settled) {
      const { reply } = slots[ready++];
      this.#slotBytes -= bytesInMemory(reply);
      if (reply !== null) this.#pipe.push(reply);
    }
    if (ready === 0) return;
    if (ready === 1) slots.shift();
    else slots.splice(0, ready);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    this.share.flushSoon(this);
  }

  #flush(): void {
    if (this.#closed) return;
    this.#pipe.flush();
    this.#afterSending();
  }

  #refuse(error: unknown): void {
    if (error instanceof RefusedRequestError || error instanceof MalformedRequestError) {
      this.close('warn', error.message);
    } else {
      this.share.logger.error({ err: error }, 'A request met a fault of ours.');
      this.close('warn', 'an internal error');
    }
  }

  /** Keeps what is left between `start` and `end` of a read, in memory that has room for the next one. */
  #keep(buffer: Buffer, start: number, end: number): void {
    const { frames } = this.share;
    const own = this.#own;
    const left = end - start;
    this.#start = 0;
    this.#filled = left;
    if (left === 0) {
      if (own !== null) frames.give(own);
      this.#own = null;
      return;
    }
    let wanted = this.#capacityFor(buffer, start, left);
    if (own !== null && own.length - start >= wanted) {
      this.#start = start;
      this.#filled = end;
      return;
    }
    if (own !== null && own.length >= wanted) {
      own.copyWithin(0, start, end);
      return;
    }
    const held = own === null ? 0 : own.length;
    if (wanted > left + ROOM_BYTES_MIN && !frames.mayGrow(this, wanted - held)) {
      wanted = left + ROOM_BYTES_MIN;
      this.#pause(NO_MEMORY);
    }
    const grown = frames.take(wanted);
    buffer.copy(grown, 0, start, end);
    if (own !== null) frames.give(own);
    this.#own = grown;
  }

  /** Twice what has arrived, and not what the client says will: its word costs it nothing. */
  #capacityFor(buffer: Buffer, start: number, left: number): number {
    const least = left + 1;
    if (left < FRAME_PREFIX_BYTES || this.#paused !== 0) return Math.max(least, ROOM_BYTES_MIN);
    const frameBytes = FRAME_PREFIX_BYTES + buffer.readInt32BE(start);
    return Math.max(least, Math.min(frameBytes, Math.max(2 * left, this.#trustedBytes, ROOM_BYTES_MIN)));
  }

  #watch(nowMs: number): void {
    this.#watchedSinceMs = nowMs;
    this.#watchedBytes = 0;
  }

  #isFull(): boolean {
    const bytes = this.#slotBytes + this.#pipe.waitingBytes;
    return bytes >= OUT_BYTES_MAX || this.#slots.length + this.#pipe.waitingPieces >= OUTSTANDING_MAX;
  }

  /** Half of either bound, so that a connection at the bound does not flap. */
  #isRelaxed(): boolean {
    const bytes = this.#slotBytes + this.#pipe.waitingBytes;
    return bytes <= OUT_BYTES_MAX / 2 && this.#slots.length + this.#pipe.waitingPieces <= OUTSTANDING_MAX / 2;
  }

  #isGone(): boolean {
    return this.#closed;
  }

  #pause(why: number): void {
    if (this.#paused === 0 && !this.#closed) this.#socket.pause();
    this.#paused |= why;
  }

  #unpause(why: number): void {
    if (this.#closed || (this.#paused & why) === 0) return;
    this.#paused &= ~why;
    if (this.#paused !== 0 || this.#consuming) return;
    if (this.#own !== null) {
      this.#start = this.#consume(this.#own, this.#start, this.#filled);
      if (this.#isGone()) return;
      this.#flushSoon();
    }
    if (this.#paused === 0) {
      // Time in which we did not read is not held against the client.
      if (this.#watchedSinceMs >= 0) this.#watch(this.share.clock.monotonicMs());
      this.#socket.resume();
    }
  }

  #afterSending(): void {
    if (this.#closed) return;
    if ((this.#paused & TOO_MUCH_OUT) !== 0 && this.#isRelaxed()) this.#unpause(TOO_MUCH_OUT);
    this.#closeIfDone();
  }

  #onEnd(): void {
    this.#halfClosedAtMs = this.share.clock.monotonicMs();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    const draining = (this.#paused & DRAINING) !== 0;
    if (this.#closed || !(draining || (this.#halfClosedAtMs >= 0 && this.#paused === 0))) return;
    if (this.#slots.length > 0 || this.#pipe.waitingPieces > 0) return;
    if (this.#socket.writableLength > 0) return;
    this.close('debug', draining ? 'the broker shuts down' : 'the client closed it', 'gently');
  }
}

function bytesInMemory(reply: Reply | null): number {
  let bytes = 0;
  if (reply !== null) for (const piece of reply) if (piece instanceof Buffer) bytes += piece.length;
  return bytes;
}

/** IPv4 clients of a socket that listens on IPv6 too have addresses such as ::ffff:10.0.0.1. */
function plainAddress(address: string | undefined): string {
  return address?.startsWith('::ffff:') ? address.slice('::ffff:'.length) : (address ?? '');
}
