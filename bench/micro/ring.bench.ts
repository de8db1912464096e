/** What one entry through a ring costs: claim, copy, commit, poll, release, both ends on one thread. Bench process. */
import { allocateRing } from '../../src/ring/ring-layout.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { type MicroFigure, measure, type Size } from './measure.js';

const ringBytes = 8 * 1024 * 1024;
const entryType = 1;
const entries = [64, 1024, 16 * 1024, 64 * 1024];
/** Entries between two commits, as in a busy turn of the event loop. */
const entriesPerTurn = 8;

export function benchRing(size: Size): Promise<MicroFigure[]> {
  const memory = allocateRing(ringBytes);
  const producer = new RingProducer(memory);
  const consumer = new RingConsumer(memory);
  return measure(
    size,
    entries.map((bytes) => {
      const batch = Buffer.alloc(bytes, 0x6d);
      const turns = 16;
      return {
        name: `ring: ${entriesPerTurn} entries of ${bytes} B a turn`,
        operations: turns * entriesPerTurn,
        bytes,
        run() {
          for (let turn = 0; turn < turns; turn++) {
            for (let entry = 0; entry < entriesPerTurn; entry++) {
              const at = producer.claim(entryType, bytes);
              if (at < 0) throw new Error('the ring is full although all was released');
              producer.data.set(batch, at);
            }
            producer.commit();
            let polled = 0;
            while (consumer.poll()) polled += consumer.length;
            if (polled !== entriesPerTurn * bytes) throw new Error(`${polled} bytes came out of the ring`);
            consumer.release();
          }
        },
      };
    }),
  );
}
