/** Runs one compaction to its end: at its pace, and going on after each segment only once it was swapped in. Lives in the pool. */
import type { Clock } from '../base/clock.js';
import type { CompactedSegment, CompactionJob, CompactionOutcome } from '../base/compaction-plan.js';
import { Compaction } from './compaction.js';
import type { FileSystem } from './file-system.js';

/** Whoever the work is done for. */
export interface CompactionHost {
  /** True where the segment took its sources' place; anything else ends the work. */
  ask(segment: CompactedSegment): boolean | null;
  pause(ms: number): void;
  readonly stopped: boolean;
}

/** null where it was ended early: what was swapped in until then stays. @throws CompactionError, StorageError */
export function runCompaction(
  files: FileSystem,
  clock: Clock,
  { plan, memory, bytesPerSecondMax }: CompactionJob,
  host: CompactionHost,
): CompactionOutcome | null {
  const work = new Compaction(files, plan, memory).run();
  let dueMs = clock.monotonicMs();
  try {
    for (;;) {
      const { done, value } = work.next();
      if (done) return value;
      if (typeof value === 'object') {
        if (host.ask(value) !== true) return null;
      } else {
        dueMs += (1000 * value) / bytesPerSecondMax;
        const aheadMs = dueMs - clock.monotonicMs();
        if (aheadMs > 0) host.pause(aheadMs);
        if (host.stopped) return null;
      }
    }
  } finally {
    work.return(null as never);
  }
}
