/** The loop of a shard's thread that stands in for a real one and says only what its test wants. Shard thread. */
import { workerData } from 'node:worker_threads';
import { APPEND, LOCATE, readRequest, requestIdAt, type ShardRequest, slotAt } from '../../src/ring/commands.js';
import { writeNotice, writeReply } from '../../src/ring/completions.js';
import type { ShardMemory } from '../../src/ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../../src/ring/spsc-ring.js';
import { emptyRow, WatermarkBoard } from '../../src/ring/watermarks.js';

const memory = workerData as ShardMemory;
const board = new WatermarkBoard();
for (const page of memory.pages) board.addPage(page);

export const commands = new RingConsumer(memory.commands);
export const completions = new RingProducer(memory.completions);

export interface StandIn {
  /** Of each partition, from its opening on. */
  readonly highWatermark: number;
  append(requestId: number): void;
  locate(requestId: number, slot: number): void;
  /** False where it is to be said that all is well. */
  request(request: ShardRequest, requestId: number, slot: number): boolean;
}

/** Until it is asked to close. */
export function serve({ highWatermark, append, locate, request }: StandIn): void {
  for (let closing = false; !closing; ) {
    while (commands.poll()) {
      const requestId = requestIdAt(commands);
      const slot = slotAt(commands);
      if (commands.type === APPEND) append(requestId);
      else if (commands.type === LOCATE) locate(requestId, slot);
      else {
        const asked = readRequest(commands);
        if (request(asked, requestId, slot)) continue;
        if (asked.kind === 'open') {
          board.write(slot, { ...emptyRow(), highWatermark, logEndOffset: highWatermark, position: 5000 });
          writeNotice(completions, { kind: 'state', slot, state: 'online' });
        }
        writeReply(completions, requestId, { error: 'NONE' });
        closing = asked.kind === 'close';
      }
    }
    commands.release();
    completions.commit();
    if (!closing) commands.wait(1000);
  }
}
