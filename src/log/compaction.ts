/**
 * Compaction: rewrites the sealed part of a log so that each key keeps its last value, a step at a time. Lives in the pool
 * and writes files of its own alone; what becomes of them is the shard's decision (log-compaction.ts).
 *
 * Two passes. The first notes the newest offset of every key of the dirty part, until the map is full: what did not fit is
 * dirty the next time, so that any number of keys needs the same memory. The second copies the log from its start to where
 * the map ends, in groups of neighbouring segments that together make one, and leaves out
 *
 *  - records whose key stands again further on, and records without a key;
 *  - tombstones whose delete horizon has passed. It is stamped on their batch when they are first seen here, and from then
 *    on nothing that they replaced is in the log any more: it was in front of them, and is left out in the same pass.
 *
 * What was written in a transaction may have been aborted, and nothing here knows: it replaces nothing, and its tombstones
 * stay. It is left out where something that was written outside of any transaction replaces it.
 *
 * A batch that loses all of its records goes, unless a producer's sequences rest on it, or it is the last of its group: then
 * its header stays. The last, because what is left must reach as far as what it replaces: a reader who wants to know that
 * he has come to the end must get there, and a start after a crash sees from the file alone which segments it stands for.
 */

import type { CompactedSegment, CompactionMemory, CompactionOutcome, CompactionPlan } from '../base/compaction-plan.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Offset } from '../base/units.js';
import { BatchFilter, emptied, plainRecords } from '../record/batch-filter.js';
import {
  baseOffsetOf,
  baseTimestampOf,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  lastOffsetOf,
  producerIdOf,
  recordsCountOf,
} from '../record/record-batch.js';
import { RecordCursor } from '../record/record-cursor.js';
import { BatchReader } from './batch-reader.js';
import { CleanedSegment } from './cleaned-segment.js';
import { CompactionError } from './compaction-error.js';
import type { FileSystem } from './file-system.js';
import { KeyOffsets } from './key-offsets.js';
import { segmentFileName } from './segment-name.js';
import { onDisk } from './storage-error.js';

/** Bytes read and written since the last step, or a segment to be swapped in before the next. */
export type CompactionStep = number | CompactedSegment;

const STEP_BYTES = 1024 * 1024;
const OFFSET_SPAN_MAX = 0x7fffffff;
/** A swap names all of its files in one answer of a shard, which has to fit into a ring. */
const SOURCES_MAX = 500;
/** Timestamps are told from the horizon, as differences that must not lose a digit: some 71,000 years from now. */
const HORIZON_MS_MAX = 2 ** 51;

interface SourceSegment {
  readonly baseOffset: Offset;
  /** Base offset of the next segment. */
  readonly endOffset: Offset;
  readonly bytes: number;
  readonly indexBytes: number;
  readonly modifiedMs: number;
  readonly damaged: boolean;
}

export class Compaction {
  private readonly reader: BatchReader;
  private readonly filter = new BatchFilter();
  private readonly cursor = new RecordCursor();
  private readonly keys: KeyOffsets;
  private readonly producerBatches: ReadonlySet<Offset>;
  private readonly sources: readonly SourceSegment[];
  /** Where the map ends. */
  private cleanedTo: Offset;
  /** Delete horizon of the present batch, -1 where it has none that counts. */
  private horizonMs = -1;
  /** A tombstone stands where all is said to be clean, and nobody ever saw it here. */
  private contradicted = false;
  private countedBytes = 0;
  private writtenBytes = 0;
  private recordsBefore = 0;
  private recordsAfter = 0;
  private bytesBefore = 0;
  private bytesAfter = 0;
  private unreadable = 0;

  constructor(
    private readonly files: FileSystem,
    private readonly plan: CompactionPlan,
    memory: CompactionMemory,
  ) {
    this.reader = new BatchReader(files, plan.directory);
    this.producerBatches = new Set(plan.producerBatches);
    this.sources = plan.segments.map((baseOffset, at) => this.sourceOf(baseOffset, plan.segments[at + 1]));
    this.cleanedTo = plan.endOffset;
    const dirtyOffsets = plan.endOffset - plan.firstDirtyOffset;
    this.keys = new KeyOffsets(plan.firstDirtyOffset, memory.bytesMax, memory.loadFactor, dirtyOffsets);
  }

