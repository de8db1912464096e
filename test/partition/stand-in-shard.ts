/** A shard's thread that keeps nothing and dies on demand: for what the main thread does about threads, not about logs. */
import { workerData } from 'node:worker_threads';
import { APPEND, batchStartAt, readRequest, requestIdAt, slotAt } from '../../src/ring/commands.js';
import { writeAppended, writeNotice, writeReply } from '../../src/ring/completions.js';
import type { ShardMemory } from '../../src/ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';

const memory = workerData as ShardMemory;
const commands = new RingConsumer(memory.commands);
const completions = new RingProducer(memory.completions);

for (let closing = false; !closing; ) {
  let count = 0;
  while (commands.poll()) {
    const requestId = requestIdAt(commands);
    if (commands.type === APPEND) {
      const at = batchStartAt(commands);
      const word = commands.data.toString('latin1', at, at + 5);
      if (word === 'throw') throw new Error('told to');
      if (word === 'leave') process.exit(3);
      writeAppended(completions, requestId, 0, count++, -1, 0, null);
      continue;
    }
    const request = readRequest(commands);
    writeReply(completions, requestId, { error: 'NONE' });
    if (request.kind === 'open') writeNotice(completions, { kind: 'state', slot: slotAt(commands), state: 'online' });
    closing = request.kind === 'close';
  }
  commands.release();
  completions.commit();
  if (!closing) commands.wait(1000);
}
