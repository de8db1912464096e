/** The load client: a process of its own that runs one job, given as JSON in its argument, and prints the result as JSON. */
import { runCommitJob } from './commit-job.js';
import { runConnectionsJob } from './connections-job.js';
import { runEndToEndJob } from './end-to-end-job.js';
import { runFanOutJob } from './fan-out-job.js';
import { runFetchJob } from './fetch-job.js';
import type { Job, JobResult } from './job.js';
import { runLookUpJob } from './look-up-job.js';
import { runPourJob } from './pour-job.js';
import { runProduceJob } from './produce-job.js';
import { runRebalanceJob } from './rebalance-job.js';
import { runTailJob } from './tail-job.js';

function run(job: Job): Promise<JobResult> {
  switch (job.kind) {
    case 'produce':
      return runProduceJob(job);
    case 'pour':
      return runPourJob(job);
    case 'fetch':
      return runFetchJob(job);
    case 'end-to-end':
      return runEndToEndJob(job);
    case 'look-up':
      return runLookUpJob(job);
    case 'tail':
      return runTailJob(job);
    case 'fan-out':
      return runFanOutJob(job);
    case 'connections':
      return runConnectionsJob(job);
    case 'commit':
      return runCommitJob(job);
    case 'rebalance':
      return runRebalanceJob(job);
  }
}

try {
  const result = await run(JSON.parse(process.argv[2]) as Job);
  process.stdout.write(`${JSON.stringify(result)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  // Sockets and timers of the failed job would keep the process.
  process.exit(1);
}
