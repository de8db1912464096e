/** The watermark board: what is written is read, across pages and beyond 32 bits, and never half. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { allocatePage, emptyRow, ROWS_PER_PAGE, WatermarkBoard } from '../../src/ring/watermarks.js';
import { fc } from '../property.js';

const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

test('a row reads as it was written', () => {
  const board = new WatermarkBoard();
  board.addPage(allocatePage());
  board.addPage(allocatePage());
  assert.equal(board.rowCount, 2 * ROWS_PER_PAGE);
  const row = fc.record(
    {
      leaderEpoch: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      logStartOffset: offset,
      flushedEndOffset: offset,
      highWatermark: offset,
      lastStableOffset: offset,
      logEndOffset: offset,
      segmentBase: offset,
      position: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      damagedRanges: fc.nat(),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 * ROWS_PER_PAGE - 1 }), row, (slot, written) => {
      board.write(slot, written);
      const read = emptyRow();
      board.read(slot, read);
      assert.deepEqual(read, written);
    }),
  );
});

test('a reader never sees half of a row that another thread writes', async () => {
  const page = allocatePage();
  const board = new WatermarkBoard();
  board.addPage(page);
  const worker = new Worker(new URL('./board-writer-thread.js', import.meta.url), { workerData: { page } });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const row = emptyRow();
  let last = 0;
  while (last < 500_000) {
    board.read(5, row);
    const { highWatermark } = row;
    assert.ok(highWatermark >= last, 'the high watermark does not go back');
    assert.deepEqual(
      [row.logStartOffset, row.flushedEndOffset, row.lastStableOffset, row.logEndOffset, row.segmentBase],
      [highWatermark, highWatermark, highWatermark, highWatermark, highWatermark],
    );
    last = highWatermark;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await exited;
});

test('a row whose writer died in the middle can be repaired', () => {
  const page = allocatePage();
  const board = new WatermarkBoard();
  board.addPage(page);
  new Int32Array(page)[0] = 7;
  board.repair(0);
  board.read(0, emptyRow());
});
