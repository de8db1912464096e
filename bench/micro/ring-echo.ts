/** The far end of the ring round trip: sends back every entry it is given. A worker thread of the micro benchmarks. */
import { workerData } from 'node:worker_threads';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';

export interface RingEchoInput {
  readonly there: SharedArrayBuffer;
  readonly back: SharedArrayBuffer;
}

/** Long: the benchmark ends the thread from outside. */
const sleepMs = 60_000;

const { there, back } = workerData as RingEchoInput;
const consumer = new RingConsumer(there);
const producer = new RingProducer(back);
for (;;) {
  consumer.wait(sleepMs);
  while (consumer.poll()) producer.claim(consumer.type, consumer.length);
  consumer.release();
  producer.commit();
}
