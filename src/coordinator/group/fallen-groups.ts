/** Groups that a log start has overtaken: what they had not read yet is gone. Told in the log once, and counted. Main thread. */
import { Deadlines } from '../../base/deadlines.js';
import type { Logger } from '../../base/logger.js';
import type { TimerWheel } from '../../base/timer-wheel.js';
import type { Offset } from '../../base/units.js';
import type { Topic } from '../../metadata/topic.js';
import type { Collector } from '../../metrics/metrics.js';
import type { PartitionHandle, Partitions } from '../../partition/partitions.js';
import type { Group } from './group.js';

const CHECK_MS = 10_000;

export interface FallenGroupsOptions {
  readonly wheel: TimerWheel;
  readonly logger: Logger;
  readonly topics: { get(name: string): Topic | undefined; all(): Iterable<Topic> };
  readonly partitions: Pick<Partitions, 'watermarks'>;
  readonly groups: () => Iterable<Group>;
}

interface Miss {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly committedOffset: Offset;
  readonly logStartOffset: Offset;
}

export class FallenGroups {
  /** What was told already, until the group has committed something that is there. */
  private told = new Set<string>();
  /** Where logs began when groups were last looked at. */
  private starts = new Map<PartitionHandle, Offset>();
  private readonly deadlines: Deadlines;
  private readonly next;

  constructor(private readonly options: FallenGroupsOptions) {
    this.deadlines = new Deadlines(options.wheel);
    this.next = this.deadlines.create(() => {
      this.check();
      this.begin();
    });
  }

  /** Looks every few seconds from now on, until {@link close}. */
  begin(): void {
    this.deadlines.set(this.next, CHECK_MS);
  }

  close(): void {
    this.deadlines.close();
  }

  /** Says which groups have fallen behind the start of a log since the last call. */
  check(): void {
    if (!this.someLogWasCut()) return;
    const still = new Set<string>();
    for (const miss of this.misses()) {
      const key = `${miss.topic}-${miss.partition} ${miss.group}`;
      still.add(key);
      if (this.told.has(key)) continue;
      const records = miss.logStartOffset - miss.committedOffset;
      this.options.logger.warn(
        { ...miss, records },
        'records were deleted before a group had read them; it goes on by its auto.offset.reset',
      );
    }
    this.told = still;
  }

  readonly collect: Collector = (put) => {
    const missed = new Map<string, { group: string; topic: string; records: number }>();
    for (const { group, topic, committedOffset, logStartOffset } of this.misses()) {
      const key = `${topic} ${group}`;
      const sum = missed.get(key) ?? { group, topic, records: 0 };
      sum.records += logStartOffset - committedOffset;
      missed.set(key, sum);
    }
    for (const { group, topic, records } of missed.values())
      put('millrace_group_missed_records', { group, topic }, records);
  };

  /** Only then a group can have fallen behind that had not before. */
  private someLogWasCut(): boolean {
    const starts = new Map<PartitionHandle, Offset>();
    let cut = false;
    for (const { partitions } of this.options.topics.all()) {
      for (const handle of partitions) {
        const start = this.startOf(handle);
        starts.set(handle, start);
        if (start > (this.starts.get(handle) ?? 0)) cut = true;
      }
    }
    this.starts = starts;
    return cut;
  }

  private startOf(handle: PartitionHandle): Offset {
    return handle.state === 'online' ? this.options.partitions.watermarks(handle).logStartOffset : 0;
  }

  private *misses(): Generator<Miss> {
    for (const { id: group, offsets } of this.options.groups()) {
      for (const { topic, partition, committed } of offsets.entries()) {
        const handle = this.options.topics.get(topic)?.partitions[partition];
        if (handle === undefined) continue;
        const logStartOffset = this.startOf(handle);
        if (committed.offset >= logStartOffset) continue;
        yield { group, topic, partition, committedOffset: committed.offset, logStartOffset };
      }
    }
  }
}
