/**
 * One partition on disk: append, locate, flush, recover. Synchronous; owned by one shard, which alone writes its files.
 *
 * A turn of the shard is `stage` for each batch (decides, stamps, remembers), then one `write` (one writev for each file),
 * then a group commit over many logs (`collectUnflushed`, sync, `onFlushed`). What is staged is not part of the log until
 * it is written: a full disk takes the whole turn back.
 */
import { join } from 'node:path';
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import type { FilePosition, LeaderEpoch, Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import type { LogConfig } from '../config/log-config.js';
import { validateBatch } from '../record/batch-validator.js';
import {
  baseSequenceOf,
  lastOffsetDeltaOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  stampLogAppendTime,
  stampPlace,
} from '../record/record-batch.js';
import { RefusedBatches } from '../record/refused-batches.js';
import type { AppendOutcome } from './append-outcome.js';
import { readDamage } from './damage-record.js';
import type { FileSystem } from './file-system.js';
import { FlushProgress } from './flush-progress.js';
import { FlushSet } from './flush-set.js';
import {
  type EpochEndOffset,
  type EpochParts,
  isEndOfEpoch,
  LEADER_EPOCH_FILE,
  LeaderEpochs,
  loadLeaderEpochs,
  rebuildLeaderEpochs,
} from './leader-epochs.js';
import { LogChecks } from './log-checks.js';
import { LogCompaction } from './log-compaction.js';
import { readLogFolder, snapshotPathAt } from './log-folder.js';
import { type Located, type LogPlace, locate, maxTimestamp, offsetAtTime, type RecordAtTime } from './log-reader.js';
import type { OpenFiles } from './open-files.js';
import { PartitionFolder } from './partition-folder.js';
import { trimRoom } from './prepared-room.js';
import { type RestoreParts, restoreHistory, restoreProducers } from './producer-restore.js';
import { encodeProducerSnapshot } from './producer-snapshot.js';
import { ProducerState, type SequenceVerdict } from './producer-state.js';
import { type LocatedRecords, locateRecords, type RecordLimits } from './record-range.js';
import { Recovery } from './recovery.js';
import { expired, NOTHING_RETIRED, type RetentionReason, type Retired, retire } from './retention.js';
import { SealedSegments } from './sealed-segments.js';
import { Segment } from './segment.js';
import { isRollDue } from './segment-age.js';
import { openActiveSegment } from './segment-open.js';
import { SegmentSearch, writeIndexFiles } from './segment-search.js';
import { StagedTurn } from './staged-turn.js';
import { flushing, onDisk, StorageError } from './storage-error.js';

const OFFSET_SPAN_MAX = 0x7fffffff;

export interface PartitionLogOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly openFiles: OpenFiles;
  readonly log: Logger;
  /** `<data folder>/<topic>-<partition>` */
  readonly directory: string;
  readonly topicId: Uuid;
  /** See {@link PartitionFolder}. */
  readonly claimMark?: string;
  readonly config: LogConfig;
  /** Stamped on everything that is appended; raised to the log's own last epoch where that is higher. */
  readonly leaderEpoch: LeaderEpoch;
  /** Everything below was flushed; the scan after a crash begins in its segment. */
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  /** Where the part begins that no compaction has seen; a cache, as far as that is known. */
  readonly firstDirtyOffset: Offset;
  /** How many damaged ranges were known: where there were any, a list of them that is not there was lost. */
  readonly damagedRanges: number;
  /** The log was closed by `close`, nothing needs to be scanned. */
  readonly clean: boolean;
  /** It was open already, and its disk failed. */
  readonly afterFailure?: boolean;
}

