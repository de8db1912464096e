/** One incarnation of a shard as the main thread sees it: its thread, its two rings, and the requests under way. */
import { Worker } from 'node:worker_threads';
import fastq from 'fastq';
import type { Congestion } from '../base/congestion.js';
import type { ErrorName } from '../base/error-code.js';
import { errorName } from '../base/error-code.js';
import type { Offset } from '../base/units.js';
import { APPEND_OVERHEAD_BYTES, type ShardRequest, writeAppend, writeLocate, writeRequest } from '../ring/commands.js';
import {
  APPENDED,
  baseOffsetAt,
  errorCodeAt,
  idAt,
  logAppendTimeMsAt,
  logStartOffsetAt,
  NOTICE,
  PROGRESS,
  readNotice,
  readReply,
  refusalAt,
  type ShardNotice,
  type ShardReply,
} from '../ring/completions.js';
import { allocateRing, payloadBytesMax } from '../ring/ring-layout.js';
import type { ShardMemory } from '../ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../ring/spsc-ring.js';
import type { AppendResult } from './partitions.js';

const COMPLETION_RING_BYTES = 4 * 1024 * 1024;
/** So much is worth a wake of its own. */
const COMMIT_AT_BYTES = 64 * 1024;
/** Appends that found the ring full are kept up to here; then they are refused with a code that every client retries. */
const OVERFLOW_BYTES_MAX = 64 * 1024 * 1024;

type AppendDone = (result: AppendResult) => void;
type ReplyDone = (reply: ShardReply) => void;

/** A command that found no room: tried again, in order, each time the shard has answered something. */
interface Waiting {
  readonly bytes: number;
  write(): boolean;
}

export interface ShardLinkEvents {
  progress(slot: number): void;
  notice(notice: ShardNotice): void;
  /** The thread ended without having been asked to. */
  died(reason: string): void;
}

export class ShardLink implements Congestion {
  private readonly commands: RingProducer;
  private readonly completions: RingConsumer;
  private readonly worker: Worker;
  private readonly entryBytesMax: number;
  private readonly pendingAppends: (AppendDone | null)[] = [];
  private readonly pendingReplies = new Map<number, ReplyDone>();
  private readonly freeIds: number[] = [];
  private nextReplyId = 0;
  private commitScheduled = false;
  private uncommittedBytes = 0;
  private over = false;
  private closing = false;
  private failure: Error | null = null;
  private overflowBytes = 0;
  private retryOverflow: (() => void) | null = null;
  private readonly relievedListeners: (() => void)[] = [];
  /** FIFO of what found the ring full. fastq keeps the order, one at a time; it has no bound of its own, ours is in bytes. */
  private readonly overflow = fastq<unknown, Waiting>((waiting, done) => this.tryWaiting(waiting, done), 1);

