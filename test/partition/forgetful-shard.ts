/** A shard's thread that loses its log, and reads it again, in the same breath in which it has told where records lie. */
import { locateAheadAt, locateOffsetAt } from '../../src/ring/commands.js';
import { writeNotice, writeReply } from '../../src/ring/completions.js';
import { commands, completions, serve } from './shard-loop.js';

/** How often the log was read again: told by the positions that are answered. */
let readings = 0;

serve({
  highWatermark: 100,
  append: () => {},
  locate(requestId, slot) {
    const offset = locateOffsetAt(commands);
    const place = { position: readings * 1000, length: 10 };
    const next = { offset: offset + 1, segmentBase: 0, position: readings * 1000 + 10 };
    writeReply(completions, requestId, {
      error: 'NONE',
      runs: [{ offset, slices: [{ path: '/nowhere/0.log', ...place }], next }],
    });
    if (!locateAheadAt(commands)) return;
    readings++;
    writeNotice(completions, { kind: 'state', slot, state: 'offline' });
    writeNotice(completions, { kind: 'state', slot, state: 'online' });
  },
  request: () => false,
});