export class PartitionLog {
  readonly directory: string;
  readonly segments: Segment[] = [];
  readonly search: SegmentSearch;
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly compaction: LogCompaction;
  readonly checks: LogChecks;
  readonly sealed = new SealedSegments(this.segments);
  private readonly progress: FlushProgress;
  private readonly folder: PartitionFolder;
  private readonly clock: Clock;
  private readonly log: Logger;
  private readonly producers = new ProducerState();
  private readonly epochs = new LeaderEpochs();
  private readonly refused = new RefusedBatches();
  private readonly turn: StagedTurn;
  private config: LogConfig;
  private recovery: Recovery | null = null;
  /** Set once the disk broke its word: nothing is appended until the log was read again. */
  private failure: StorageError | null = null;
  private epoch: LeaderEpoch;
  private startOffset: Offset;
  private stagedEndOffset: Offset = 0;
  /** Something was appended, rolled or removed since the log was opened. */
  private changed = false;

  private constructor(private readonly options: PartitionLogOptions) {
    this.directory = options.directory;
    this.files = options.files;
    this.clock = options.clock;
    this.openFiles = options.openFiles;
    this.log = options.log;
    this.folder = new PartitionFolder(options.files, options.directory, options.topicId, options.claimMark);
    this.progress = new FlushProgress(this.segments, options.openFiles);
    this.config = options.config;
    this.epoch = options.leaderEpoch;
    this.startOffset = options.logStartOffset;
    const present = (): LogConfig => this.config;
    this.search = new SegmentSearch({
      files: this.files,
      openFiles: this.openFiles,
      log: this.log,
      get config() {
        return present();
      },
      examine: (segment) => this.checks.examine(segment),
    });
    const { files, openFiles, directory, segments, folder, progress, producers } = this;
    const parts = { files, openFiles, directory, segments, folder, progress, producers, config: present };
    this.compaction = new LogCompaction(parts, options.firstDirtyOffset);
    this.checks = new LogChecks({ files, openFiles, log: this.log, directory, segments, written: () => this.written });
    this.turn = new StagedTurn(this);
  }

  // --- opening and closing

  /**
   * Opens the log of a folder; where there is none, nothing is made before the first append. Not usable before
   * {@link recoverSlice} says true. @throws StorageError
   */
  static open(options: PartitionLogOptions): PartitionLog {
    const log = new PartitionLog(options);
    onDisk('open', options.directory, () => log.load(options.clean));
    return log;
  }

  private load(clean: boolean): void {
    const { files, directory } = this;
    const { recoveryPoint, logStartOffset } = this.options;
    // What was known of a log of another topic says nothing about this one.
    const knownEnd = this.folder.putStrangerAside(this.log) ? 0 : Math.max(recoveryPoint, logStartOffset);
    if (knownEnd === 0) this.startOffset = 0;
    const found = readLogFolder(files, directory, this.log);
    this.folder.begin(found.snapshots, found.exists && !clean);
    this.segments.splice(0, this.segments.length, ...found.segments);
    this.producers.clear();
    if (this.segments.length === 0) {
      if (knownEnd > 0) {
        throw new StorageError(
          `${directory} held records up to offset ${knownEnd} and now holds none: bring the folder back (is its disk ` +
            'mounted?), or delete the topic and make it anew.',
          directory,
          null,
          'gone',
        );
      }
      this.finishOpening(0);
      return;
    }
    const damageIsKnown = readDamage(files, directory, this.segments, this.options.damagedRanges);
    if (!damageIsKnown)
      this.log.warn({ log: directory }, 'The list of damaged ranges is gone or cannot be read: all is checked again.');
    loadLeaderEpochs(this.epochParts(), this.epochs);
    // One that the node never had came with a log of Apache Kafka's, or a digit of the checkpoint has rotted.
    if (this.epochs.latest > this.options.leaderEpoch) rebuildLeaderEpochs(this.epochParts(), this.epochs);
    const active = this.segments[this.segments.length - 1];
    if (clean && damageIsKnown) {
      const endOffset = openActiveSegment(files, this.search, active, this.config.indexIntervalBytes);
      // A folder that was moved here says nothing of where its log ended.
      if (endOffset !== null && (recoveryPoint === 0 || endOffset === recoveryPoint)) {
        restoreProducers(this.restoreParts(), this.producers, endOffset);
        this.finishOpening(endOffset);
        return;
      }
      this.log.warn(
        { segment: active.path },
        'The last segment is not as it was left and is checked from its beginning.',
      );
    }
    const flushedEnd = clean ? Math.max(active.baseOffset, recoveryPoint) : recoveryPoint;
    this.recovery = new Recovery(
      {
        ...this.restoreParts(),
        segments: this.segments,
        openFiles: this.openFiles,
        config: this.config,
        epochs: this.epochs,
        nodeEpoch: this.options.leaderEpoch,
        producers: this.producers,
        afterFailure: this.options.afterFailure ?? false,
        removeSnapshot: (offset) => this.folder.unlinkSnapshot(offset),
      },
      damageIsKnown ? flushedEnd : null,
      flushedEnd,
      this.startOffset,
    );
  }

