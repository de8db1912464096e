/** Closed-loop committing of offsets over raw sockets. Runs in the load client. */
import { commitRun } from './batch-pool.js';
import { ClosedLoop, runLoops } from './closed-loop.js';
import { offsetCommitReplyErrorPosition } from './frames.js';
import type { CommitJob, JobResult } from './job.js';

/** Loading, not available, not here, topic not known: what a coordinator may say before it is there. */
const coordinatorErrors: ReadonlySet<number> = new Set([3, 14, 15, 16]);

export function runCommitJob(job: CommitJob): Promise<JobResult> {
  const { host, port, inFlight, topic } = job;
  const loop = {
    ...{ host, port, inFlight },
    request: `OffsetCommit of ${topic}`,
    errorPosition: offsetCommitReplyErrorPosition(topic),
    errorsAtFirst: coordinatorErrors,
  };
  return runLoops(job, (meter, fail) =>
    Array.from(
      { length: job.connections },
      (_, index) =>
        // One frame more than is ever under way, so that "all answered" and "all under way" look different.
        new ClosedLoop(loop, commitRun(topic, `bench-${index}`, job.partitions, inFlight + 1), meter, fail),
    ),
  );
}