  constructor(
    entry: URL,
    name: string,
    ringBytes: number,
    shared: Omit<ShardMemory, 'commands' | 'completions'>,
    private readonly events: ShardLinkEvents,
  ) {
    this.entryBytesMax = payloadBytesMax(ringBytes);
    const commands = allocateRing(ringBytes);
    const completions = allocateRing(COMPLETION_RING_BYTES);
    this.commands = new RingProducer(commands);
    this.completions = new RingConsumer(completions);
    const memory: ShardMemory = { ...shared, commands, completions };
    // Flags of the program that embeds the broker are not for its threads: some of them (--input-type) end a worker at once.
    this.worker = new Worker(entry, { name, workerData: memory, stdin: false, execArgv: [] });
    this.worker.on('error', (error) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
    this.worker.on('exit', (code) => this.ended(code));
    this.listen();
  }

  /** True while commands wait for room in the ring: who sends more should not be read. */
  get congested(): boolean {
    return this.overflowBytes > 0;
  }

  /** Calls `listener` once, when nothing waits for room in the ring any more. */
  onRelieved(listener: () => void): void {
    this.relievedListeners.push(listener);
  }

  /** False where so much waits already that a batch of so many bytes is to be refused. */
  mayTake(bytes: number): boolean {
    return this.overflowBytes === 0 || this.overflowBytes + bytes <= OVERFLOW_BYTES_MAX;
  }

  private relieve(): void {
    if (this.relievedListeners.length === 0 || this.congested) return;
    for (const listener of this.relievedListeners.splice(0)) listener();
  }

  /** True while the shard has commands that it has not taken. */
  get hasUnread(): boolean {
    return this.overflowBytes > 0 || this.commands.hasUnread;
  }

  append(slot: number, fromClient: boolean, batch: Uint8Array, done: AppendDone): void {
    if (this.over) {
      done(refused('NOT_LEADER_OR_FOLLOWER', 'the shard of this partition is being restarted'));
      return;
    }
    if (APPEND_OVERHEAD_BYTES + batch.length > this.entryBytesMax) {
      done(refused('MESSAGE_TOO_LARGE', 'the batch is larger than half of ring.bytes'));
      return;
    }
    const id = this.freeIds.pop() ?? this.pendingAppends.length;
    this.pendingAppends[id] = done;
    if (this.overflowBytes === 0 && writeAppend(this.commands, id, slot, fromClient, batch)) {
      this.commitSoon(batch.length);
      return;
    }
    if (!this.mayTake(batch.length)) {
      this.takeAppend(id)(refused('NOT_ENOUGH_REPLICAS', 'more is being produced than the disk takes; retry'));
      return;
    }
    const copy = Buffer.from(batch);
    this.wait({ bytes: copy.length, write: () => writeAppend(this.commands, id, slot, fromClient, copy) });
  }

  locate(slot: number, offset: Offset, maxBytes: number, ahead: boolean): Promise<ShardReply> {
    return this.ask((id) => writeLocate(this.commands, id, slot, offset, maxBytes, ahead));
  }

  request(slot: number, request: ShardRequest): Promise<ShardReply> {
    return this.ask((id) => writeRequest(this.commands, id, slot, request));
  }

  /** Posts a page of the board; the `boardPage` request that follows makes the shard take it. */
  postPage(page: SharedArrayBuffer): void {
    this.worker.postMessage(page);
  }

  /** Asks the shard to make everything durable and end; resolves with its reply once the thread is gone. */
  async close(): Promise<ShardReply> {
    this.closing = true;
    if (this.over) return { error: 'NOT_LEADER_OR_FOLLOWER', message: 'a shard had stopped before' };
    const exited = new Promise<void>((resolve) => {
      this.worker.once('exit', () => resolve());
    });
    const reply = await this.request(0, { kind: 'close' });
    await exited;
    return reply;
  }

  /** Ends the thread without asking it. */
  async terminate(): Promise<void> {
    this.closing = true;
    await this.worker.terminate();
  }

  private ask(write: (id: number) => boolean): Promise<ShardReply> {
    if (this.over) return Promise.resolve({ error: 'NOT_LEADER_OR_FOLLOWER' });
    return new Promise((resolve) => {
      const id = this.nextReplyId++ >>> 0;
      this.pendingReplies.set(id, resolve);
      if (this.overflowBytes === 0 && write(id)) this.commitSoon();
      else this.wait({ bytes: 64, write: () => write(id) });
    });
  }

  /**
   * One store and at most one wake for all that the sockets brought in this turn of the event loop; a shard has
   * something to do from the first large batch on.
   */
  private commitSoon(bytes = 0): void {
    this.uncommittedBytes += bytes;
    if (this.uncommittedBytes >= COMMIT_AT_BYTES) {
      this.commitNow();
      return;
    }
    if (this.commitScheduled) return;
    this.commitScheduled = true;
    setImmediate(this.commitScheduledNow);
  }

  private readonly commitScheduledNow = (): void => {
    this.commitScheduled = false;
    this.commitNow();
  };

  private commitNow(): void {
    this.uncommittedBytes = 0;
    this.commands.commit();
  }

  private wait(waiting: Waiting): void {
    this.overflowBytes += waiting.bytes;
    this.overflow.push(waiting);
  }

  private tryWaiting(waiting: Waiting, done: (error: Error | null) => void): void {
    if (!this.over && !waiting.write()) {
      this.retryOverflow = () => this.tryWaiting(waiting, done);
      return;
    }
    this.overflowBytes -= waiting.bytes;
    this.commitSoon();
    done(null);
  }

  private listen(): void {
    while (!this.over && !this.completions.whenReady(this.drain)) this.drainOnce();
  }

  private readonly drain = (): void => {
    if (this.over) return;
    this.drainOnce();
    this.listen();
  };

  private drainOnce(): void {
    const ring = this.completions;
    while (ring.poll()) {
      switch (ring.type) {
        case APPENDED: {
          const { message, recordErrors } = refusalAt(ring);
          this.takeAppend(idAt(ring))({
            error: errorName(errorCodeAt(ring)),
            message,
            recordErrors,
            baseOffset: baseOffsetAt(ring),
            logAppendTimeMs: logAppendTimeMsAt(ring),
            logStartOffset: logStartOffsetAt(ring),
          });
          break;
        }
        case PROGRESS:
          this.events.progress(idAt(ring));
          break;
        case NOTICE:
          this.events.notice(readNotice(ring));
          break;
        default: {
          const id = idAt(ring);
          const done = this.pendingReplies.get(id);
          this.pendingReplies.delete(id);
          done?.(readReply(ring));
        }
      }
    }
    ring.release();
    const retry = this.retryOverflow;
    this.retryOverflow = null;
    retry?.();
    this.relieve();
  }

  private takeAppend(id: number): AppendDone {
    const done = this.pendingAppends[id] as AppendDone;
    this.pendingAppends[id] = null;
    this.freeIds.push(id);
    return done;
  }

  private ended(code: number): void {
    // What the thread completed before it ended still counts.
    this.drainOnce();
    this.over = true;
    this.completions.interrupt();
    const reason = this.failure?.stack ?? `the thread exited with code ${code}`;
    for (let id = 0; id < this.pendingAppends.length; id++) {
      const done = this.pendingAppends[id];
      this.pendingAppends[id] = null;
      done?.(refused('NOT_LEADER_OR_FOLLOWER', 'the shard of this partition stopped and is being restarted'));
    }
    for (const done of this.pendingReplies.values()) done({ error: 'NOT_LEADER_OR_FOLLOWER' });
    this.pendingReplies.clear();
    this.retryOverflow?.();
    this.relieve();
    if (!this.closing) this.events.died(reason);
  }
}

function refused(error: ErrorName, message: string): AppendResult {
  return { error, message, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 };
}
