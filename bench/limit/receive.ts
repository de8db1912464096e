/** Ingest limit: bytes from sockets straight into shared memory; a worker takes their CRC-32C and writes them to fresh files. */
import { Worker } from 'node:worker_threads';
import { writeInt64 } from '../load/frames.js';
import { accept } from './accept.js';
import { ByteRing, createRingMemory, ringBytes } from './byte-ring.js';
import type { Written } from './receive-writer.js';

const regionBytes = 256 * 1024;

const memory = createRingMemory();
const writer = new Worker(new URL('./receive-writer.js', import.meta.url), {
  workerData: { memory, directory: process.argv[2] },
});
const onWritten: ((bytes: number) => void)[] = [];
writer.on('message', ({ ring, bytes }: Written) => onWritten[ring](bytes));

accept((adopt) => {
  const ring = new ByteRing(memory, onWritten.length);
  let region = ring.region(regionBytes);
  const socket = adopt({
    next: () => region,
    landed(count) {
      ring.commit(count);
      region = ring.region(regionBytes);
      if (ring.used + region.length <= ringBytes) return true;
      void ring.free(region.length).then(() => socket.resume());
      return false;
    },
  });
  socket.on('end', () => ring.end());
  onWritten.push((bytes) => {
    const answer = Buffer.alloc(8);
    writeInt64(answer, 0, bytes);
    socket.end(answer);
  });
});
