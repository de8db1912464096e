/** Sends Produce frames at intended times, whatever the broker answers. A worker thread of the load client. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { openSocket } from './connect.js';
import { sharedClockMs } from './end-to-end-job.js';
import { FrameCutter } from './frame-cutter.js';
import { produceFrame, produceReplyErrorPosition } from './frames.js';
import type { EndToEndJob } from './job.js';
import { loadKernel } from './kernel.js';

export interface PacedProducerInput {
  readonly job: EndToEndJob;
  readonly batch: Uint8Array;
  /** How many are sent in all. */
  readonly batches: number;
  /** When batch 0 is due, on the clock of `sharedClockMs`; batch n is due n / batchesPerSecond later. */
  readonly startMs: number;
}

/** Never notified: the thread sleeps on it with the precision of the kernel's timer, where setTimeout knows whole milliseconds. */
const pillow = new Int32Array(new SharedArrayBuffer(4));

/** Beyond this the client would be filling its own memory. */
const unsentBytesMax = 64 * 1024 * 1024;

async function produce({ job, batch, batches, startMs }: PacedProducerInput): Promise<void> {
  const frames = Array.from({ length: job.partitions }, (_, partition) =>
    produceFrame({ topic: job.topic, partition, acks: job.acks, correlationId: partition, batch }),
  );
  const errorPosition = produceReplyErrorPosition(job.topic);
  const fail = (error: Error) => {
    throw error;
  };
  let answered = 0;
  const cutter = new FrameCutter((buffer, start) => {
    const error = buffer.readInt16BE(start + errorPosition);
    if (error !== 0) fail(new Error(`Produce to ${job.topic} was answered with error code ${error}`));
    answered++;
  });
  const socket = await openSocket(job.host, job.port, (chunk, count) => cutter.push(chunk, count), fail);
  // What the client itself is late by would be taken for the broker's time.
  loadKernel()?.endWaitsInTime();
  const intervalMs = 1000 / job.batchesPerSecond;
  for (let ordinal = 0; ordinal < batches; ordinal++) {
    const waitMs = startMs + ordinal * intervalMs - sharedClockMs();
    if (waitMs > 0) Atomics.wait(pillow, 0, 0, waitMs);
    socket.write(frames[ordinal % frames.length]);
    await nextTurn();
    // What the broker does not take stays due: latencies count from the intended times all the same.
    while (socket.writableLength > unsentBytesMax) await nextTurn();
  }
  while (answered < batches) await nextTurn();
  socket.destroy();
  parentPort?.postMessage('produced');
}

if (parentPort !== null) await produce(workerData as PacedProducerInput);
