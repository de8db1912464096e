/**
 * A shard's thread that says where records lie, and how its logs do, only once something was appended, and then how often it
 * was asked.
 */
import { workerData } from 'node:worker_threads';
import { APPEND, LOCATE, locateOffsetAt, readRequest, requestIdAt, slotAt } from '../../src/ring/commands.js';
import { writeAppended, writeNotice, writeReply } from '../../src/ring/completions.js';
import type { ShardMemory } from '../../src/ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { emptyRow, WatermarkBoard } from '../../src/ring/watermarks.js';

const memory = workerData as ShardMemory;
const commands = new RingConsumer(memory.commands);
const completions = new RingProducer(memory.completions);
const board = new WatermarkBoard();
for (const page of memory.pages) board.addPage(page);
/** What is answered then. */
const held: (() => void)[] = [];
const opened: number[] = [];

for (let closing = false; !closing; ) {
  while (commands.poll()) {
    const requestId = requestIdAt(commands);
    const slot = slotAt(commands);
    if (commands.type === LOCATE) {
      const offset = locateOffsetAt(commands);
      const slices = [{ path: '/nowhere/0.log', position: offset * 10, length: 10 }];
      held.push(() => writeReply(completions, requestId, { error: 'NONE', runs: [{ offset, slices, next: null }] }));
      continue;
    }
    if (commands.type === APPEND) {
      for (const answer of held) answer();
      // Told as the offset of what was appended.
      writeAppended(completions, requestId, 0, held.splice(0).length, -1, 0, null);
      continue;
    }
    const request = readRequest(commands);
    if (request.kind === 'survey') {
      const log = { bytes: 10, segments: 1, oldestMs: 0, oldestBytes: 10, beganMs: 0 };
      const logs = opened.map((each) => ({ slot: each, ...log }));
      held.push(() => writeReply(completions, requestId, { error: 'NONE', survey: { logs, nextSlot: -1 } }));
      continue;
    }
    if (request.kind === 'open') {
      opened.push(slot);
      board.write(slot, { ...emptyRow(), highWatermark: 1000, logEndOffset: 1000, position: 5000 });
      writeNotice(completions, { kind: 'state', slot, state: 'online' });
    }
    writeReply(completions, requestId, { error: 'NONE' });
    closing = request.kind === 'close';
  }
  commands.release();
  completions.commit();
  if (!closing) commands.wait(1000);
}
