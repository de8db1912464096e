/** One partition as its shard knows it: its log, whether it may be used, and its row on the watermark board. Shard thread. */
import { dirname } from 'node:path';
import type { LogConfig } from '../config/log-config.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { OpenRequest } from '../ring/commands.js';
import { emptyRow, type WatermarkRow } from '../ring/watermarks.js';

export class ShardPartition {
  state: 'opening' | 'online' | 'offline' = 'opening';
  log: PartitionLog | null = null;
  config: LogConfig;
  readonly row: WatermarkRow = emptyRow();
  /** True from the first staged batch of a turn until its end. */
  touched = false;
  /** Set when a write or flush failed: what the clients that wait are told. */
  failure: string | null = null;
  /** Its topic was deleted: nothing of it is served, and its folder is renamed or about to be. */
  isRemoved = false;
  /** What the broker's log was last told of its disk: not again each time that something is tried. */
  toldOf: string | null = null;
  /** It was news when it was met last. */
  troubleIsNews = false;
  /** A write went well since. */
  wroteSince = false;
  /** Answered when the partition is online for the first time. */
  openRequestId: number;
  reopenAtMs = 0;
  reopenAttempts = 0;
  /** The folder of log.dirs that it lives in. */
  readonly dataDirectory: string;

  constructor(
    readonly slot: number,
    readonly spec: OpenRequest,
    requestId: number,
  ) {
    this.config = spec.config;
    this.openRequestId = requestId;
    this.dataDirectory = dirname(spec.directory);
  }

  /**
   * Refreshes `row` from the log; true where readers can see more than before. The high watermark is the flushed end,
   * except with `flush=never`, where it is the written end (what survives the process, not the power).
   */
  refreshRow(): boolean {
    const log = this.log;
    if (log === null) return false;
    const row = this.row;
    const shownBefore = row.highWatermark;
    const startBefore = row.logStartOffset;
    const flushed = this.config.flush !== 'never';
    row.leaderEpoch = log.leaderEpoch;
    row.logStartOffset = log.logStartOffset;
    row.flushedEndOffset = log.flushedEndOffset;
    row.highWatermark = flushed ? log.flushedEndOffset : log.logEndOffset;
    row.lastStableOffset = row.highWatermark;
    row.logEndOffset = log.logEndOffset;
    row.segmentBase = flushed ? log.flushedSegmentBase : log.endSegmentBase;
    row.position = flushed ? log.flushedPosition : log.endPosition;
    row.damagedRanges = log.checks.damagedRanges;
    return row.highWatermark !== shownBefore || row.logStartOffset !== startBefore;
  }
}
