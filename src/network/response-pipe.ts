/** From reply pieces to a socket, in order: bytes by send(2), file ranges by sendfile(2), or both through Node. Main thread. */
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { FileSlice } from '../base/file-slice.js';
import { available, EAGAIN, EINTR, send, sendfile, setSendBuffer } from '../base/libc.js';
import { MiB } from '../base/units.js';
import type { ReplyPiece } from '../protocol/wire.js';
import { type Sender, type SendTurns, TURN_BYTES_PER_CONNECTION } from './send-turns.js';
import { LARGE_STAGING_BYTES, SMALL_STAGING_BYTES, type StagingBuffers } from './staging-buffers.js';

/** Where descriptors of segments come from: shared by all replies, bounded. */
export interface SegmentFiles {
  /** Throws what open(2) says. */
  acquire(slice: FileSlice): number;
  release(slice: FileSlice, fd: number): void;
}

/** What all pipes of a server share. */
export interface PipeShare {
  readonly files: SegmentFiles;
  readonly staging: StagingBuffers;
  readonly turns: SendTurns;
  /** Of every socket when it is accepted; -1 where the operating system decides. */
  readonly sendBufferBytes: number;
}

export interface PipeOwner {
  /** Something left, or all of it: there may be room for more. */
  onSent(): void;
  /** The reply cannot be finished: the connection must go, as nothing sensible can follow half a reply. */
  onSendFailed(reason: string): void;
  /** The client took its side away while it was sent something. */
  onClientGone(): void;
}

/** A range holds its file from the moment it is queued: another may stand under that name when its turn comes. */
interface OpenRange extends FileSlice {
  readonly fd: number;
}

/** What a waiting file range counts as, against the bound on waiting bytes. */
const SLICE_COST_BYTES = 128;

/** A reply with more file bytes is sent through twice the buffer: on loopback 10 MiB replies are 1.15 times as fast, 1 MiB as fast as ever. */
const LARGE_REPLY_BYTES = 4 * MiB;

const ENOSYS = 38;
const EINVAL = 22;
const EPIPE = 32;
const ECONNRESET = 104;

/**
 * The queue, and what takes from its head:
 *
 *     | bytes | bytes | range …………………………… | bytes |
 *       small pieces, ranges up to 16 KiB and whatever sendfile cannot take: copied side by side into one write
 *       large pieces: a write of their own             long ranges: sendfile, straight from the page cache
 *
 * Nothing is taken while the socket still holds bytes of the last write. So a slow reader keeps its ranges on disk and its
 * small replies where they are, and sendfile never overtakes bytes that wait inside Node. Where sendfile finds the socket
 * full, the next 16 KiB go through a write, whose callback says when there is room again.
 *
 * "A write" is send(2) on the descriptor, and Node's own only for what that does not take: a Writable's bookkeeping costs more
 * than the system call (without it single records take 0.91-0.95 of the broker's CPU, 1 MiB fetches 0.88).
 */
// Roads not taken, each measured against this one on loopback: MSG_MORE for the bytes in front of a range, 0.75 times as fast
// with ten readers on a tail and 0.9 with 1 MiB replies on four connections (the client wakes later); 4, 32 or 64 KiB instead of
// 16 into a full socket, no difference; copying instead of sendfile with the same send buffer, 0.6.
export class ResponsePipe implements Sender {
  #queue: (Buffer | OpenRange)[] = [];
  #head = 0;
  /** Bytes of the head piece that have left. */
  #sentOfHead = 0;
  #waitingBytes = 0;
  /** The memory of the write that the socket has not finished. */
  #staged: Buffer | null = null;
  /** `socket`: it holds bytes yet. `turn`: others come first. `closed`: for good. */
  #state: 'open' | 'socket' | 'turn' | 'closed' = 'open';
  #socketIsFull = false;
  #sendfileWorks: boolean;
  readonly #sendWorks: boolean;
  #bufferIsLarge = false;

  /** `socketFd` is -1 where bytes must go through Node (TLS). */
  constructor(
    private readonly socket: Socket,
    private readonly socketFd: number,
    private readonly share: PipeShare,
    private readonly owner: PipeOwner,
  ) {
    this.#sendfileWorks = socketFd >= 0 && available.sendfile;
    this.#sendWorks = socketFd >= 0 && available.send;
  }

  /** Bytes held in memory for this connection; ranges count next to nothing. */
  get waitingBytes(): number {
    return this.#waitingBytes + this.socket.writableLength;
  }

