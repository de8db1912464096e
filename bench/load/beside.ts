/** What is produced and read beside work that the broker does of its own: who feels that work feels it here. Process of `millrace bench`. */
import type { Admin } from './admin.js';
import type { Contender, RunningBroker } from './broker.js';
import type { JobResult } from './job.js';
import { runBlaster } from './run-blaster.js';

export const besideWork = 'end to end, on disk first, 5 MB/s';
export const besideWarmUpSeconds = 2;

const partitions = 4;

export async function createBesideTopic(
  admin: Admin,
  topic: string,
  contender: Pick<Contender, 'topicConfigs'>,
): Promise<void> {
  await admin.createTopic(topic, partitions, contender.topicConfigs('ack'));
}

export function produceBeside({ host, port, pid }: RunningBroker, topic: string, seconds: number): Promise<JobResult> {
  return runBlaster({
    kind: 'end-to-end',
    ...{ host, port, topic, partitions, serverPid: pid },
    ...{ warmUpSeconds: besideWarmUpSeconds, seconds, acks: -1 },
    shape: { kind: 'log-lines', batchBytes: 16 * 1024 },
    batchesPerSecond: 320,
  });
}
