/**
 * The watermark board: one row per partition in shared memory. Its shard writes rows, the main thread reads them.
 *
 *   page (SharedArrayBuffer): ROWS_PER_PAGE rows, each one cache line of 16 32-bit words
 *   ┌ 0 sequence ┬ 1 leader epoch ┬ 2-3 log start ┬ 4-5 flushed end ┬ 6-7 high watermark ┬ 8-9 last stable ┬ 10-11 log end ┐
 *   ├ 12-13 base offset of the segment that the high watermark lies in ┬ 14 byte position of the high watermark in it       ┤
 *   └ 15 damaged ranges ────────────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * A 64-bit value is (low, high) words. The sequence is odd while a row is being written; a reader that saw it odd, or
 * changed, reads again (sequence lock). "Flushed" and "may be read" are kept apart: they differ with `flush=never`.
 */
import type { LeaderEpoch, Offset } from '../base/units.js';

export const ROWS_PER_PAGE = 256;
const WORDS_PER_ROW = 16;

const SEQUENCE = 0;
const LEADER_EPOCH = 1;
const LOG_START = 2;
const FLUSHED_END = 4;
const HIGH_WATERMARK = 6;
const LAST_STABLE = 8;
const LOG_END = 10;
const SEGMENT_BASE = 12;
const POSITION = 14;
const DAMAGED_RANGES = 15;

const TWO_32 = 2 ** 32;

/** One row, read consistently. */
export interface WatermarkRow {
  leaderEpoch: LeaderEpoch;
  logStartOffset: Offset;
  flushedEndOffset: Offset;
  highWatermark: Offset;
  lastStableOffset: Offset;
  logEndOffset: Offset;
  /** Where the high watermark lies: the segment's base offset and the byte position in its file. */
  segmentBase: Offset;
  position: number;
  /** How many ranges of the log are known to be damaged: where there are any, only the shard can tell what may be read. */
  damagedRanges: number;
}

export const emptyRow = (): WatermarkRow => ({
  leaderEpoch: 0,
  logStartOffset: 0,
  flushedEndOffset: 0,
  highWatermark: 0,
  lastStableOffset: 0,
  logEndOffset: 0,
  segmentBase: 0,
  position: 0,
  damagedRanges: 0,
});

export const allocatePage = (): SharedArrayBuffer => new SharedArrayBuffer(ROWS_PER_PAGE * WORDS_PER_ROW * 4);

/** All pages of one shard's board, in order. Grows by pages; both sides add the same pages. */
export class WatermarkBoard {
  private readonly pages: Int32Array[] = [];

  addPage(page: SharedArrayBuffer): void {
    this.pages.push(new Int32Array(page));
  }

  get rowCount(): number {
    return this.pages.length * ROWS_PER_PAGE;
  }

  /** Shard only. */
  write(slot: number, row: WatermarkRow): void {
    const words = this.pages[Math.floor(slot / ROWS_PER_PAGE)];
    const at = (slot % ROWS_PER_PAGE) * WORDS_PER_ROW;
    Atomics.add(words, at + SEQUENCE, 1);
    Atomics.store(words, at + LEADER_EPOCH, row.leaderEpoch);
    store64(words, at + LOG_START, row.logStartOffset);
    store64(words, at + FLUSHED_END, row.flushedEndOffset);
    store64(words, at + HIGH_WATERMARK, row.highWatermark);
    store64(words, at + LAST_STABLE, row.lastStableOffset);
    store64(words, at + LOG_END, row.logEndOffset);
    store64(words, at + SEGMENT_BASE, row.segmentBase);
    Atomics.store(words, at + POSITION, row.position | 0);
    Atomics.store(words, at + DAMAGED_RANGES, row.damagedRanges);
    Atomics.add(words, at + SEQUENCE, 1);
  }

  /** Fills `row`. Spins only while the shard is in the middle of `write`, some tens of nanoseconds. */
  read(slot: number, row: WatermarkRow): void {
    const words = this.pages[Math.floor(slot / ROWS_PER_PAGE)];
    const at = (slot % ROWS_PER_PAGE) * WORDS_PER_ROW;
    for (;;) {
      const before = Atomics.load(words, at + SEQUENCE);
      if ((before & 1) === 1) continue;
      row.leaderEpoch = Atomics.load(words, at + LEADER_EPOCH);
      row.logStartOffset = load64(words, at + LOG_START);
      row.flushedEndOffset = load64(words, at + FLUSHED_END);
      row.highWatermark = load64(words, at + HIGH_WATERMARK);
      row.lastStableOffset = load64(words, at + LAST_STABLE);
      row.logEndOffset = load64(words, at + LOG_END);
      row.segmentBase = load64(words, at + SEGMENT_BASE);
      row.position = Atomics.load(words, at + POSITION) >>> 0;
      row.damagedRanges = Atomics.load(words, at + DAMAGED_RANGES);
      if (Atomics.load(words, at + SEQUENCE) === before) return;
    }
  }

  /** After the writing thread died in the middle of a row: the sequence is made even again. */
  repair(slot: number): void {
    const words = this.pages[Math.floor(slot / ROWS_PER_PAGE)];
    const at = (slot % ROWS_PER_PAGE) * WORDS_PER_ROW;
    if ((Atomics.load(words, at + SEQUENCE) & 1) === 1) Atomics.add(words, at + SEQUENCE, 1);
  }
}

function store64(words: Int32Array, at: number, value: number): void {
  Atomics.store(words, at, value | 0);
  Atomics.store(words, at + 1, Math.floor(value / TWO_32));
}

function load64(words: Int32Array, at: number): number {
  return (Atomics.load(words, at) >>> 0) + Atomics.load(words, at + 1) * TWO_32;
}