  /** Does about `budgetBytes` of recovery; true when the log may be used. @throws StorageError */
  recoverSlice(budgetBytes: number): boolean {
    const { recovery } = this;
    if (recovery === null) return true;
    if (!onDisk('recover', this.directory, () => recovery.slice(budgetBytes))) return false;
    flushing(this.directory, () => {
      this.folder.claim();
      this.folder.flush();
    });
    // The mode may have changed meanwhile, and a new one finds everything flushed.
    if (this.config.flush !== 'never') recovery.unflushed.flush();
    this.recovery = null;
    this.changed = true;
    this.sealed.begin(recovery.unflushed.rest);
    this.finishOpening(recovery.endOffset, recovery.unflushed.start);
    return true;
  }

  private finishOpening(endOffset: Offset, unflushedFrom: Readonly<LogPlace> | null = null): void {
    const first = this.segments[0];
    if (first !== undefined && endOffset < this.startOffset) {
      throw new StorageError(
        `${this.directory} ends at offset ${endOffset}, but its log is said to start at ${this.startOffset}: records are ` +
          'missing, and what is left is not touched. Bring the files back, or delete the topic and make it anew.',
        this.directory,
        null,
        'gone',
      );
    }
    if (first !== undefined) this.startOffset = Math.max(this.startOffset, first.baseOffset);
    this.epochs.truncateFromEnd(endOffset);
    this.epochs.truncateFromStart(this.startOffset);
    this.epoch = Math.max(this.options.leaderEpoch, this.epochs.latest);
    this.stagedEndOffset = endOffset;
    this.progress.begin(endOffset, unflushedFrom, this.clock.monotonicMs());
    this.compaction.begin(this.startOffset);
    this.checks.recount();
    this.failure = null;
  }

  private epochParts(): EpochParts {
    const { files, directory, segments, search } = this;
    return { files, directory, segments, search, nodeEpoch: this.options.leaderEpoch };
  }

  private restoreParts(): RestoreParts {
    const { files, clock, log, directory, segments, search } = this;
    return { files, clock, log, directory, segments, snapshots: this.folder.snapshots, search };
  }

  /** Writes and flushes everything, and what a quick start needs; then lets go of all files. @throws StorageError */
  close(): void {
    this.write();
    if (this.changed && this.failure === null) onDisk('close', this.directory, () => this.leaveClean());
    this.openFiles.closeUnder(this.directory);
  }

  private leaveClean(): void {
    const { files, openFiles, folder } = this;
    const active = this.segments.at(-1);
    if (active === undefined) return;
    if (active.preparedBytes > active.writtenBytes) {
      trimRoom(files, openFiles.descriptor(active.path, 'write'), active, active.writtenBytes);
    }
    const unflushed = new FlushSet();
    this.sealed.writeAllAgain();
    this.progress.collect(unflushed);
    for (const fd of unflushed.files) files.fdatasync(fd);
    writeIndexFiles(files, openFiles, active);
    const endOffset = this.progress.written.offset;
    files.writeFileAtomically(snapshotPathAt(folder.path, endOffset), encodeProducerSnapshot(this.producers), false);
    folder.addSnapshot(endOffset);
    // Those of earlier stops, and of segments that are gone, have had their time.
    const bases = new Set(this.segments.map((segment) => segment.baseOffset));
    const spent = folder.snapshots.filter((offset) => offset !== endOffset && !bases.has(offset));
    for (const offset of spent) folder.unlinkSnapshot(offset);
    if (this.epochs.changed || this.epochs.startMoved) this.saveLeaderEpochs();
    folder.hasNewEntry = true;
    folder.flush();
    this.progress.settle(this.clock.monotonicMs());
  }

