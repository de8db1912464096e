/** One shard without its thread: both ends of its rings and its board, and what waits for its answers. Test process. */

import type { Clock } from '../../../src/base/clock.js';
import { type ErrorName, errorName } from '../../../src/base/error-code.js';
import type { FileSystem } from '../../../src/log/file-system.js';
import { Histogram } from '../../../src/metrics/histogram.js';
import { type ShardRequest, writeAppend, writeLocate, writeRequest } from '../../../src/ring/commands.js';
import {
  APPENDED,
  baseOffsetAt,
  errorCodeAt,
  idAt,
  NOTICE,
  PROGRESS,
  readNotice,
  readReply,
  refusalAt,
  type ShardNotice,
  type ShardReply,
} from '../../../src/ring/completions.js';
import { allocatePulse, Pulse } from '../../../src/ring/pulse.js';
import { allocateRing } from '../../../src/ring/ring-layout.js';
import { RingConsumer, RingProducer } from '../../../src/ring/spsc-ring.js';
import { allocatePage, emptyRow, WatermarkBoard, type WatermarkRow } from '../../../src/ring/watermarks.js';
import { Shard } from '../../../src/shard/shard.js';

const RING_BYTES = 256 * 1024;
const OPEN_FILES_MAX = 12;
const RETENTION_CHECK_MS = 5_000;

export type AppendDone = (error: ErrorName, baseOffset: number, message: string | null) => void;
export type ReplyDone = (reply: ShardReply) => void;

export class SimShard {
  readonly board = new WatermarkBoard();
  private shard!: Shard;
  private commands!: RingProducer;
  private completions!: RingConsumer;
  private readonly appends = new Map<number, AppendDone>();
  private readonly replies = new Map<number, ReplyDone>();
  private nextId = 1;

  constructor(
    private readonly files: FileSystem,
    private readonly clock: Clock,
    private readonly hear: { notice(notice: ShardNotice): void; progress(slot: number): void },
  ) {
    this.board.addPage(allocatePage());
    this.begin();
  }

  /** A new thread on new rings; whoever waited for the old one is answered as the main thread answers them. */
  begin(): void {
    const there = allocateRing(RING_BYTES);
    const back = allocateRing(RING_BYTES);
    this.commands = new RingProducer(there);
    this.completions = new RingConsumer(back);
    const appends = [...this.appends.values()];
    const replies = [...this.replies.values()];
    this.appends.clear();
    this.replies.clear();
    this.shard = new Shard({
      commands: new RingConsumer(there),
      completions: new RingProducer(back),
      board: this.board,
      receivePage: allocatePage,
      files: this.files,
      pulse: new Pulse(allocatePulse()),
      clock: this.clock,
      flushTimes: new Histogram([]),
      openFilesMax: OPEN_FILES_MAX,
      retentionCheckMs: RETENTION_CHECK_MS,
    });
    for (const done of appends) done('NOT_LEADER_OR_FOLLOWER', -1, null);
    for (const done of replies) done({ error: 'NOT_LEADER_OR_FOLLOWER' });
  }

  /** False where the ring is full. */
  append(slot: number, batch: Buffer, done: AppendDone): boolean {
    const id = this.nextId++;
    if (!writeAppend(this.commands, id, slot, true, batch)) return false;
    this.appends.set(id, done);
    this.commands.commit();
    return true;
  }

  locate(slot: number, offset: number, bytesMax: number, done: ReplyDone): void {
    const id = this.nextId++;
    this.replies.set(id, done);
    if (writeLocate(this.commands, id, slot, offset, bytesMax, false)) this.commands.commit();
    else this.replies.delete(id);
  }

  request(slot: number, request: ShardRequest, done: ReplyDone): void {
    const id = this.nextId++;
    if (!writeRequest(this.commands, id, slot, request)) throw new Error('the ring is full of requests');
    this.replies.set(id, done);
    this.commands.commit();
  }

  /** One round of its loop. */
  turn(): boolean {
    return this.shard.turn();
  }

  row(slot: number): WatermarkRow {
    const row = emptyRow();
    this.board.read(slot, row);
    return row;
  }

  /** Hears what it said, as far as that was committed. */
  drain(): void {
    const ring = this.completions;
    while (ring.poll()) {
      if (ring.type === APPENDED) {
        const done = this.appends.get(idAt(ring));
        this.appends.delete(idAt(ring));
        done?.(errorName(errorCodeAt(ring)), baseOffsetAt(ring), refusalAt(ring).message);
      } else if (ring.type === PROGRESS) {
        this.hear.progress(idAt(ring));
      } else if (ring.type === NOTICE) {
        this.hear.notice(readNotice(ring));
      } else {
        const done = this.replies.get(idAt(ring));
        this.replies.delete(idAt(ring));
        done?.(readReply(ring));
      }
    }
    ring.release();
  }
}
