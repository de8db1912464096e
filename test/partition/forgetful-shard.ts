/** A shard's thread that loses its log, and reads it again, in the same breath in which it has told where records lie. */
import { workerData } from 'node:worker_threads';
import {
  APPEND,
  LOCATE,
  locateAheadAt,
  locateOffsetAt,
  readRequest,
  requestIdAt,
  slotAt,
} from '../../src/ring/commands.js';
import { writeNotice, writeReply } from '../../src/ring/completions.js';
import type { ShardMemory } from '../../src/ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { emptyRow, WatermarkBoard } from '../../src/ring/watermarks.js';

const memory = workerData as ShardMemory;
const commands = new RingConsumer(memory.commands);
const completions = new RingProducer(memory.completions);
const board = new WatermarkBoard();
for (const page of memory.pages) board.addPage(page);
/** How often the log was read again: told by the positions that are answered. */
let readings = 0;

for (let closing = false; !closing; ) {
  while (commands.poll()) {
    const requestId = requestIdAt(commands);
    const slot = slotAt(commands);
    if (commands.type === APPEND) continue;
    if (commands.type === LOCATE) {
      const offset = locateOffsetAt(commands);
      const place = { position: readings * 1000, length: 10 };
      const next = { offset: offset + 1, segmentBase: 0, position: readings * 1000 + 10 };
      writeReply(completions, requestId, {
        error: 'NONE',
        runs: [{ offset, slices: [{ path: '/nowhere/0.log', ...place }], next }],
      });
      if (!locateAheadAt(commands)) continue;
      readings++;
      writeNotice(completions, { kind: 'state', slot, state: 'offline' });
      writeNotice(completions, { kind: 'state', slot, state: 'online' });
      continue;
    }
    const request = readRequest(commands);
    if (request.kind === 'open') {
      board.write(slot, { ...emptyRow(), highWatermark: 100, logEndOffset: 100, position: 5000 });
      writeNotice(completions, { kind: 'state', slot, state: 'online' });
    }
    writeReply(completions, requestId, { error: 'NONE' });
    closing = request.kind === 'close';
  }
  commands.release();
  completions.commit();
  if (!closing) commands.wait(1000);
}
