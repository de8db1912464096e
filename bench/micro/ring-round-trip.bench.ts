/** How long an entry takes to another thread and back when both ends sleep: the wake-ups that every append pays. Bench process. */
import { Worker } from 'node:worker_threads';
import { allocateRing } from '../../src/ring/ring-layout.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { type MicroFigure, measure, type Size } from './measure.js';
import type { RingEchoInput } from './ring-echo.js';

const ringBytes = 64 * 1024;
const entryType = 1;
const entryBytes = 64;

export async function benchRingRoundTrip(size: Size): Promise<MicroFigure[]> {
  const input: RingEchoInput = { there: allocateRing(ringBytes), back: allocateRing(ringBytes) };
  const producer = new RingProducer(input.there);
  const consumer = new RingConsumer(input.back);
  const worker = new Worker(new URL('./ring-echo.js', import.meta.url), { workerData: input });
  const ready = () => new Promise<void>((resolve) => void (consumer.whenReady(resolve) || resolve()));
  try {
    return await measure(size, [
      {
        name: 'ring: there and back between sleeping threads',
        operations: 1,
        async run() {
          if (producer.claim(entryType, entryBytes) < 0) throw new Error('the ring is full although all was released');
          producer.commit();
          while (!consumer.poll()) await ready();
          consumer.release();
        },
      },
    ]);
  } finally {
    await worker.terminate();
  }
}
