/** Closed-loop catch-up reading over raw sockets: one Fetch at a time per connection. Runs in the load client. */
import { shareOf } from './batch-pool.js';
import { seconds } from './closed-loop.js';
import { FetchingConnection } from './fetching-connection.js';
import type { FetchJob, JobResult } from './job.js';
import { Meter } from './meter.js';

export async function runFetchJob(job: FetchJob): Promise<JobResult> {
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const { host, port, topic, fetchBytes } = job;
  let reading = job.connections;
  let allRead!: () => void;
  const ended = new Promise<void>((resolve) => {
    allRead = resolve;
  });
  const onEnd = () => {
    if (--reading === 0) allRead();
  };
  const connections = Array.from({ length: job.connections }, (_, index) => {
    const partitions = shareOf(job.partitions, job.connections, index);
    const atEnd = job.once ? 'stop' : 'again';
    return new FetchingConnection({ host, port, topic, fetchBytes, partitions, atEnd, onEnd }, meter, fail);
  });
  const work = async (): Promise<JobResult> => {
    for (const connection of connections) await connection.open();
    // A warm-up would bring into memory what shall come from the disk.
    if (job.once) meter.begin(job);
    for (const connection of connections) connection.send();
    if (job.once) {
      await ended;
    } else {
      await seconds(job.warmUpSeconds);
      meter.begin(job);
      await seconds(job.seconds);
    }
    return meter.end()();
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const connection of connections) connection.close();
  }
}
