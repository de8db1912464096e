/** Readers that wait at the tail of the log and take what comes: idle consumers, or a crowd beside a measured one. Runs in the load client. */

import { seconds } from './closed-loop.js';
import { FetchingConnection } from './fetching-connection.js';
import type { JobResult, TailJob } from './job.js';
import { Meter } from './meter.js';
import { descriptors, wakeUps } from './process-stat.js';
import { runProduceJob } from './produce-job.js';

/** A batch of one record of 100 bytes takes at least so much. */
const touchBytes = 161;

async function touchAll({ host, port, topic, partitions, serverPid }: TailJob): Promise<void> {
  await runProduceJob({
    kind: 'produce',
    ...{ host, port, topic, partitions, serverPid },
    warmUpSeconds: 0,
    seconds: 0,
    connections: 4,
    inFlight: 4,
    acks: 1,
    shape: { kind: 'blobs', recordBytes: 100, records: 1 },
    // Each connection goes round its partitions in turn, but not at the same pace as the others.
    bytesMax: touchBytes * partitions * 1.5,
  });
}

export async function runTailJob(job: TailJob): Promise<JobResult> {
  if (job.touch) await touchAll(job);
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const { host, port, topic, fetchBytes } = job;
  const connections = Array.from({ length: job.connections }, (_, index) => {
    const partitions = [index % job.partitions];
    return new FetchingConnection({ host, port, topic, fetchBytes, partitions, atEnd: 'wait' }, meter, fail);
  });
  const work = async (): Promise<JobResult> => {
    for (const connection of connections) await connection.open();
    for (const connection of connections) connection.send();
    await seconds(job.warmUpSeconds);
    const woken = wakeUps(job.serverPid);
    meter.begin(job);
    await seconds(job.seconds);
    const result = meter.end()();
    const wokenSince = wakeUps(job.serverPid);
    const extra: Record<string, number> = {};
    const open = descriptors(job.serverPid);
    if (open !== null) extra.descriptors = open;
    if (woken !== null && wokenSince !== null) extra['wake-ups/s'] = (wokenSince - woken) / result.seconds;
    return { ...result, extra };
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const connection of connections) connection.close();
  }
}
