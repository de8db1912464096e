/** The offsets of one group, by topic and partition: what is committed, and what transactions have not decided yet. Main thread. */
import type { TransactionEnd } from '../../record/control-record.js';
import type { CommittedOffset } from './group-record.js';

/**
 * No client may ask for a longer transaction (transaction.max.timeout.ms of Apache Kafka), which aborts one that lasts
 * longer. What nobody has decided by then counts as aborted here, too, and nobody waits for it any more.
 */
const TRANSACTION_MS_MAX = 15 * 60_000;

/** An offset that counts if `producerId` commits. */
interface OpenOffset {
  readonly producerId: number;
  readonly topic: string;
  readonly partition: number;
  readonly value: CommittedOffset;
}

export class CommittedOffsets {
  private readonly topics = new Map<string, Map<number, CommittedOffset>>();
  /** In the order in which they were written. */
  private readonly open = new Map<string, OpenOffset>();

  get isEmpty(): boolean {
    return this.topics.size === 0 && this.open.size === 0;
  }

  get hasOpen(): boolean {
    return this.open.size > 0;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.topics.get(topic)?.get(partition);
  }

  /** Committed outside of any transaction. */
  set(topic: string, partition: number, offset: CommittedOffset): void {
    this.put(topic, partition, offset);
    // What was written before, and is decided later, comes too late.
    this.forgetOpen(topic, partition);
  }

  delete(topic: string, partition: number): void {
    const partitions = this.topics.get(topic);
    if (partitions?.delete(partition) && partitions.size === 0) this.topics.delete(topic);
    this.forgetOpen(topic, partition);
  }

  /** Written by a transaction that is open. */
  setOpen(producerId: number, topic: string, partition: number, value: CommittedOffset): void {
    const key = `${producerId} ${partition} ${topic}`;
    this.open.delete(key);
    this.open.set(key, { producerId, topic, partition, value });
  }

  endTransaction(producerId: number, end: TransactionEnd): void {
    for (const [key, { producerId: writer, topic, partition, value }] of [...this.open]) {
      if (writer !== producerId) continue;
      if (end === 'committed') {
        this.put(topic, partition, value);
        // Of two transactions the one that wrote last counts, whichever ends first.
        this.forgetOpen(topic, partition, key);
      }
      this.open.delete(key);
    }
  }

  /** Whether a transaction that may still be committed has written another offset. */
  isUndecided(topic: string, partition: number, nowMs: number): boolean {
    for (const open of this.open.values()) {
      if (open.topic !== topic || open.partition !== partition) continue;
      if (nowMs - open.value.commitTimestampMs < TRANSACTION_MS_MAX) return true;
    }
    return false;
  }

  topicNames(): IterableIterator<string> {
    return this.topics.keys();
  }

  ofTopic(topic: string): ReadonlyMap<number, CommittedOffset> | undefined {
    return this.topics.get(topic);
  }

  /** Those for which there is an offset, if only one of an open transaction. */
  partitionsOf(topic: string): ReadonlySet<number> {
    const found = new Set(this.topics.get(topic)?.keys());
    for (const open of this.open.values()) if (open.topic === topic) found.add(open.partition);
    return found;
  }

  *entries(): Generator<{ topic: string; partition: number; committed: CommittedOffset }> {
    for (const [topic, partitions] of this.topics) {
      for (const [partition, committed] of partitions) yield { topic, partition, committed };
    }
  }

  /** As {@link entries}, and partitions for which only transactions have written something. */
  *entriesAndOpen(): Generator<{ topic: string; partition: number; committed: CommittedOffset | undefined }> {
    yield* this.entries();
    const seen = new Set<string>();
    for (const { topic, partition } of this.open.values()) {
      const key = `${partition} ${topic}`;
      if (seen.has(key) || this.get(topic, partition)) continue;
      seen.add(key);
      yield { topic, partition, committed: undefined };
    }
  }

  private put(topic: string, partition: number, offset: CommittedOffset): void {
    const partitions = this.topics.get(topic);
    if (partitions) partitions.set(partition, offset);
    else this.topics.set(topic, new Map([[partition, offset]]));
  }

  /** Of that partition all, or those up to `last`. */
  private forgetOpen(topic: string, partition: number, last?: string): void {
    for (const [key, open] of this.open) {
      if (open.topic === topic && open.partition === partition) this.open.delete(key);
      if (key === last) return;
    }
  }
}
