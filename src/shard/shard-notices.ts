/** What a shard says unasked, in words of its own: log lines, states, what may be flushed or deleted elsewhere. Shard thread. */
import type { Logger } from '../base/logger.js';
import type { RetentionReason, Retired } from '../log/retention.js';
import type { Segment } from '../log/segment.js';
import type { StorageError } from '../log/storage-error.js';
import type { CounterName, LabelsOf } from '../metrics/instruments.js';
import { writeNotice } from '../ring/completions.js';
import type { RingProducer } from '../ring/spsc-ring.js';
import type { ShardPartition } from './shard-partition.js';

/** Retired files named in one notice: whatever is said must fit into the ring. */
const PATHS_PER_NOTICE = 1000;

/** What had a segment deleted: a setting by its name, or a request. */
export type DeletionReason = RetentionReason | 'DeleteRecords' | 'disk budget';

export class ShardNotices implements Logger {
  constructor(private readonly completions: RingProducer) {}

  debug(fields: object, message: string): void {
    this.log('debug', fields, message);
  }

  info(fields: object, message: string): void {
    this.log('info', fields, message);
  }

  warn(fields: object, message: string): void {
    this.log('warn', fields, message);
  }

  error(fields: object, message: string): void {
    this.log('error', fields, message);
  }

  state(slot: number, state: 'online' | 'offline'): void {
    writeNotice(this.completions, { kind: 'state', slot, state });
  }

  /** A write found the disk full. */
  full(slot: number): void {
    writeNotice(this.completions, { kind: 'full', slot });
  }

  /** Of each trouble a count whenever it is met, and a line when it is news. */
  closedFor(partition: ShardPartition, error: StorageError, retryInMs: number): void {
    this.trouble(partition, error, 'log closed, to be read again from disk', { retryInMs });
  }

  /** As {@link closedFor}, where the log stays open. */
  refusesFor(partition: ShardPartition, error: StorageError): void {
    this.trouble(partition, error, 'appends are refused until there is room', {});
  }

  /** A log that was closed has been read again. Whether it can be written, too, the next batch will show. */
  isBack(partition: ShardPartition): void {
    this[partition.troubleIsNews ? 'info' : 'debug'](nameOf(partition), 'the log was read again from disk, and serves');
  }

  /** What was written after a trouble is where the flush policy wants it. */
  isOver(partition: ShardPartition): void {
    partition.toldOf = null;
    partition.wroteSince = false;
    this.info(nameOf(partition), 'the trouble is over: records are stored again');
  }

  private trouble(partition: ShardPartition, { message, trouble }: StorageError, effect: string, also: object): void {
    this.count('millrace_storage_errors_total', { topic: partition.spec.topic, trouble });
    partition.troubleIsNews = partition.toldOf !== message;
    partition.toldOf = message;
    partition.wroteSince = false;
    this[partition.troubleIsNews ? 'error' : 'debug'](
      { ...nameOf(partition), trouble, ...also },
      `${trouble}: ${effect}: ${message}`,
    );
  }

  /** Segments are full, and nobody on the append path waits for their flush. */
  sealed(slot: number, segments: readonly Segment[]): void {
    for (const { baseOffset, path } of segments) {
      writeNotice(this.completions, { kind: 'sealed', slot, segmentBase: baseOffset, path });
    }
  }

  /** Segments were taken out of a log: told, counted, and their files left to be deleted after `delayMs`. */
  retired({ segments, bytes, paths }: Retired, topic: string, reason: DeletionReason, delayMs: number): void {
    if (segments === 0) return;
    this.count('millrace_segments_deleted_total', { topic, reason }, segments);
    this.count('millrace_deleted_bytes_total', { topic, reason }, bytes);
    for (let from = 0; from < paths.length; from += PATHS_PER_NOTICE) {
      const part = paths.slice(from, from + PATHS_PER_NOTICE);
      writeNotice(this.completions, { kind: 'garbage', paths: part, bytes: from === 0 ? bytes : 0, delayMs });
    }
  }

  /** Adds to a counter of the main thread's: for what is rare. */
  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    writeNotice(this.completions, { kind: 'count', name, labels, by });
  }

  private log(level: 'debug' | 'info' | 'warn' | 'error', fields: object, message: string): void {
    writeNotice(this.completions, { kind: 'log', level, fields, message });
  }
}

function nameOf({ spec }: ShardPartition): { topic: string; partition: number } {
  return { topic: spec.topic, partition: spec.index };
}
