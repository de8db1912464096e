/** Entry of the side-job pool's threads. Decides nothing. */
import { systemClock } from '../src/base/clock.js';
import type { CompactedSegment, CompactionJob, CompactionOutcome } from '../src/base/compaction-plan.js';
import { runCompaction } from '../src/log/compaction-run.js';
import { nodeFileSystem } from '../src/log/file-system.js';
import { Handover, type HandoverMemory } from '../src/ring/handover.js';

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
