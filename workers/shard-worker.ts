/** Entry of a shard's thread: wires the rings it was given to a Shard and runs it. Decides nothing. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/base/clock.js';
import { nodeFileSystem } from '../src/log/file-system.js';
import { Histogram } from '../src/metrics/histogram.js';
import { instruments } from '../src/metrics/instruments.js';
import { Pulse } from '../src/ring/pulse.js';
import type { ShardMemory } from '../src/ring/shard-memory.js';
import { RingConsumer, RingProducer } from '../src/ring/spsc-ring.js';
import { WatermarkBoard } from '../src/ring/watermarks.js';
import { Shard } from '../src/shard/shard.js';
import { watchedFiles } from '../src/shard/watched-files.js';

const data = workerData as ShardMemory;
const board = new WatermarkBoard();
for (const page of data.pages) board.addPage(page);

const pulse = new Pulse(data.pulse);

const shard = new Shard({
  commands: new RingConsumer(data.commands),
  completions: new RingProducer(data.completions),
  board,
  receivePage: () => {
    const received = parentPort === null ? undefined : receiveMessageOnPort(parentPort);
    if (received === undefined) throw new Error('a board page was announced but not sent');
    return received.message as SharedArrayBuffer;
  },
  files: watchedFiles(nodeFileSystem, pulse),
  pulse,
  clock: systemClock,
  flushTimes: new Histogram(instruments.millrace_fsync_seconds.bounds, data.flushTimes),
  openFilesMax: data.openFilesMax,
  retentionCheckMs: data.retentionCheckMs,
});
shard.run();
// A port with a listener would keep the thread alive; there is none, so the thread ends here.
