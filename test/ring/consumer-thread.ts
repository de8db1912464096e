/** The other end of a ring in the ring's tests: checks each entry's bytes and sends back its number. A worker thread. */
import { workerData } from 'node:worker_threads';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';

const { there, back } = workerData as { there: SharedArrayBuffer; back: SharedArrayBuffer };
const consumer = new RingConsumer(there);
const producer = new RingProducer(back);

for (let ended = false; !ended; ) {
  let polled = 0;
  while (consumer.poll()) {
    polled++;
    const number = consumer.data.readUInt32LE(consumer.position);
    let wrong = consumer.type !== 1 + (number % 7) ? 1 : 0;
    for (let at = consumer.position + 8; at < consumer.position + consumer.length; at++) {
      if (consumer.data[at] !== (number & 0xff)) wrong = 2;
    }
    ended = consumer.data.readUInt32LE(consumer.position + 4) === 1;
    for (;;) {
      const at = producer.claim(1, 8);
      if (at >= 0) {
        producer.data.writeUInt32LE(number, at);
        producer.data.writeUInt32LE(wrong, at + 4);
        break;
      }
      producer.commit();
      producer.waitForRoom(1000);
    }
  }
  if (polled > 0) {
    consumer.release();
    producer.commit();
  } else {
    consumer.wait(1000);
  }
}
