/**
 * A shard's thread that says where records lie, and how its logs do, only once something was appended, and then how often it
 * was asked.
 */
import { locateOffsetAt } from '../../src/ring/commands.js';
import { writeAppended, writeReply } from '../../src/ring/completions.js';
import { commands, completions, serve } from './shard-loop.js';

/** What is answered then. */
const held: (() => void)[] = [];
const opened: number[] = [];

serve({
  highWatermark: 1000,
  append(requestId) {
    for (const answer of held) answer();
    // Told as the offset of what was appended.
    writeAppended(completions, requestId, 0, held.splice(0).length, -1, 0, null);
  },
  locate(requestId) {
    const offset = locateOffsetAt(commands);
    const slices = [{ path: '/nowhere/0.log', position: offset * 10, length: 10 }];
    held.push(() => writeReply(completions, requestId, { error: 'NONE', runs: [{ offset, slices, next: null }] }));
  },
  request({ kind }, requestId, slot) {
    if (kind === 'open') opened.push(slot);
    if (kind !== 'survey') return false;
    const log = { bytes: 10, segments: 1, oldestMs: 0, oldestBytes: 10, beganMs: 0 };
    const logs = opened.map((each) => ({ slot: each, ...log }));
    held.push(() => writeReply(completions, requestId, { error: 'NONE', survey: { logs, nextSlot: -1 } }));
    return true;
  },
});