  /** Closes all files without flushing; nothing may be asked of this log any more. */
  abandon(): void {
    this.failure ??= new StorageError(`${this.directory} was abandoned`, this.directory);
    this.sealed.forget();
    this.openFiles.closeUnder(this.directory);
  }

  /** Renames the folder out of the way, durably. Returns what is to be deleted; the log is of no use any more. */
  remove(): string[] {
    this.abandon();
    return this.folder.retire();
  }

  reconfigure(config: LogConfig): void {
    this.config = config;
  }

  // --- appending

  /**
   * Decides on the batch in `bytes[start, start + length)`, gives it its place, stamps that into `bytes`, and keeps a view
   * of it until {@link write}. No file is touched, except that a sequence out of order may make older headers be read.
   * @throws StorageError from that reading
   */
  stage(
    bytes: Uint8Array,
    start: number,
    length: number,
    nowMs: number,
    fromClient: boolean,
    outcome: AppendOutcome,
  ): void {
    outcome.baseOffset = -1;
    outcome.logAppendTimeMs = -1;
    outcome.duplicate = false;
    outcome.segmentBase = -1;
    outcome.position = -1;
    outcome.length = length;
    if (this.failure !== null) {
      outcome.error = 'KAFKA_STORAGE_ERROR';
      outcome.message = this.failure.message;
      return;
    }
    outcome.error = validateBatch(bytes, start, length, this.config, nowMs, fromClient, outcome);
    if (outcome.error !== 'NONE') return;
    const producerId = producerIdOf(bytes, start);
    if (producerId >= 0 && fromClient && !this.isNext(bytes, start, producerId, outcome)) return;
    const { turn } = this;
    if (!turn.isOpen) turn.begin(this.epochs.length);
    const baseOffset = this.stagedEndOffset;
    if (this.config.timestampType === 'LogAppendTime') {
      stampLogAppendTime(bytes, start, length, nowMs);
      outcome.logAppendTimeMs = nowMs;
    }
    const timestampMs = maxTimestampOf(bytes, start);
    const segment = this.segmentFor(length, lastOffsetDeltaOf(bytes, start), timestampMs, nowMs);
    stampPlace(bytes, start, baseOffset, this.epoch);
    if (producerId >= 0) {
      this.producers.rememberBefore(producerId);
      this.producers.append(bytes, start, nowMs);
    }
    this.epochs.assign(this.epoch, baseOffset);
    outcome.baseOffset = baseOffset;
    outcome.segmentBase = segment.baseOffset;
    outcome.position = segment.stagedBytes;
    segment.note(bytes, start, segment.stagedBytes, length, this.config.indexIntervalBytes);
    segment.stagedBytes += length;
    segment.lastAppendMs = nowMs;
    if (segment.firstAppendMs < 0) segment.firstAppendMs = nowMs;
    this.stagedEndOffset = baseOffset + lastOffsetDeltaOf(bytes, start) + 1;
    turn.add(bytes.subarray(start, start + length), segment);
  }

  /** True where the producer's batch is the next one; otherwise `outcome` has the error, or the place of the original. */
  private isNext(bytes: Uint8Array, start: number, producerId: number, outcome: AppendOutcome): boolean {
    const { producers, refused } = this;
    if (!refused.isEmpty && refused.mustWait(bytes, start)) {
      outcome.error = 'NOT_ENOUGH_REPLICAS';
      outcome.message = 'the disk was full for a batch that this producer sent before; retry';
      return false;
    }
    const epoch = producerEpochOf(bytes, start);
    const firstSequence = baseSequenceOf(bytes, start);
    const delta = lastOffsetDeltaOf(bytes, start);
    let verdict: SequenceVerdict = producers.check(producerId, epoch, firstSequence, delta);
    const producer = producers.get(producerId);
    if (verdict === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && producer?.isComplete === false) {
      onDisk('read', this.directory, () => restoreHistory(this.restoreParts(), producer));
      verdict = producers.check(producerId, epoch, firstSequence, delta);
    }
    if (verdict === 'next') return true;
    if (verdict === 'repeated') {
      const original = producers.repeated;
      assert(original !== null, 'a repeated batch has an original');
      outcome.duplicate = true;
      outcome.baseOffset = original.lastOffset - original.offsetDelta;
      if (this.config.timestampType === 'LogAppendTime') outcome.logAppendTimeMs = original.timestampMs;
      return false;
    }
    outcome.error = verdict;
    outcome.message = producers.message;
    return false;
  }

