/** Writes the same growing number into every field of one row, as fast as it can. A worker thread of the board's tests. */
import { workerData } from 'node:worker_threads';
import { WatermarkBoard } from '../../src/ring/watermarks.js';

const board = new WatermarkBoard();
board.addPage((workerData as { page: SharedArrayBuffer }).page);
for (let value = 0; value <= 500_000; value++) {
  board.write(5, {
    leaderEpoch: 0,
    logStartOffset: value,
    flushedEndOffset: value,
    highWatermark: value,
    lastStableOffset: value,
    logEndOffset: value,
    segmentBase: value,
    position: 0,
    damagedRanges: 0,
  });
}
