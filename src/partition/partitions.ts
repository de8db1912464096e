/** The main thread's view of partitions: what handlers, the catalogue and the coordinators may ask of them. */
import type { ErrorName } from '../base/error-code.js';
import type { FileRecords } from '../base/file-slice.js';
import type { RecordError } from '../base/record-error.js';
import type { DamagedRange } from '../base/segment-check.js';
import type { LeaderEpoch, Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import type { LogConfig } from '../config/log-config.js';
import type { ActiveProducer, SurveyedLog } from '../ring/completions.js';

/** `opening`: its shard still recovers it. `offline`: its log failed or its shard died, and is being reopened. */
export type PartitionState = 'opening' | 'online' | 'offline' | 'removed';

/** One partition as the main thread knows it; identity is by object. */
export interface PartitionHandle {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
  /** The shard that owns it, for the life of the process. */
  readonly shard: number;
  /** Its row on that shard's watermark board. */
  readonly slot: number;
  readonly state: PartitionState;
  readonly traffic: Traffic;
  /** The folder of log.dirs that it lives in; null where that is not there. */
  readonly logDirectory: string | null;
}

/** A folder of log.dirs. */
export interface LogDirectoryState {
  readonly path: string;
  /** Why it cannot be used as it should, null where it can. */
  readonly trouble: string | null;
}

/** What went through a partition since the broker started. */
export interface Traffic {
  /** Of batches that were sent to it, stored or not. */
  appendedBytes: number;
  /** Of batches that consumers were answered with; counted by who answers them. */
  readBytes: number;
  /** Where the log ended when it was opened first; -1 before. */
  firstEndOffset: Offset;
}

export interface PartitionSpec {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
  readonly config: LogConfig;
  /** Where it lives: the id of a folder of log.dirs, null for the one with the catalogue. */
  readonly directoryId: Uuid | null;
}

/** A consistent reading of one partition's row on the watermark board. */
export interface Watermarks {
  logStartOffset: Offset;
  /** Everything below is on disk, not only written. */
  flushedEndOffset: Offset;
  /** First offset that consumers may not read. */
  highWatermark: Offset;
  lastStableOffset: Offset;
  /** The next offset to be written. */
  logEndOffset: Offset;
  leaderEpoch: LeaderEpoch;
}

export interface AppendResult {
  readonly error: ErrorName;
  /** More about the error than its own sentence, or null. */
  readonly message: string | null;
  /** Which records are to blame, where it is single ones. */
  readonly recordErrors?: readonly RecordError[];
  /** Offset of the batch's first record (the original one for a duplicate), -1 on error. */
  readonly baseOffset: Offset;
  /** Milliseconds, or -1 where the topic keeps the producer's own timestamps. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: Offset;
}

export interface ReadResult {
  readonly error: ErrorName;
  /** Whole batches; null on error or where there is nothing. */
  readonly records: FileRecords | null;
}

/** So long is waited for a shard before others, whom that would hold up, are answered without it. */
export const PATIENCE_MS = 20;

export interface RecordsResult {
  readonly error: ErrorName;
  /** Whole batches; null on error, or where no record has an offset in the range. */
  readonly records: FileRecords | null;
  /** Behind the last record; the end of the range where there is none. */
  readonly endOffset: Offset;
}

export interface OffsetAtTime {
  readonly error: ErrorName;
  /** -1 where no record is that young. */
  readonly offset: Offset;
  readonly timestampMs: number;
  readonly leaderEpoch: LeaderEpoch;
}

export interface EpochEnd {
  readonly error: ErrorName;
  /** -1 where the epoch is unknown. */
  readonly leaderEpoch: LeaderEpoch;
  readonly endOffset: Offset;
}

export type DiskState = 'ok' | 'low' | 'full';

/** How the disk stood when it was last looked at. */
export interface DiskStanding {
  /** `unwatched`: there is no budget, or it is not known yet. */
  readonly state: DiskState | 'unwatched';
  /** -1 where there is none. */
  readonly budgetBytes: number;
  /** What all logs take. */
  readonly usedBytes: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** What may still come before something is evicted; Infinity where nothing ever is. */
  readonly headroomBytes: number;
}

export interface Partitions {
  /** The folders for so many new partitions, as {@link PartitionSpec.directoryId}. */
  deal(count: number): readonly (Uuid | null)[];
  /** The folder in which a partition was found, as {@link PartitionSpec.directoryId}: not where the catalogue has it if an operator moved it. */
  foundIn(handle: PartitionHandle): Uuid | null;
  /** In the order of log.dirs. */
  logDirectories(): readonly LogDirectoryState[];
  /** Deals the partition to a shard, which opens or recovers it; folders and files are made at the first append. */
  open(spec: PartitionSpec): PartitionHandle;
  /** Resolves once the partition is `online` for the first time; rejects where it cannot be. */
  opened(handle: PartitionHandle): Promise<void>;
  /**
   * Appends one record batch (magic 2). `batch` is copied before this returns; `done` is called later, once, when the
   * flush mode allows the acknowledgement. `fromClient` false skips the checks that only clients need (control bits, internal topics).
   */
  append(handle: PartitionHandle, batch: Uint8Array, fromClient: boolean, done: (result: AppendResult) => void): void;
  /** Reads the board: no ring traffic. The object is reused by the next call. */
  watermarks(handle: PartitionHandle): Watermarks;
  /** Bytes from `offset` up to the high watermark, at most `maxBytes` but at least the first batch whole (KIP-74). */
  read(handle: PartitionHandle, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult>;
  /**
   * The same for who wants it together with others: null where the shard has been looking for it for {@link PATIENCE_MS}.
   * When it has found it after all, that counts as progress, and is there for who comes again.
   */
  readSoon(handle: PartitionHandle, offset: Offset, maxBytes: number): ReadResult | Promise<ReadResult> | null;
  /**
   * Batches that hold `recordsMax` records from `offset` on, begin below `upTo` and, but for the first, fit into `bytesMax`.
   * For readers to whom records are dealt out: they need to know where the batches end.
   */
  readRecords(
    handle: PartitionHandle,
    offset: Offset,
    upTo: Offset,
    limits: { readonly bytesMax: number; readonly recordsMax: number },
  ): Promise<RecordsResult>;
  /** First record at or after `timestampMs` (>= 0), or the record with the largest timestamp for -3. */
  offsetAtTime(handle: PartitionHandle, timestampMs: number): Promise<OffsetAtTime>;
  endOfEpoch(handle: PartitionHandle, epoch: LeaderEpoch): Promise<EpochEnd>;
  /** Moves the log start up to `offset` (-1: the high watermark); resolves with the new log start. Rejects with KafkaError. */
  deleteRecords(handle: PartitionHandle, offset: Offset): Promise<Offset>;
  /** How the logs that are online lie on the disk; where a shard does not say so soon, what it said the last time. */
  survey(): Promise<ReadonlyMap<PartitionHandle, SurveyedLog>>;
  disk(): DiskStanding;
  /** The idempotent producers that the partition remembers. Rejects with KafkaError. */
  activeProducers(handle: PartitionHandle): Promise<readonly ActiveProducer[]>;
  /** Has every byte of the segment that holds `offset` checked; resolves with what of it is damaged. Rejects where the disk fails. */
  examine(handle: PartitionHandle, offset: Offset): Promise<readonly DamagedRange[]>;
  reconfigure(handle: PartitionHandle, config: LogConfig): void;
  /**
   * Renames the folder out of the way and deletes it in the background; resolves once the name is free. Rejects with KafkaError
   * where the disk refused it: to be called again then.
   */
  remove(handle: PartitionHandle): Promise<void>;
  /** Calls `listener` when the high watermark has moved, the state changed, or what took long was found; returns the unsubscribe. */
  onProgress(handle: PartitionHandle, listener: () => void): () => void;
}
