/** Which file ranges answer a fetch, and those that will follow it. Shard thread. */
import type { PartitionLog } from '../log/partition-log.js';
import { RUNS_AHEAD } from '../ring/commands.js';
import type { LocatedRun, ShardReply } from '../ring/completions.js';

/**
 * One run for a reader who waits. For one who will come (`ahead`), several, but none that ends at the high watermark:
 * it would be longer by the time it is wanted.
 */
export function locateRuns(
  log: PartitionLog,
  from: number,
  bytesMax: number,
  highWatermark: number,
  ahead: boolean,
): ShardReply {
  const runs: LocatedRun[] = [];
  for (let offset = from; runs.length < (ahead ? RUNS_AHEAD : 1) && offset < highWatermark; ) {
    const located = log.locate(offset, bytesMax, highWatermark, true);
    if (located === null) break;
    if (located.error !== 'NONE') return runs.length > 0 ? { error: 'NONE', runs } : { error: located.error };
    if (ahead && (located.next === null || located.next.offset >= highWatermark)) break;
    runs.push({ offset, slices: located.slices, next: located.next });
    if (located.next === null) break;
    offset = located.next.offset;
  }
  return { error: 'NONE', runs };
}
