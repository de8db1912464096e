/** A shard's thread that knows where records lie without a look at their file: each batch has 64 KiB. Shard thread. */
import { locateAheadAt, locateOffsetAt, RUNS_AHEAD } from '../../src/ring/commands.js';
import { writeAppended, writeReply } from '../../src/ring/completions.js';
import { commands, completions, serve } from './shard-loop.js';

const BATCH_BYTES = 64 * 1024;
let path = '';
let asked = 0;

serve({
  highWatermark: 1000,
  // Told as the offset of what was appended: how often it was asked where something lies.
  append: (requestId) => writeAppended(completions, requestId, 0, asked, -1, 0, null),
  locate(requestId) {
    asked++;
    const runs = Array.from({ length: locateAheadAt(commands) ? RUNS_AHEAD : 1 }, (_, number) => {
      const offset = locateOffsetAt(commands) + number;
      const position = offset * BATCH_BYTES;
      const next = { offset: offset + 1, segmentBase: 0, position: position + BATCH_BYTES };
      return { offset, slices: [{ path, position, length: BATCH_BYTES }], next };
    });
    writeReply(completions, requestId, { error: 'NONE', runs });
  },
  request(request) {
    if (request.kind === 'open') path = `${request.directory}/00000000000000000000.log`;
    return false;
  },
});
