/** Partitions as the main thread uses them: appends into rings, readings of the board, file ranges for readers. */

import type { Clock } from '../base/clock.js';
import type { Congestion } from '../base/congestion.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Logger } from '../base/logger.js';
import { type DamagedRange, NEVER_SCRUBBED, type ScrubProgress } from '../base/segment-check.js';
import type { LeaderEpoch, Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import type { CompactionSettings } from '../config/broker-config.js';
import type { LogConfig } from '../config/log-config.js';
import type { LogDirectories, LogDirectory } from '../log/log-directories.js';
import type { Metrics } from '../metrics/metrics.js';
import { RefusedBatches } from '../record/refused-batches.js';
import type { ActiveProducer, ShardReply, SurveyedLog } from '../ring/completions.js';
import { emptyRow, type WatermarkRow } from '../ring/watermarks.js';
import { Checkpoints } from './checkpoints.js';
import { Compactor } from './compactor.js';
import { DiskBudgets } from './disk-budgets.js';
import { isBelow, LingeringFiles } from './lingering-files.js';
import { PartitionEntry } from './partition-entry.js';
import { PartitionReader } from './partition-reader.js';
import type {
  AppendResult,
  DiskStanding,
  EpochEnd,
  LogDirectoryState,
  OffsetAtTime,
  PartitionHandle,
  PartitionSpec,
  Partitions,
  ReadResult,
  RecordsResult,
  Watermarks,
} from './partitions.js';
import { placeOn } from './placement.js';
import { Preparations } from './preparations.js';
import { Scrubber } from './scrubber.js';
import type { SegmentFiles } from './segment-files.js';
import type { ShardLink } from './shard-link.js';
import { ShardPool } from './shard-pool.js';
import type { SideJobs } from './side-jobs.js';

/** Where a log stands. */
export interface LogProgress {
  readonly topic: string;
  readonly index: number;
  readonly flushedEndOffset: Offset;
  readonly logStartOffset: Offset;
  readonly firstDirtyOffset: Offset;
  readonly damagedRanges: number;
  readonly scrub: ScrubProgress;
}

export interface PartitionClientOptions {
  readonly shardEntry: URL;
  readonly shards: number;
  readonly ringBytes: number;
  readonly directories: LogDirectories;
  readonly openFilesMax: number;
  readonly retentionCheckMs: number;
  /** null: nothing is compacted. */
  readonly compaction: CompactionSettings | null;
  /** How often everything sealed is checked; 0: never. */
  readonly scrubIntervalMs: number;
  /** `log.budget.bytes`: null to decide at the first start, 0 for none. */
  readonly budgetBytes: number | null;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly segmentFiles: SegmentFiles;
  readonly sideJobs: SideJobs;
  readonly onFatal: (reason: string) => void;
}

const refusedFull: AppendResult = {
  error: 'NOT_ENOUGH_REPLICAS',
  message: 'the disk is full; retry',
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
};

const refusedCrowded: AppendResult = { ...refusedFull, message: 'more is being produced than the disk takes; retry' };

/** What is deleted on a full disk is gone within moments. */
const CHECKPOINT_TRIES = 4;
const CHECKPOINT_AGAIN_MS = 250;

export class PartitionClient implements Partitions {
  /** Stamped on the batches of every partition opened from now on. */
  leaderEpoch: LeaderEpoch = 0;
  private readonly pool: ShardPool;
  private readonly reader: PartitionReader;
  private readonly preparations: Preparations;
  private readonly row: WatermarkRow = emptyRow();
  private filled: ShardLink | null = null;
  /** Names of partitions that were opened: what the earlier run knew of them is not said of the next topic of that name. */
  private readonly openedOnce = new Set<string>();
  /** Those whose folder of log.dirs is not there. */
  private readonly absent = new Set<PartitionEntry>();
  private readonly compactor: Compactor | null;
  private readonly scrubber: Scrubber;
  private readonly budgets: DiskBudgets;
  private readonly lingering: LingeringFiles;
  private readonly checkpoints: Checkpoints;
  /** A stop after one of them failed, and nobody was told, would not be an orderly one. */
  private readonly sealedFlushes = new Set<Promise<void>>();

  constructor(private readonly options: PartitionClientOptions) {
    this.checkpoints = new Checkpoints(options.sideJobs, options.logger, (directory) => this.progress(directory));
    this.pool = new ShardPool({
      entry: options.shardEntry,
      shards: options.shards,
      ringBytes: options.ringBytes,
      openFilesMax: options.openFilesMax,
      retentionCheckMs: options.retentionCheckMs,
      clock: options.clock,
      logger: options.logger,
      metrics: options.metrics,
      onState: (entry) => {
        entry.forgetPlaces();
        if (entry.state === 'online' && entry.traffic.firstEndOffset < 0) {
          entry.traffic.firstEndOffset = this.watermarks(entry).logEndOffset;
        }
        // When the log is read again, files may be put aside and others made under their names.
        if (entry.state === 'offline') {
          options.segmentFiles.forget(entry.directory);
          // Tells whether it is the whole folder.
          void this.checkpointHome(entry);
        }
        this.tell(entry);
      },
      onProgress: (entry) => this.tell(entry),
      onGarbage: (paths, delayMs) => {
        // On a full disk room is worth more than what a slow reader may still want, and than a producer's p99.
        const full = options.directories.all.find(({ path, refuses }) => refuses && isBelow(paths[0], path));
        this.lingering.deleteLater(paths, full === undefined ? delayMs : 0);
        if (full !== undefined) options.sideJobs.hurryDeletions(full.path);
      },
      onSealed: (entry, segmentBase, path) => {
        const flush = this.flushSealed(entry, segmentBase, path).finally(() => this.sealedFlushes.delete(flush));
        this.sealedFlushes.add(flush);
      },
      onFull: ({ home }) => {
        if (typeof home !== 'string') this.budgets.onFull(home);
      },
      onFatal: options.onFatal,
    });
    this.reader = new PartitionReader({
      clock: options.clock,
      pool: this.pool,
      segmentFiles: options.segmentFiles,
      sideJobs: options.sideJobs,
      tell: (entry) => this.tell(entry),
    });
    this.lingering = new LingeringFiles(options.clock, (paths) => {
      options.segmentFiles.beforeDeletion(paths);
      void options.sideJobs.delete(paths);
    });
    this.budgets = new DiskBudgets({
      clock: options.clock,
      logger: options.logger,
      configuredBytes: options.budgetBytes,
      survey: (directory) => this.pool.survey(({ home }) => home === directory),
      evict: async (entry, delayMs) => (await this.ask(entry, { kind: 'evict', delayMs })).surveyed ?? null,
      capSegments: (directory, bytes) => this.capSegments(directory, bytes),
      releaseDeleted: ({ path }) => {
        this.lingering.release(path);
        options.sideJobs.hurryDeletions(path);
      },
    });
    this.preparations = new Preparations({
      clock: options.clock,
      logger: options.logger,
      threads: options.shards,
      prepare: (job) => options.sideJobs.prepare(job),
      append: (entry, batch, done) => this.pool.link(entry.shard).append(entry.slot, true, batch, done),
    });
    const { compaction: settings, clock, logger, metrics, sideJobs, segmentFiles } = options;
    this.compactor =
      settings &&
      new Compactor({
        ...{ settings, clock, logger, metrics, sideJobs, segmentFiles },
        needs: () => this.pool.compactionNeeds(),
        ask: (entry, request) => this.ask(entry, request),
        checkpoint: (entry) => this.checkpointHome(entry),
      });
    this.scrubber = new Scrubber({
      ...{ intervalMs: options.scrubIntervalMs, clock, logger, metrics, sideJobs },
      entries: () => this.pool.entries(),
      ask: (entry, request) => this.ask(entry, request),
    });
  }

  /** What keeps every socket from being read: too much waits for the side-job pool, which all shards share. */
  get congestion(): Congestion | null {
    return this.preparations.congested ? this.preparations : null;
  }

  /** The full ring that a batch of a client's met since this was last asked, null where there was none. */
  takeFilled(): Congestion | null {
    const { filled } = this;
    this.filled = null;
    return filled;
  }

  private tell(entry: PartitionEntry): void {
    if (entry.listeners.size === 0) return;
    // Who looks again and finds nothing new listens anew, and must not hear of this a second time.
    for (const listener of entry.listeners.members()) listener();
  }

  /** Looks after the disks, and what lies on them, from now on; to be called when the logs are open. */
  watchDisks(): void {
    if (this.options.scrubIntervalMs > 0) this.scrubber.begin();
    this.options.metrics.collect(this.budgets.collect);
    for (const directory of this.options.directories.all) if (directory.claimed !== null) this.budgets.watch(directory);
  }

  private capSegments(directory: LogDirectory, bytes: number): void {
    directory.segmentBytesCap = bytes;
    for (const entry of this.pool.entries()) {
      const { config } = entry.spec;
      if (entry.home !== directory) continue;
      if (config.segmentBytesIsDefault && config.segmentBytesMax > bytes) this.reconfigure(entry, config);
    }
  }

  private fitted(config: LogConfig, home: LogDirectory | string): LogConfig {
    if (typeof home === 'string' || !config.segmentBytesIsDefault) return config;
    return { ...config, segmentBytesMax: Math.min(config.segmentBytesMax, home.segmentBytesCap) };
  }

  open(spec: PartitionSpec): PartitionHandle {
    const { directories } = this.options;
    const { topic, topicId, index, config, directoryId } = spec;
    const home = directories.homeOf(spec);
    const folder = typeof home === 'string' ? directories.indexOf(directoryId) : home.index;
    const shard = placeOn(this.pool.size, topic, index, directories.all.length, folder);
    const request = {
      ...({ kind: 'open', topic, topicId, index, config, leaderEpoch: this.leaderEpoch, directory: '' } as const),
      ...{ clean: false, recoveryPoint: 0, logStartOffset: 0, firstDirtyOffset: 0, damagedRanges: 0 },
    };
    const entry = new PartitionEntry(shard, this.pool.takeSlot(shard), request, home, directoryId);
    if (typeof home === 'string') {
      entry.state = 'offline';
      entry.opened = Promise.reject(new KafkaError('KAFKA_STORAGE_ERROR', home));
      this.absent.add(entry);
    } else {
      entry.opened = this.seat(entry, home);
    }
    // Whoever cares asks `opened`; a log that cannot be opened is reported by its shard and tried again.
    entry.opened.catch(() => undefined);
    return entry;
  }

  private async seat(entry: PartitionEntry, home: LogDirectory): Promise<void> {
    const { topic, index } = entry;
    const name = `${topic}-${index}`;
    home.partitionCount++;
    entry.spec = {
      ...entry.spec,
      config: this.fitted(entry.spec.config, home),
      directory: `${home.path}/${name}`,
      leaderEpoch: this.leaderEpoch,
      ...(this.openedOnce.has(name) ? { clean: home.leftBy(topic, index).clean } : home.leftBy(topic, index)),
    };
    // What is made only now has nothing that lay unchecked.
    const isNew = this.openedOnce.has(name) || !home.held(name);
    entry.scrub = isNew
      ? { throughMs: this.options.clock.nowMs(), downTo: -1 }
      : (home.scrubOf(topic, index) ?? NEVER_SCRUBBED);
    this.openedOnce.add(name);
    const reply = await this.pool.seatEntry(entry);
    if (reply.error !== 'NONE') throw new KafkaError(reply.error, reply.message);
  }

  /** A folder of log.dirs is there that was missing: what lives in it is opened. */
  welcome(directory: LogDirectory): void {
    for (const entry of this.absent) {
      const { topic, topicId, index, cataloguedIn: directoryId } = entry;
      const home = this.options.directories.homeOf({ topic, topicId, index, directoryId });
      if (typeof home === 'string') continue;
      this.absent.delete(entry);
      entry.home = home;
      entry.state = 'opening';
      entry.opened = this.seat(entry, home);
      entry.opened.catch(() => undefined);
    }
    this.budgets.watch(directory);
  }

  /** How many partitions cannot be opened for want of their folder, by the sentence that says why. */
  absences(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const { home } of this.absent) counts.set(home as string, (counts.get(home as string) ?? 0) + 1);
    return counts;
  }

  deal(count: number): readonly (Uuid | null)[] {
    return this.options.directories.deal(count);
  }

  foundIn(handle: PartitionHandle): Uuid | null {
    const { home, cataloguedIn } = handle as PartitionEntry;
    if (typeof home === 'string') return cataloguedIn;
    return home === this.options.directories.first ? null : home.id;
  }

  logDirectories(): readonly LogDirectoryState[] {
    return this.options.directories.all;
  }

  opened(handle: PartitionHandle): Promise<void> {
    return (handle as PartitionEntry).opened;
  }

  /** Resolves when every partition is online or has failed for the first time. */
  async allOpened(): Promise<void> {
    await Promise.allSettled([...this.pool.entries()].map((entry) => entry.opened));
  }

  /** How many partitions there are, and how many of them have not been opened for the first time yet. */
  counts(): { readonly opening: number; readonly all: number } {
    let opening = 0;
    let all = 0;
    for (const { state } of this.pool.entries()) {
      all++;
      if (state === 'opening') opening++;
    }
    return { opening, all };
  }

  append(handle: PartitionHandle, batch: Uint8Array, fromClient: boolean, done: (result: AppendResult) => void): void {
    const { home } = handle as PartitionEntry;
    if (typeof home === 'string') {
      done({ error: 'KAFKA_STORAGE_ERROR', message: home, baseOffset: -1, logAppendTimeMs: -1, logStartOffset: -1 });
      return;
    }
    const link = this.pool.link(handle.shard);
    if (fromClient && refuses(home, handle as PartitionEntry, batch, link)) {
      done(home.refuses ? refusedFull : refusedCrowded);
      return;
    }
    handle.traffic.appendedBytes += batch.length;
    home.appendedBytes += batch.length;
    if (fromClient && this.preparations.takes(handle as PartitionEntry, batch, done)) return;
    link.append(handle.slot, fromClient, batch, done);
    if (fromClient && link.congested) this.filled = link;
  }

  watermarks(handle: PartitionHandle): Watermarks {
    this.pool.board(handle.shard).read(handle.slot, this.row);
    return this.row;
  }

  read(handle: PartitionHandle, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult> {
    return this.reader.read(handle as PartitionEntry, offset, maxBytes);
  }

  readSoon(handle: PartitionHandle, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult> | null {
    return this.reader.readSoon(handle as PartitionEntry, offset, maxBytes);
  }

  readRecords(
    handle: PartitionHandle,
    offset: Offset,
    upTo: Offset,
    limits: { readonly bytesMax: number; readonly recordsMax: number },
  ): Promise<RecordsResult> {
    return this.reader.readRecords(handle as PartitionEntry, offset, upTo, limits);
  }

  /** Off the shard's thread: a gigabyte of dirty pages would hold up its appends for seconds. */
  private async flushSealed(entry: PartitionEntry, segmentBase: Offset, path: string): Promise<void> {
    const outcome = await this.options.sideJobs.flush({ path, topicId: entry.topicId });
    if (outcome !== null) await this.ask(entry, { kind: 'sealedFlushed', segmentBase, ...outcome });
  }

  async offsetAtTime(handle: PartitionHandle, timestampMs: number): Promise<OffsetAtTime> {
    const reply = await this.ask(handle, { kind: 'offsetAtTime', timestampMs });
    return {
      error: reply.error,
      offset: reply.offset ?? -1,
      timestampMs: reply.timestampMs ?? -1,
      leaderEpoch: reply.leaderEpoch ?? -1,
    };
  }

  async endOfEpoch(handle: PartitionHandle, epoch: LeaderEpoch): Promise<EpochEnd> {
    const reply = await this.ask(handle, { kind: 'endOfEpoch', epoch });
    return { error: reply.error, leaderEpoch: reply.leaderEpoch ?? -1, endOffset: reply.offset ?? -1 };
  }

  async deleteRecords(handle: PartitionHandle, offset: Offset): Promise<Offset> {
    const reply = await this.ask(handle, { kind: 'deleteRecords', offset });
    if (reply.error !== 'NONE') throw new KafkaError(reply.error, reply.message);
    // What was deleted must not be back after a crash.
    if (!(await this.checkpointAtLast(handle as PartitionEntry))) {
      throw new KafkaError('KAFKA_STORAGE_ERROR', 'the log start could not be saved');
    }
    return reply.offset ?? -1;
  }

  survey(): Promise<ReadonlyMap<PartitionHandle, SurveyedLog>> {
    return this.pool.surveySoon();
  }

  disk(): DiskStanding {
    return this.budgets.standing;
  }

  async activeProducers(handle: PartitionHandle): Promise<readonly ActiveProducer[]> {
    const reply = await this.ask(handle, { kind: 'producers' });
    if (reply.error !== 'NONE') throw new KafkaError(reply.error, reply.message);
    return reply.producers ?? [];
  }

  examine(handle: PartitionHandle, offset: Offset): Promise<readonly DamagedRange[]> {
    return this.scrubber.examine(handle as PartitionEntry, offset);
  }

  reconfigure(handle: PartitionHandle, config: LogConfig): void {
    const entry = handle as PartitionEntry;
    const fitted = this.fitted(config, entry.home);
    entry.spec = { ...entry.spec, config: fitted };
    void this.ask(entry, { kind: 'reconfigure', config: fitted });
  }

  async remove(handle: PartitionHandle): Promise<void> {
    const entry = handle as PartitionEntry;
    if (entry.state !== 'removed' && typeof entry.home !== 'string') entry.home.partitionCount--;
    entry.state = 'removed';
    this.absent.delete(entry);
    if (!entry.isUnseated) await this.unseat(entry);
    // What is saved of this log must not be taken for that of the next one with its name.
    if (!(await this.checkpointAtLast(entry)))
      throw new KafkaError('KAFKA_STORAGE_ERROR', 'the checkpoints still name the deleted log');
  }

  private async unseat(entry: PartitionEntry): Promise<void> {
    const { error, message, garbage } = await this.pool.unseat(entry);
    this.options.segmentFiles.forget(entry.directory);
    this.tell(entry);
    if (error !== 'NONE') throw new KafkaError(error, message);
    entry.isUnseated = true;
    if (garbage !== undefined && garbage.length > 0) void this.options.sideJobs.delete(garbage);
  }

  onProgress(handle: PartitionHandle, listener: () => void): () => void {
    const { listeners } = handle as PartitionEntry;
    const seat = listeners.join(listener);
    return () => listeners.leave(seat);
  }

  /** For the next start: where the logs of a folder stand. */
  *progress(directory: LogDirectory): IterableIterator<LogProgress> {
    for (const entry of this.pool.entries()) {
      const { topic, index, spec, state, home, scrub } = entry;
      if (state === 'removed' || home !== directory) continue;
      // The row of a log that is not open says where it stood: what was flushed, and what was deleted, stays so.
      const { row } = this;
      this.pool.board(entry.shard).read(entry.slot, row);
      const flushedEndOffset = Math.max(spec.recoveryPoint, row.flushedEndOffset);
      const logStartOffset = Math.max(spec.logStartOffset, row.logStartOffset);
      const damagedRanges = Math.max(spec.damagedRanges, row.damagedRanges);
      const { firstDirtyOffset } = spec;
      yield { topic, index, flushedEndOffset, logStartOffset, firstDirtyOffset, damagedRanges, scrub };
    }
  }

  /** Saves where each log stands, off this thread. */
  async checkpoint(): Promise<void> {
    const there = this.options.directories.all.filter(({ claimed }) => claimed !== null);
    await Promise.all(there.map((directory) => this.checkpoints.save(directory)));
  }

  /** Saves where the logs of the partition's folder stand; false where the disk refused it. */
  private checkpointHome({ home }: PartitionEntry): Promise<boolean> {
    return typeof home === 'string' ? Promise.resolve(true) : this.checkpoints.save(home);
  }

  /** As above, for what makes room: on a full disk the first tries may come before the files are gone. */
  private async checkpointAtLast(entry: PartitionEntry): Promise<boolean> {
    const { clock } = this.options;
    for (let tries = 1; tries < CHECKPOINT_TRIES; tries++) {
      if (await this.checkpointHome(entry)) return true;
      await new Promise<void>((resolve) => {
        clock.after(CHECKPOINT_AGAIN_MS, resolve);
      });
    }
    return this.checkpointHome(entry);
  }

  /** Flushes and closes every log; resolves to null where all of them closed cleanly, else to the first failure. */
  async close(): Promise<string | null> {
    await this.budgets.close();
    await this.compactor?.close();
    await this.preparations.close();
    await this.scrubber.close();
    await Promise.all(this.sealedFlushes);
    return this.pool.close();
  }

  async terminate(): Promise<void> {
    // Whoever waits for a shard is answered by its end.
    const ended = [this.budgets.close(), this.compactor?.close(), this.scrubber.close()];
    await this.pool.terminate();
    await Promise.all(ended);
  }

  private ask(
    handle: PartitionHandle,
    request: Parameters<ReturnType<ShardPool['link']>['request']>[1],
  ): Promise<ShardReply> {
    const entry = handle as PartitionEntry;
    if (entry.state === 'removed') return Promise.resolve({ error: 'UNKNOWN_TOPIC_OR_PARTITION' });
    if (typeof entry.home === 'string') return Promise.resolve({ error: 'KAFKA_STORAGE_ERROR', message: entry.home });
    return this.pool.link(entry.shard).request(entry.slot, request);
  }
}

/** Whether there is no room for this batch, or was none for one that its producer sent before and has not sent again. */
function refuses(home: LogDirectory, entry: PartitionEntry, batch: Uint8Array, link: ShardLink): boolean {
  if (home.refuses || !link.mayTake(batch.length)) {
    entry.refused ??= new RefusedBatches();
    entry.refused.note(batch, 0);
    return true;
  }
  if (entry.refused === null) return false;
  if (entry.refused.mustWait(batch, 0)) return true;
  if (entry.refused.isEmpty) entry.refused = null;
  return false;
}
