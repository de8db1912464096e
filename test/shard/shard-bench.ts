/** A shard without its thread: both ends of its rings in one test, on a disk and a clock that the test owns. */
import { errorName } from '../../src/base/error-code.js';
import { loadConfig } from '../../src/config/load.js';
import type { LogConfig } from '../../src/config/log-config.js';
import { CLAIM_MARK_FILE } from '../../src/log/data-directory.js';
import { Histogram } from '../../src/metrics/histogram.js';
import { instruments } from '../../src/metrics/instruments.js';
import { encodeBatch } from '../../src/record/record.js';
import { type ShardRequest, writeAppend, writeLocate, writeRequest } from '../../src/ring/commands.js';
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
} from '../../src/ring/completions.js';
import { allocatePulse, Pulse } from '../../src/ring/pulse.js';
import { allocateRing } from '../../src/ring/ring-layout.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { allocatePage, emptyRow, WatermarkBoard, type WatermarkRow } from '../../src/ring/watermarks.js';
import { Shard } from '../../src/shard/shard.js';
import { FakeClock } from '../base/fake-clock.js';
import { FakeFileSystem } from '../log/fake-file-system.js';

export interface Acknowledgement {
  readonly id: number;
  readonly error: string;
  readonly baseOffset: number;
  readonly message: string | null;
}

/** Of the partition that the bench opens in this slot. */
export const topicIdAt = (slot: number): string => 'AAAAAAAAAAAAAAAAAAAAA'.concat('BCDEFGH'[slot % 7]);

export class ShardBench {
  readonly clock = new FakeClock();
  readonly flushTimes = new Histogram(instruments.millrace_fsync_seconds.bounds);
  readonly acknowledged: Acknowledgement[] = [];
  readonly progress: number[] = [];
  readonly replies = new Map<number, ShardReply>();
  readonly notices: ShardNotice[] = [];
  readonly shard: Shard;
  private readonly commands: RingProducer;
  private readonly completions: RingConsumer;
  private readonly board = new WatermarkBoard();
  private nextId = 1;

  constructor(readonly files = new FakeFileSystem()) {
    if (!files.exists(`/data/${CLAIM_MARK_FILE}`)) files.setContent(`/data/${CLAIM_MARK_FILE}`, Buffer.alloc(0));
    const there = allocateRing(1024 * 1024);
    const back = allocateRing(1024 * 1024);
    this.commands = new RingProducer(there);
    this.completions = new RingConsumer(back);
    this.board.addPage(allocatePage());
    this.shard = new Shard({
      commands: new RingConsumer(there),
      completions: new RingProducer(back),
      board: this.board,
      receivePage: allocatePage,
      files,
      pulse: new Pulse(allocatePulse()),
      clock: this.clock,
      flushTimes: this.flushTimes,
      openFilesMax: 100,
      retentionCheckMs: 300_000,
    });
  }

  static config(changes: Partial<LogConfig> = {}): LogConfig {
    return { ...loadConfig({ overrides: {} }).config.logConfig(new Map()), ...changes };
  }

  open(
    slot: number,
    config: LogConfig = ShardBench.config(),
    clean = true,
    logStartOffset = 0,
    recoveryPoint = 0,
  ): number {
    return this.request(slot, {
      kind: 'open',
      topic: `t${slot}`,
      topicId: topicIdAt(slot),
      index: 0,
      directory: `/data/t${slot}-0`,
      config,
      leaderEpoch: 0,
      recoveryPoint,
      logStartOffset,
      firstDirtyOffset: 0,
      damagedRanges: 0,
      clean,
    });
  }

  request(slot: number, request: ShardRequest): number {
    const id = this.nextId++;
    writeRequest(this.commands, id, slot, request);
    this.commands.commit();
    return id;
  }

  append(slot: number, values: readonly string[]): number {
    const id = this.nextId++;
    const batch = encodeBatch({ records: values.map((value) => ({ value: Buffer.from(value), timestampMs: 1 })) });
    writeAppend(this.commands, id, slot, true, batch);
    this.commands.commit();
    return id;
  }

  locate(slot: number, offset: number, bytesMax: number, ahead = false): number {
    const id = this.nextId++;
    writeLocate(this.commands, id, slot, offset, bytesMax, ahead);
    this.commands.commit();
    return id;
  }

  /** Lets the shard work until it would sleep, hearing what it says. */
  settle(): void {
    while (this.turn());
  }

  turn(): boolean {
    const worked = this.shard.turn();
    while (this.completions.poll()) this.hear();
    this.completions.release();
    return worked;
  }

  row(slot: number): WatermarkRow {
    const row = emptyRow();
    this.board.read(slot, row);
    return row;
  }

  errorOf(id: number): string {
    const found = this.acknowledged.find((one) => one.id === id);
    return found === undefined ? 'unanswered' : found.error;
  }

  private hear(): void {
    const ring = this.completions;
    if (ring.type === APPENDED) {
      const error = errorName(errorCodeAt(ring));
      this.acknowledged.push({
        id: idAt(ring),
        error,
        baseOffset: baseOffsetAt(ring),
        message: refusalAt(ring).message,
      });
    } else if (ring.type === PROGRESS) this.progress.push(idAt(ring));
    else if (ring.type === NOTICE) this.notices.push(readNotice(ring));
    else this.replies.set(idAt(ring), readReply(ring));
  }
}
