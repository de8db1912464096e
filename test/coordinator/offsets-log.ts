/** A partition of `__consumer_offsets` in memory. It outlives its coordinator, as a disk does, and can be made to fail. Test process. */
import type { ErrorName } from '../../src/base/error-code.js';
import { KafkaError } from '../../src/base/kafka-error.js';
import type { InternalLog, InternalRecord, VisitEnd, VisitRecord } from '../../src/partition/internal-log.js';
import type { TransactionEnd } from '../../src/record/control-record.js';

/** `lost`: nothing was stored. `kept`: the records are there although the append failed, as after a flush that failed. */
export interface Failure {
  readonly kind: 'lost' | 'kept';
  readonly error: ErrorName;
}

/** What is in the log: records, those of transactions with their producer, and how transactions ended. */
export interface StoredRecord extends InternalRecord {
  readonly producerId?: number;
  /** Then there is neither key nor value. */
  readonly end?: TransactionEnd;
}

export class OffsetsLog implements InternalLog {
  readonly records: StoredRecord[] = [];
  /** How many records each append brought. */
  readonly appendSizes: number[] = [];
  readonly failures: Failure[] = [];
  unreadable = false;
  /** While set, appends wait for it. */
  gate: Promise<void> | null = null;

  /** Offsets of records that compaction has taken away. */
  private readonly taken = new Set<number>();

  /**
   * Leaves of each key below `end` the last record only, and with `withTombstones` not even that where it is one. What was
   * written in a transaction replaces nothing.
   */
  compact(end: number, withTombstones: boolean): void {
    const last = new Map<string, number>();
    for (const [offset, { key, producerId }] of this.records.slice(0, end).entries()) {
      if (key !== null && producerId === undefined) last.set(key.toString('latin1'), offset);
    }
    for (const [offset, { key, value, producerId, end: marker }] of this.records.slice(0, end).entries()) {
      if (marker !== undefined) continue;
      const isReplaced = key === null || offset < (last.get(key.toString('latin1')) ?? 0);
      const isOver = withTombstones && value === null && producerId === undefined;
      if (isReplaced || isOver) this.taken.add(offset);
    }
  }

  async append(records: readonly InternalRecord[]): Promise<number> {
    this.appendSizes.push(records.length);
    const baseOffset = this.records.length;
    const failure = this.failures.shift();
    await this.gate;
    if (failure?.kind !== 'lost') {
      for (const { key, value } of records) {
        this.records.push({ key: key && Buffer.from(key), value: value && Buffer.from(value) });
      }
    }
    if (failure) throw new KafkaError(failure.error, 'this append was meant to fail');
    return baseOffset;
  }

  async replay(visit: VisitRecord, visitEnd?: VisitEnd): Promise<void> {
    if (this.unreadable) throw new KafkaError('KAFKA_STORAGE_ERROR', 'this log is meant to be unreadable');
    for (const [offset, { key, value, producerId = null, end }] of this.records.entries()) {
      if (this.taken.has(offset)) continue;
      if (end !== undefined) {
        visitEnd?.(producerId ?? -1, end);
        continue;
      }
      const visited = { key: key && Buffer.from(key), value: value && Buffer.from(value) };
      visit(visited, offset, producerId);
      // Whoever kept a view instead of a copy sees this.
      visited.key?.fill(0xee);
      visited.value?.fill(0xee);
    }
  }
}