  /** The segment that takes a batch of `length` bytes: the active one, or a new one where that is full or old. */
  private segmentFor(length: number, lastOffsetDelta: number, timestampMs: number, nowMs: number): Segment {
    const active = this.segments.at(-1);
    if (active === undefined) return this.beginSegment();
    if (active.stagedBytes === 0 && active.offsets !== null) return active;
    const { segmentBytesMax, indexBytesMax } = this.config;
    const isFull =
      active.stagedBytes + length > segmentBytesMax ||
      isRollDue(active, this.config, this.search, timestampMs, nowMs) ||
      active.indexesAreFull(indexBytesMax) ||
      this.stagedEndOffset + lastOffsetDelta - active.baseOffset >= OFFSET_SPAN_MAX;
    if (!isFull) return active;
    const snapshot = encodeProducerSnapshot(this.producers);
    const opened = this.beginSegment();
    this.turn.roll(active, opened, snapshot);
    return opened;
  }

  private beginSegment(): Segment {
    const segment = new Segment(this.directory, this.stagedEndOffset);
    segment.startIndexes();
    this.segments.push(segment);
    return segment;
  }

  /**
   * Writes everything staged. @throws StorageError, and then nothing of it is part of the log: where `full` is set the log
   * stands as before and may be used on, otherwise it has to be read again.
   */
  write(): void {
    const { turn } = this;
    if (!turn.isOpen) return;
    const makesFiles = turn.makesFiles;
    try {
      onDisk('make', this.directory, () => this.folder.makeReady());
      turn.write(this.config);
      if (this.epochs.changed) onDisk('write the epochs of', this.directory, () => this.saveLeaderEpochs());
    } catch (error) {
      throw this.undoTurn(error);
    }
    for (const offset of turn.rolledAt()) this.folder.addSnapshot(offset);
    if (this.config.flush === 'never') for (const { sealed } of turn.rolls) this.sealed.add(sealed);
    turn.commit(this.config.flush !== 'never');
    this.producers.keepTurn();
    if (makesFiles) this.folder.hasNewEntry = true;
    this.changed = true;
    this.progress.advance(this.stagedEndOffset, this.clock.monotonicMs());
  }

  /** Back to before the turn; where even that fails, or the disk is not merely full, the log is done for. */
  private undoTurn(error: unknown): unknown {
    const cause = error instanceof StorageError ? error : null;
    if (cause?.full) for (const batch of this.turn.batches) this.refused.note(batch, 0);
    this.producers.undoTurn();
    this.epochs.shorten(this.turn.epochsBefore);
    this.stagedEndOffset = this.progress.written.offset;
    // That of an earlier stop at the same offset had the same name.
    for (const offset of this.turn.rolledAt()) this.folder.dropSnapshot(offset);
    try {
      this.turn.undo();
    } catch (second) {
      // Whatever its code, a full disk's too: the log is not as it was before, so it is no matter of room any more.
      const { message, trouble } = second as StorageError;
      const named = trouble === 'disk full' ? 'disk error' : trouble;
      this.failure = new StorageError(`A turn could not be taken back: ${message}`, this.directory, second, named);
      return this.failure;
    }
    if (cause === null || !cause.full) this.failure = cause ?? new StorageError(String(error), this.directory, error);
    return error;
  }

