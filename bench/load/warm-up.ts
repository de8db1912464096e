/** Load that a broker gets before it is measured: what people run has been running for a while. Process of `millrace bench`. */
import { Admin } from './admin.js';
import type { FreshBroker } from './broker.js';
import { seconds } from './closed-loop.js';
import { runBlaster } from './run-blaster.js';

const topic = 'warm-up';
const partitions = 16;
/** What is written here is deleted again, and that takes its time, too: the first cell must not share the machine with it. */
const LARGE_BATCHES_BYTES = 256e6;
const DELETION_SECONDS = 2;

/** Drives the code paths that will be measured, a quarter of the time each, so that they have been compiled. */
export async function warmUp({ host, port, pid }: FreshBroker, warmUpSeconds: number): Promise<void> {
  const admin = await Admin.open(host, port);
  await admin.createTopic(topic, partitions, []);
  const quarter = warmUpSeconds / 4;
  const base = { host, port, topic, partitions, serverPid: pid, warmUpSeconds: 0, seconds: quarter, acks: 1 } as const;
  const produce = { ...base, kind: 'produce' } as const;
  const single = { kind: 'blobs', recordBytes: 100, records: 1 } as const;
  const small = { kind: 'log-lines', batchBytes: 4 * 1024 } as const;
  const large = { kind: 'log-lines', batchBytes: 64 * 1024 } as const;
  await runBlaster({ ...produce, connections: 4, inFlight: 4, shape: large, writtenBytesMax: LARGE_BATCHES_BYTES });
  await runBlaster({ ...produce, connections: 4, inFlight: 4, shape: small });
  await runBlaster({ ...produce, connections: 16, inFlight: 5, shape: single });
  await runBlaster({ ...base, kind: 'end-to-end', shape: single, batchesPerSecond: 1000 });
  await runBlaster({ ...base, kind: 'fetch', connections: 4, fetchBytes: 1024 * 1024 });
  await admin.deleteTopic(topic);
  admin.close();
  await seconds(DELETION_SECONDS);
}