  get waitingPieces(): number {
    return this.#queue.length - this.#head;
  }

  get idle(): boolean {
    return this.waitingPieces === 0 && this.socket.writableLength === 0;
  }

  /** Queues one reply; nothing is sent before {@link flush}. */
  push(reply: readonly ReplyPiece[]): void {
    if (this.#state === 'closed') return;
    let fileBytes = 0;
    for (const piece of reply) {
      if (piece.length === 0) continue;
      if (!isRange(piece)) {
        this.#queue.push(piece);
        this.#waitingBytes += piece.length;
        continue;
      }
      try {
        this.#queue.push({ ...piece, fd: this.share.files.acquire(piece) });
      } catch (error) {
        this.owner.onSendFailed(error instanceof Error ? error.message : String(error));
        return;
      }
      this.#waitingBytes += SLICE_COST_BYTES;
      fileBytes += piece.length;
    }
    if (fileBytes > 0) this.#fitBuffer(fileBytes > LARGE_REPLY_BYTES);
  }

  #fitBuffer(large: boolean): void {
    const { sendBufferBytes } = this.share;
    if (large === this.#bufferIsLarge || sendBufferBytes < 0 || this.socketFd < 0 || !available.setsockopt) return;
    // As in #pump: the descriptor may be somebody else's already.
    if (this.socket.destroyed) return;
    this.#bufferIsLarge = large;
    // Where it is refused, the buffer stays as it is, which is no harm.
    setSendBuffer(this.socketFd, large ? 2 * sendBufferBytes : sendBufferBytes);
  }

  /** Sends what can be sent now. */
  flush(): void {
    if (this.#state === 'open' && this.#head < this.#queue.length) this.#pump();
  }

  /** The socket is gone: ranges are given back, nothing more is sent. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (let i = this.#head; i < this.#queue.length; i++) this.#release(this.#queue[i]);
    if (this.#staged !== null) this.share.staging.lose(this.#staged);
    this.#staged = null;
    this.#queue = [];
    this.#head = 0;
    this.#waitingBytes = 0;
  }

  onTurn(): void {
    if (this.#state !== 'turn') return;
    this.#state = 'open';
    this.#pump();
    this.owner.onSent();
  }

  #pump(): void {
    let moved = 0;
    try {
      while (this.#head < this.#queue.length) {
        if (this.socket.writableLength > 0) {
          this.#state = 'socket';
          return;
        }
        // Closed already, though nobody was told yet: its descriptor's number may be another file's by now.
        if (this.socket.destroyed) return;
        if (moved >= TURN_BYTES_PER_CONNECTION || this.share.turns.over) {
          this.#state = 'turn';
          this.share.turns.wait(this);
          return;
        }
        const fileBytes = this.#step();
        if (fileBytes > 0) {
          moved += fileBytes;
          this.share.turns.moved(fileBytes);
        }
        if (this.#isClosed()) return;
      }
      if (this.socket.writableLength > 0) this.#state = 'socket';
    } catch (error) {
      this.owner.onSendFailed(error instanceof Error ? error.message : String(error));
    }
  }

  /** A write, or a read of a file, may have ended in {@link close}. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** Sends something of the head; returns the file bytes that it moved. */
  #step(): number {
    const head = this.#queue[this.#head];
    if (!isRange(head)) {
      const alone = this.#head + 1 === this.#queue.length;
      if (!alone && head.length < SMALL_STAGING_BYTES) return this.#copy();
      this.#shift();
      this.#write(head, head.length);
      return 0;
    }
    if (!this.#socketIsFull && this.#wantsSendfile(head.length - this.#sentOfHead)) return this.#sendfile(head);
    return this.#copy();
  }

  #wantsSendfile(bytes: number): boolean {
    return this.#sendfileWorks && bytes > SMALL_STAGING_BYTES;
  }

  #sendfile(slice: OpenRange): number {
    const wanted = Math.min(slice.length - this.#sentOfHead, TURN_BYTES_PER_CONNECTION);
    const sent = sendfile(this.socketFd, slice.fd, slice.position + this.#sentOfHead, wanted);
    if (sent > 0) {
      this.#sliceSent(slice, sent);
      return sent;
    }
    if (sent === -EAGAIN) {
      this.#socketIsFull = true;
    } else if (sent === -EINVAL || sent === -ENOSYS) {
      // Some file systems have no sendfile; this connection copies from here on.
      this.#sendfileWorks = false;
    } else if (sent === 0) {
      this.owner.onSendFailed(endsEarly(slice, this.#sentOfHead));
    } else if (sent === -EPIPE || sent === -ECONNRESET) {
      this.owner.onClientGone();
    } else if (sent !== -EINTR) {
      this.owner.onSendFailed(`sendfile of ${slice.path} failed with errno ${-sent}`);
    }
    return 0;
  }

  /** Puts pieces side by side into one buffer, and that into one write; returns the file bytes among them. */
  #copy(): number {
    const { staging } = this.share;
    const buffer = staging.take(this.#socketIsFull ? SMALL_STAGING_BYTES : this.#copyableBytes());
    let filled = 0;
    let fileBytes = 0;
    while (filled < buffer.length && this.#head < this.#queue.length) {
      const head = this.#queue[this.#head];
      const rest = head.length - this.#sentOfHead;
      const room = buffer.length - filled;
      if (!isRange(head)) {
        if (rest > room) break;
        filled += head.copy(buffer, filled);
        this.#shift();
      } else {
        if (!this.#socketIsFull && this.#wantsSendfile(rest)) break;
        const bytes = Math.min(rest, room);
        const read = this.#read(head, buffer, filled, bytes);
        if (read === 0) break;
        filled += read;
        fileBytes += read;
        this.#sliceSent(head, read);
        if (this.#socketIsFull) break;
      }
    }
    if (filled === 0 || this.#isClosed()) {
      this.#socketIsFull = false;
      staging.give(buffer);
      return 0;
    }
    this.#write(buffer, filled);
    if (this.socket.writableLength === 0) staging.give(buffer);
    else if (this.#isClosed()) staging.lose(buffer);
    else this.#staged = buffer;
    return fileBytes;
  }

  /** What the socket does not take at once waits inside Node, until {@link #onWritten}; so does an error that it has. */
  #write(bytes: Buffer, length: number): void {
    const tried = this.#sendWorks && !this.#socketIsFull ? send(this.socketFd, bytes, length) : 0;
    this.#socketIsFull = false;
    const sent = Math.max(tried, 0);
    if (sent < length) this.socket.write(bytes.subarray(sent, length), this.#onWritten);
  }

  /** Bytes at the head of the queue that {@link #copy} would take, counted no further than matters. */
  #copyableBytes(): number {
    let bytes = -this.#sentOfHead;
    for (let i = this.#head; i < this.#queue.length && bytes < LARGE_STAGING_BYTES; i++) {
      const piece = this.#queue[i];
      if (isRange(piece) && this.#wantsSendfile(piece.length)) break;
      bytes += piece.length;
    }
    return bytes;
  }

  #read(slice: OpenRange, into: Buffer, at: number, bytes: number): number {
    const read = readSync(slice.fd, into, at, bytes, slice.position + this.#sentOfHead);
    if (read === 0) this.owner.onSendFailed(endsEarly(slice, this.#sentOfHead));
    return read;
  }

  #sliceSent(slice: OpenRange, bytes: number): void {
    this.#sentOfHead += bytes;
    if (this.#sentOfHead === slice.length) this.#shift();
  }

  #shift(): void {
    const piece = this.#queue[this.#head];
    this.#waitingBytes -= isRange(piece) ? SLICE_COST_BYTES : piece.length;
    this.#release(piece);
    this.#sentOfHead = 0;
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head >= 64 && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #release(piece: Buffer | OpenRange): void {
    if (isRange(piece)) this.share.files.release(piece, piece.fd);
  }

  /** After every write, also after those that went out at once: then there is nothing to do. */
  readonly #onWritten = (error?: Error | null): void => {
    // A failed write destroys the socket, and with it this pipe.
    if (error || this.#state !== 'socket' || this.socket.writableLength > 0) return;
    if (this.#staged !== null) {
      this.share.staging.give(this.#staged);
      this.#staged = null;
    }
    this.#state = 'open';
    this.#pump();
    this.owner.onSent();
  };
}

function isRange<Range extends FileSlice>(piece: Buffer | Range): piece is Range {
  return !(piece instanceof Buffer);
}

function endsEarly(slice: FileSlice, sent: number): string {
  return `${slice.path} ends at byte ${slice.position + sent}, before the reply that ends at ${slice.position + slice.length}`;
}