  /**
   * The whole work. Whoever runs it goes on after a {@link CompactedSegment} once that was swapped in, or ends it there by
   * `return`, which takes away what is half made. @throws CompactionError, StorageError
   */
  *run(): Generator<CompactionStep, CompactionOutcome> {
    try {
      yield* this.noteKeys();
      for (const group of this.groups()) yield* this.rewrite(group);
    } finally {
      this.reader.close();
    }
    return {
      // Then nothing that is said to be clean can be believed: the next time begins at the log's start.
      firstDirtyOffset: this.contradicted ? this.plan.segments[0] : this.cleanedTo,
      keys: this.keys.size,
      recordsBefore: this.recordsBefore,
      recordsAfter: this.recordsAfter,
      bytesBefore: this.bytesBefore,
      bytesAfter: this.bytesAfter,
      unreadableBatches: this.unreadable,
    };
  }

  private sourceOf(baseOffset: Offset, next: Offset | undefined): SourceSegment {
    const { files, plan } = this;
    const path = `${plan.directory}/${segmentFileName(baseOffset, '.log')}`;
    const stat = onDisk('look at', path, () => files.stat(path));
    if (stat === null) throw new CompactionError(`${path} is gone`);
    return {
      baseOffset,
      endOffset: next ?? plan.endOffset,
      bytes: stat.size,
      indexBytes: files.stat(`${plan.directory}/${segmentFileName(baseOffset, '.index')}`)?.size ?? 0,
      modifiedMs: stat.mtimeMs,
      damaged: plan.damaged.includes(baseOffset),
    };
  }

  // --- the first pass

  private *noteKeys(): Generator<number> {
    const { reader, plan } = this;
    for (const source of this.sources) {
      if (source.endOffset <= plan.firstDirtyOffset || source.damaged) continue;
      this.open(source);
      while (this.next()) {
        if (lastOffsetOf(reader.batch, 0) < plan.firstDirtyOffset || isControl(reader.batch, 0)) continue;
        if (isTransactional(reader.batch, 0)) continue;
        if (!this.noteKeysOf(reader.batch)) return;
        if (this.uncounted >= STEP_BYTES) yield this.count();
      }
    }
    yield this.count();
  }

  /** False where the map is full. */
  private noteKeysOf(batch: Buffer): boolean {
    const { cursor, keys, plan } = this;
    const baseOffset = baseOffsetOf(batch, 0);
    const count = recordsCountOf(batch, 0);
    const plain = this.readable(() => {
      const bytes = plainRecords(batch);
      cursor.begin(bytes, count);
      while (cursor.next());
      return bytes;
    });
    if (plain === null) return true;
    cursor.begin(plain, count);
    while (cursor.next()) {
      const offset = baseOffset + cursor.offsetDelta;
      if (offset < plan.firstDirtyOffset || cursor.keyLength < 0) continue;
      if (keys.isFull || !keys.reaches(offset)) {
        this.cleanedTo = offset;
        return false;
      }
      keys.put(cursor.bytes, cursor.keyStart, cursor.keyLength, offset);
    }
    return true;
  }

  // --- the second pass

  /** Neighbours that fit into one segment; damaged and empty ones stand between groups. */
  private *groups(): Generator<SourceSegment[]> {
    const { segmentBytesMax, indexBytesMax } = this.plan;
    let group: SourceSegment[] = [];
    let bytes = 0;
    let indexBytes = 0;
    for (const source of this.sources) {
      if (source.baseOffset >= this.cleanedTo) break;
      const leftAlone = source.damaged || source.bytes === 0;
      const fits =
        group.length === 0 ||
        (group.length < SOURCES_MAX &&
          bytes + source.bytes <= segmentBytesMax &&
          indexBytes + source.indexBytes <= indexBytesMax &&
          source.endOffset - group[0].baseOffset <= OFFSET_SPAN_MAX);
      if (group.length > 0 && (leftAlone || !fits)) {
        yield group;
        group = [];
        bytes = 0;
        indexBytes = 0;
      }
      if (leftAlone) continue;
      group.push(source);
      bytes += source.bytes;
      indexBytes += source.indexBytes;
    }
    if (group.length > 0) yield group;
  }

