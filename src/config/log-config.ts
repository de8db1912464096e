/** What a partition's log must know of its topic's settings: resolved, plain, ready to be sent to a shard. */

export type FlushMode = 'ack' | 'interval' | 'never';

export type RetentionTime = 'arrival' | 'record';

export interface LogConfig {
  /** Read by shards to decide when an append may be acknowledged (see the README's durability table). */
  readonly flush: FlushMode;
  /** For `interval`: flush when this many records, or this many milliseconds, are written but not flushed. */
  readonly flushIntervalRecords: number;
  readonly flushIntervalMs: number;
  readonly segmentBytesMax: number;
  /** Nobody has set it: it may be made to fit the disk budget. */
  readonly segmentBytesIsDefault: boolean;
  readonly segmentMs: number;
  /** Segments are sealed by up to so much before `segmentMs`, each by another part of it. */
  readonly segmentJitterMs: number;
  readonly indexBytesMax: number;
  readonly indexIntervalBytes: number;
  /** Zeros that are written behind the data of the active segment, at most so many at a time; 0: none. */
  readonly preparedBytesMax: number;
  /** Largest batch, its 12 bytes of offset and length included. */
  readonly messageBytesMax: number;
  readonly timestampType: 'CreateTime' | 'LogAppendTime';
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** How much of a batch is checked before it is stored (see batch-validator.ts). */
  readonly validation: 'off' | 'header' | 'records';
  /** What batches are stored as: `producer`, as they were sent. */
  readonly compression: 'producer' | 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  /** Of that codec; means nothing to those that have no levels. */
  readonly compressionLevel: number;
  /** Compacted topics refuse records without a key. */
  readonly compacted: boolean;
  readonly deleted: boolean;
  /** Of compacted topics: a log is worth compacting when so much of it is dirty, */
  readonly minDirtyRatio: number;
  /** when some of it has been dirty for so long, */
  readonly maxCompactionLagMs: number;
  /** and never what came less than so long ago. */
  readonly minCompactionLagMs: number;
  /** For so long after compaction first saw them, readers find tombstones. */
  readonly deleteRetentionMs: number;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  /** From when ages count: from arrival, or from the time that records carry (Kafka's rule). */
  readonly retentionTime: RetentionTime;
  readonly fileDeleteDelayMs: number;
  /** Whether segments may go for the node's disk budget. */
  readonly evictable: boolean;
  /** What the topic keeps in any case, all partitions together. */
  readonly budgetFloorBytes: number;
  /** Topics of lower priority lose their segments first. */
  readonly budgetPriority: number;
  readonly producerIdExpirationMs: number;
}
