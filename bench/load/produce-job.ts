/** Closed-loop producing over raw sockets. Runs in the load client. */
import { batchPool, frameRun, shareOf } from './batch-pool.js';
import { ClosedLoop, runLoops } from './closed-loop.js';
import { produceReplyErrorPosition } from './frames.js';
import type { JobResult, ProduceJob } from './job.js';

/** UNKNOWN_TOPIC_OR_PARTITION and NOT_LEADER_OR_FOLLOWER: a broker may name a new leader before that one knows. */
const leaderErrors: ReadonlySet<number> = new Set([3, 6]);

export async function runProduceJob(job: ProduceJob): Promise<JobResult> {
  const { host, port, inFlight, topic } = job;
  const pool = batchPool(job.shape);
  const loop = {
    ...{ host, port, inFlight },
    request: `Produce to ${topic}`,
    errorPosition: produceReplyErrorPosition(topic),
    errorsAtFirst: leaderErrors,
  };
  const result = await runLoops(job, (meter, fail) =>
    Array.from({ length: job.connections }, (_, index) => {
      const partitions = shareOf(job.partitions, job.connections, index);
      // One frame more than is ever under way, so that "all answered" and "all under way" look different.
      return new ClosedLoop(loop, frameRun(topic, partitions, job.acks, inFlight + 1, pool), meter, fail);
    }),
  );
  const bytes = pool.reduce((sum, batch) => sum + batch.bytes.length, 0);
  const plainBytes = pool.reduce((sum, batch) => sum + batch.plainBytes, 0);
  if (plainBytes === bytes) return result;
  const plainMegabytes = (result.bytes / 1e6) * (plainBytes / bytes);
  return { ...result, extra: { ...result.extra, 'unpacked MB/s': plainMegabytes / result.seconds } };
}