  private *rewrite(group: readonly SourceSegment[]): Generator<CompactionStep> {
    const { files, plan, reader } = this;
    const output = new CleanedSegment(files, plan.directory, group[0].baseOffset, plan.indexIntervalBytes);
    try {
      let changed = group.length > 1;
      for (const source of group) {
        this.bytesBefore += source.bytes;
        this.open(source);
        while (this.next()) {
          const { batch } = reader;
          const left = this.leftOf(batch, reader.isAtLast && source === group.at(-1));
          if (left !== batch) changed = true;
          if (left !== null) output.append(left);
          this.writtenBytes += left?.length ?? 0;
          if (this.uncounted >= STEP_BYTES) yield this.count();
        }
      }
      this.bytesAfter += output.size;
      if (changed) {
        output.finish(Math.max(...group.map((source) => source.modifiedMs)));
        yield {
          baseOffset: group[0].baseOffset,
          sources: group.map((source) => source.baseOffset),
          bytes: output.size,
          maxTimestampMs: output.maxTimestampMs,
          maxTimestampOffset: output.maxTimestampOffset,
        };
      }
    } finally {
      output.discard();
    }
  }

  /** What stays of a batch: itself, another one, or null. */
  private leftOf(batch: Buffer, isLastOfGroup: boolean): Buffer | null {
    const count = recordsCountOf(batch, 0);
    this.recordsBefore += count;
    const lastOffset = lastOffsetOf(batch, 0);
    if (isControl(batch, 0) || baseOffsetOf(batch, 0) >= this.cleanedTo) {
      this.recordsAfter += count;
      return batch;
    }
    // Whoever sent a batch with a horizon of his own has not told when the tombstones were first seen here.
    const wasSeen = lastOffset < this.plan.firstDirtyOffset;
    const mayExpire = wasSeen && hasDeleteHorizon(batch, 0) && !isTransactional(batch, 0);
    this.horizonMs = mayExpire ? baseTimestampOf(batch, 0) : -1;
    const { filter } = this;
    const looked = this.readable(() => {
      filter.look(batch, this);
      return filter;
    });
    if (looked === null) {
      this.unreadable++;
      this.recordsAfter += count;
      return batch;
    }
    this.recordsAfter += filter.kept;
    if (filter.kept === 0) {
      const holds = isLastOfGroup || (producerIdOf(batch, 0) >= 0 && this.producerBatches.has(lastOffset));
      if (!holds) return null;
      return count === 0 ? batch : emptied(batch);
    }
    const horizonMs = this.horizonToStamp(wasSeen);
    return filter.kept === count && horizonMs < 0 ? batch : filter.rewritten(horizonMs);
  }

  private horizonToStamp(wasSeen: boolean): number {
    const { plan, filter } = this;
    if (!filter.keepsTombstone || this.horizonMs >= 0 || plan.damaged.length > 0) return -1;
    if (isTransactional(this.reader.batch, 0)) return -1;
    if (wasSeen) {
      this.contradicted = true;
      return -1;
    }
    return Math.min(plan.nowMs + plan.deleteRetentionMs, HORIZON_MS_MAX);
  }

  /** Whether a record of the present batch stays: asked by the filter. */
  keeps(record: RecordCursor, offset: Offset): boolean {
    if (offset >= this.cleanedTo) return true;
    if (record.keyLength < 0) return false;
    if (this.keys.get(record.bytes, record.keyStart, record.keyLength) > offset) return false;
    if (!record.isTombstone || this.plan.damaged.length > 0) return true;
    return this.horizonMs < 0 || this.plan.nowMs < this.horizonMs;
  }

  // --- reading, and counting what it costs

  private open({ baseOffset, endOffset }: SourceSegment): void {
    onDisk('open', this.plan.directory, () => this.reader.open(baseOffset, endOffset));
  }

  private next(): boolean {
    return onDisk('read', this.plan.directory, () => this.reader.next());
  }

  /**
   * null where the present batch is what its producer sent and yet cannot be read (it came before anybody looked at the
   * records of this topic): nobody can tell what it replaces, so it replaces nothing and stays.
   * @throws CompactionError where it is this process that cannot read it
   */
  private readable<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (error.error !== 'UNSUPPORTED_COMPRESSION_TYPE') return null;
      throw new CompactionError(`${this.plan.directory} cannot be read: ${error.message.replace(/\.$/, '')}`);
    }
  }

  private get uncounted(): number {
    return this.reader.readBytes + this.writtenBytes - this.countedBytes;
  }

  private count(): number {
    const bytes = this.uncounted;
    this.countedBytes += bytes;
    return bytes;
  }
}