  /** Seals the active segment and begins a new one, unless nothing is in it. @throws StorageError */
  roll(): void {
    this.write();
    const active = this.segments.at(-1);
    if (active === undefined || active.writtenBytes === 0) return;
    this.turn.begin(this.epochs.length);
    const snapshot = encodeProducerSnapshot(this.producers);
    this.turn.roll(active, this.beginSegment(), snapshot);
    this.write();
  }

  /** Not waited for: what a crash leaves of it is made good from the batches. */
  private saveLeaderEpochs(): void {
    this.files.writeFileAtomically(join(this.directory, LEADER_EPOCH_FILE), Buffer.from(this.epochs.encode()), false);
    this.epochs.changed = false;
    this.epochs.startMoved = false;
  }

  // --- flushing

  /** Adds all that must be made durable for the log to be flushed up to its present end. @throws StorageError */
  collectUnflushed(set: FlushSet): void {
    this.sealed.writeAllAgain();
    this.progress.collect(set);
    this.folder.collect(set);
  }

  /** What was collected last is on disk. */
  onFlushed(): void {
    this.progress.settle(this.clock.monotonicMs());
    this.folder.settle();
  }

  /** The sealed segment and its folder's entries are on disk; the flushed end moves over all that are, without a gap. */
  onSealedFlushed(segmentBase: Offset): void {
    this.progress.sealedFlushed(segmentBase);
    // It was sealed as the next one was made.
    const next = this.segments.find(({ baseOffset }) => baseOffset > segmentBase);
    if (next !== undefined) this.folder.segmentsAreNamed(next.baseOffset);
  }

  // --- what a log knows of itself

  get logStartOffset(): Offset {
    return this.startOffset;
  }

  /** Where the last written and the last flushed batch end. */
  get written(): Readonly<LogPlace> {
    return this.progress.written;
  }

  get flushed(): Readonly<LogPlace> {
    return this.progress.flushed;
  }

  /** The next offset to be written; what is only staged does not count. */
  get logEndOffset(): Offset {
    return this.written.offset;
  }

  get flushedEndOffset(): Offset {
    return this.flushed.offset;
  }

  get leaderEpoch(): LeaderEpoch {
    return this.epoch;
  }

