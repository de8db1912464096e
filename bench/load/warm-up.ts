/** Load that a broker gets before it is measured: what people run has been running for a while. Process of `millrace bench`. */
import { Admin } from './admin.js';
import type { FreshBroker } from './broker.js';
import { runBlaster } from './run-blaster.js';

const topic = 'warm-up';
const partitions = 16;

/** Drives the code paths that will be measured, a quarter of the time each, so that they have been compiled. */
export async function warmUp({ host, port, pid }: FreshBroker, warmUpSeconds: number): Promise<void> {
  const admin = await Admin.open(host, port);
  await admin.createTopic(topic, partitions, []);
  const seconds = warmUpSeconds / 4;
  const base = { host, port, topic, partitions, serverPid: pid, warmUpSeconds: 0, seconds, acks: 1 } as const;
  const single = { kind: 'blobs', recordBytes: 100, records: 1 } as const;
  const large = { kind: 'log-lines', batchBytes: 64 * 1024 } as const;
  await runBlaster({ ...base, kind: 'produce', connections: 4, inFlight: 4, shape: large });
  await runBlaster({ ...base, kind: 'produce', connections: 16, inFlight: 5, shape: single });
  await runBlaster({ ...base, kind: 'end-to-end', shape: single, batchesPerSecond: 1000 });
  await runBlaster({ ...base, kind: 'fetch', connections: 4, fetchBytes: 1024 * 1024 });
  await admin.deleteTopic(topic);
  admin.close();
}
