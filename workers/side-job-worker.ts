/** Entry of the side-job pool's threads. Decides nothing. */
import { systemClock } from '../src/base/clock.js';
import type { CompactedSegment, CompactionJob, CompactionOutcome } from '../src/base/compaction-plan.js';
import type { CheckPace, DamagedRange, SegmentCheck } from '../src/base/segment-check.js';
import { runCompaction } from '../src/log/compaction-run.js';
import { nodeFileSystem } from '../src/log/file-system.js';
import { removeAll } from '../src/log/removal.js';
import { checkSegment } from '../src/log/segment-check.js';
import { Handover, type HandoverMemory } from '../src/ring/handover.js';

export { flushSealed as runSealedFlush } from '../src/log/sealed-flush.js';
export { runSideJob } from '../src/log/side-job.js';
export { runPreparation } from '../src/record/batch-preparation.js';

export function runCompactionJob({
  job,
  handover,
}: {
  job: CompactionJob;
  handover: HandoverMemory;
}): CompactionOutcome | null {
  return runCompaction(nodeFileSystem, systemClock, job, new Handover<CompactedSegment, boolean>(handover));
}

export function runDeletion({ paths, handover }: { paths: readonly string[]; handover: HandoverMemory }): void {
  const host = new Handover<never, never>(handover);
  removeAll(paths, { waitingMs: () => host.waitingMs(systemClock.nowMs()), pause: (ms) => host.pause(ms) });
}

export function runSegmentCheck({
  check,
  pace,
  handover,
}: {
  check: SegmentCheck;
  pace: CheckPace;
  handover: HandoverMemory;
}): DamagedRange[] | null {
  return checkSegment(nodeFileSystem, systemClock, check, pace, new Handover<never, never>(handover));
}