  get sizeBytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.writtenBytes;
    return bytes;
  }

  get unflushedRecords(): number {
    return this.written.offset - this.flushed.offset;
  }

  /** When the oldest unflushed batch was written, by the clock that never goes back; -1 where all is flushed. */
  get unflushedSinceMs(): number {
    return this.progress.unflushedSinceMs;
  }

  get endSegmentBase(): Offset {
    return this.written.segmentBase;
  }

  get endPosition(): FilePosition {
    return this.written.position;
  }

  get flushedSegmentBase(): Offset {
    return this.flushed.segmentBase;
  }

  get flushedPosition(): FilePosition {
    return this.flushed.position;
  }

  // --- reading

  /** See {@link locate}. @throws StorageError */
  locate(offset: Offset, maxBytes: number, upToOffset: Offset, wholeFirst: boolean): Located | null {
    return locate(this, offset, maxBytes, upToOffset, wholeFirst);
  }

  /** See {@link locateRecords}. @throws StorageError */
  locateRecords(offset: Offset, upTo: Offset, limits: RecordLimits): LocatedRecords {
    return locateRecords(this, offset, upTo, limits);
  }

  /** See {@link offsetAtTime}. @throws StorageError, KafkaError CORRUPT_MESSAGE */
  offsetAtTime(timestampMs: number, upTo: Offset): RecordAtTime | null {
    return offsetAtTime(this, timestampMs, Math.min(upTo, this.written.offset));
  }

  /** See {@link maxTimestamp}. @throws StorageError, KafkaError CORRUPT_MESSAGE */
  maxTimestamp(upTo: Offset): RecordAtTime | null {
    return maxTimestamp(this, Math.min(upTo, this.written.offset));
  }

  /** One row for each idempotent producer that the log remembers. */
  activeProducers(): { producerId: number; producerEpoch: number; lastSequence: number; lastTimestampMs: number }[] {
    return Array.from(this.producers.all(), ({ producerId, epoch, batches }) => ({
      producerId,
      producerEpoch: epoch,
      lastSequence: batches.at(-1)?.lastSequence ?? -1,
      lastTimestampMs: batches.at(-1)?.timestampMs ?? -1,
    }));
  }

  /** Where `epoch` ended, see {@link LeaderEpochs}. @throws StorageError */
  endOfEpoch(epoch: LeaderEpoch): EpochEndOffset {
    const { epochs, written, log, directory, startOffset } = this;
    const end = epochs.endOf(epoch, this.epoch, written.offset);
    if (epoch >= this.epoch || epoch < 0) return end;
    return onDisk('read', directory, () => {
      try {
        if (isEndOfEpoch(this.epochParts(), epoch, end, startOffset, written.offset)) return end;
      } catch (error) {
        // Where the batches are damaged, nobody can say better.
        if (error instanceof KafkaError) return end;
        throw error;
      }
      log.warn({ log: directory }, 'The checkpoint of leader epochs is wrong and is built anew.');
      rebuildLeaderEpochs(this.epochParts(), epochs);
      return epochs.endOf(epoch, this.epoch, written.offset);
    });
  }

  // --- removing

  /**
   * Moves the log start up to `offset` (never down, never beyond the end) and takes segments that lie wholly below it out
   * of the log. @throws StorageError
   */
  deleteRecordsBefore(offset: Offset): Retired {
    assert(!this.turn.isOpen, 'no segment goes while batches that are staged rely on its place');
    if (offset <= this.startOffset) return NOTHING_RETIRED;
    this.startOffset = Math.min(offset, this.written.offset);
    this.epochs.truncateFromStart(this.startOffset);
    this.changed = true;
    let gone = 0;
    while (gone + 1 < this.segments.length && this.segments[gone + 1].baseOffset <= this.startOffset) gone++;
    return this.takeOut(this.segments.slice(0, gone));
  }

  /** Why each of the first segments has had its time, by `retention.ms` or `retention.bytes`. @throws StorageError */
  expired(nowMs: number): RetentionReason[] {
    return expired(this.segments, this.config, this.search, nowMs);
  }

  /**
   * Takes the first `wanted` segments out of the log, the active one too where it is among them: less than that where
   * consumers have not seen all of them, or a full disk has no room for the segment that the log would go on with.
   * @throws StorageError
   */
  retireFirst(wanted: number): Retired {
    const { segments, written, flushed } = this;
    const shownTo = this.config.flush === 'never' ? written.offset : flushed.offset;
    let count = Math.min(wanted, segments.length);
    while (count > 0 && (segments[count]?.baseOffset ?? written.offset) > shownTo) count--;
    if (count === 0) return NOTHING_RETIRED;
    // The new segment's name is what the log end is known by once all before it is gone.
    if (count === segments.length && !this.rollIfRoom()) count--;
    return count === 0 ? NOTHING_RETIRED : this.deleteRecordsBefore(segments[count].baseOffset);
  }

  private rollIfRoom(): boolean {
    try {
      this.roll();
      return true;
    } catch (error) {
      if (error instanceof StorageError && error.full && this.failure === null) return false;
      throw error;
    }
  }

  private takeOut(gone: readonly Segment[]): Retired {
    if (gone.length === 0) return NOTHING_RETIRED;
    // What the log begins with then must be found after a crash before anything is taken away.
    const first = this.segments[gone.length];
    if (!this.folder.isNamed(first.baseOffset)) flushing(this.directory, () => this.folder.flush());
    const retired = retire(this.files, this.openFiles, gone);
    this.segments.splice(0, gone.length);
    this.checks.recount();
    for (const segment of gone) this.folder.dropSnapshot(segment.baseOffset);
    this.folder.hasNewEntry = true;
    return retired;
  }

  /** Forgets producers that were silent for `producer.id.expiration.ms`; to be called every few minutes. */
  expireProducers(nowMs: number): number {
    return this.producers.expire(nowMs, this.config.producerIdExpirationMs);
  }
}
