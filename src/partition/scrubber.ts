/**
 * Has segments checked byte by byte: the pool reads, the shard marks what is damaged, so that reads of it are refused and
 * all around it is served. Main thread.
 */
import type { CheckPace, DamagedRange } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import type { ShardRequest } from '../ring/commands.js';
import type { ShardReply } from '../ring/completions.js';
import { openHandover } from '../ring/handover.js';
import type { PartitionEntry } from './partition-entry.js';
import type { SideJobs } from './side-jobs.js';

export interface ScrubberParts {
  readonly sideJobs: Pick<SideJobs, 'check'>;
  readonly ask: (entry: PartitionEntry, request: ShardRequest) => Promise<ShardReply>;
}

/** For whoever waits. */
const AT_ONCE: CheckPace = { bytesPerSecondMax: Number.POSITIVE_INFINITY, coreShareMax: 1 };

export class Scrubber {
  private readonly underWay = new Set<{ stop: () => void; done: Promise<unknown> }>();

  constructor(private readonly parts: ScrubberParts) {}

  /** Has all of the segment that holds `offset` checked now; what is damaged in it. Throws what the disk says. */
  async examine(entry: PartitionEntry, offset: Offset): Promise<readonly DamagedRange[]> {
    const { check } = await this.parts.ask(entry, { kind: 'planCheck', offset });
    if (check === undefined) return [];
    const handover = openHandover(async () => null);
    const work = this.parts.sideJobs.check(check, AT_ONCE, handover.memory).finally(() => handover.close());
    const known = { stop: handover.stop, done: work.catch(() => undefined) };
    this.underWay.add(known);
    try {
      const found = await work;
      if (found === null) return [];
      const { damaged } = await this.parts.ask(entry, {
        kind: 'endCheck',
        segmentBase: check.segmentBase,
        damaged: found,
      });
      entry.forgetRuns();
      return damaged ?? [];
    } finally {
      this.underWay.delete(known);
    }
  }

  /** What is under way ends soon. */
  async close(): Promise<void> {
    for (const { stop } of this.underWay) stop();
    await Promise.all([...this.underWay].map(({ done }) => done));
  }
}
