/** A thread that claims a data folder in the same instant as others, says what came of it, and keeps it until told. */
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { available } from '../../src/base/libc.js';
import { type ClaimedDirectory, claimDataDirectory } from '../../src/log/data-directory.js';
import { nodeFileSystem } from '../../src/log/file-system.js';

const { folder, barrier, threads } = workerData as { folder: string; barrier: Int32Array; threads: number };
if (parentPort === null) throw new Error('this is the entry of a worker thread');

// Loaded before the barrier: the instant should be the claim's.
if (!available.lock) throw new Error('no fcntl');
const told = once(parentPort, 'message');
if (Atomics.add(barrier, 0, 1) + 1 === threads) Atomics.notify(barrier, 0);
for (let arrived = Atomics.load(barrier, 0); arrived < threads; arrived = Atomics.load(barrier, 0)) {
  Atomics.wait(barrier, 0, arrived);
}
let claimed: ClaimedDirectory | null = null;
try {
  claimed = claimDataDirectory(nodeFileSystem, folder, { nodeId: 1, clusterId: null, catalogueIn: null });
  parentPort.postMessage('claimed');
} catch (error) {
  parentPort.postMessage((error as Error).message);
}
await told;
claimed?.release(true, []);
parentPort.close();
