/** The committed offsets of one group, by topic and partition. Main thread. */
import type { CommittedOffset } from './group-record.js';

export class CommittedOffsets {
  private readonly topics = new Map<string, Map<number, CommittedOffset>>();

  get isEmpty(): boolean {
    return this.topics.size === 0;
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.topics.get(topic)?.get(partition);
  }

  set(topic: string, partition: number, offset: CommittedOffset): void {
    const partitions = this.topics.get(topic);
    if (partitions) partitions.set(partition, offset);
    else this.topics.set(topic, new Map([[partition, offset]]));
  }

  delete(topic: string, partition: number): void {
    const partitions = this.topics.get(topic);
    if (partitions?.delete(partition) && partitions.size === 0) this.topics.delete(topic);
  }

  topicNames(): IterableIterator<string> {
    return this.topics.keys();
  }

  ofTopic(topic: string): ReadonlyMap<number, CommittedOffset> | undefined {
    return this.topics.get(topic);
  }

  *entries(): Generator<{ topic: string; partition: number; committed: CommittedOffset }> {
    for (const [topic, partitions] of this.topics) {
      for (const [partition, committed] of partitions) yield { topic, partition, committed };
    }
  }
}
