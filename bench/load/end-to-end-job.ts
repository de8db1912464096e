/** Open-loop delivery: a paced producer thread and a long-polling consumer, latency from the intended time. Load client, main thread. */
import { Worker } from 'node:worker_threads';
import { batchPool } from './batch-pool.js';
import { seconds } from './closed-loop.js';
import { openSocket } from './connect.js';
import { FrameCutter } from './frame-cutter.js';
import { FetchFrame, readInt64 } from './frames.js';
import type { EndToEndJob, JobResult } from './job.js';
import { logEnds } from './log-ends.js';
import { Meter } from './meter.js';
import type { PacedProducerInput } from './paced-producer.js';

const batchHeadBytes = 27;

/** Milliseconds of the one monotonic clock that all threads share. */
export function sharedClockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Reads the replies to a Fetch of all partitions and takes the time of each batch's arrival. */
class TailReader {
  readonly meter = new Meter();
  private readonly offsets: Float64Array;
  private readonly request: FetchFrame;
  private send: (bytes: Buffer) => void = () => {};

  constructor(
    private readonly job: EndToEndJob,
    private readonly recordsPerBatch: number,
    /** By partition: where the log ended before the first batch. */
    private readonly firstOffsets: readonly number[],
    private readonly startMs: number,
    private readonly fail: (error: Error) => void,
  ) {
    this.offsets = Float64Array.from(firstOffsets);
    const all = Array.from({ length: job.partitions }, (_, partition) => partition);
    this.request = new FetchFrame(job.topic, all, 1024 * 1024, 500);
    for (const partition of all) this.request.setOffset(partition, firstOffsets[partition]);
  }

  async open(): Promise<() => void> {
    const cutter = new FrameCutter((buffer, start) => this.onReply(buffer, start));
    const { host, port } = this.job;
    const socket = await openSocket(host, port, (chunk, count) => cutter.push(chunk, count), this.fail);
    this.send = (bytes) => socket.write(bytes);
    this.send(this.request.bytes);
    return () => socket.destroy();
  }

  private onReply(buffer: Buffer, start: number): void {
    const nowMs = sharedClockMs();
    this.meter.requests++;
    let at = start + 8 + 4 + 2 + 4;
    if (buffer.readInt32BE(at) > 0) {
      at += 4;
      at += 2 + buffer.readInt16BE(at);
      const partitions = buffer.readInt32BE(at);
      at += 4;
      for (let row = 0; row < partitions; row++) at = this.onPartition(buffer, at, nowMs);
    }
    for (let partition = 0; partition < this.offsets.length; partition++) {
      this.request.setOffset(partition, this.offsets[partition]);
    }
    this.send(this.request.bytes);
  }

  /** Takes one partition's part of the reply; returns where the next one begins. */
  private onPartition(buffer: Buffer, start: number, nowMs: number): number {
    const partition = buffer.readInt32BE(start);
    const error = buffer.readInt16BE(start + 4);
    if (error !== 0) {
      this.fail(new Error(`Fetch from ${this.job.topic}-${partition} was answered with error code ${error}`));
    }
    let at = start + 30;
    at += 4 + 16 * Math.max(0, buffer.readInt32BE(at)) + 4;
    const end = at + 4 + Math.max(0, buffer.readInt32BE(at));
    at += 4;
    while (end - at >= batchHeadBytes) {
      const batchBytes = 12 + buffer.readInt32BE(at + 8);
      if (batchBytes > end - at) break;
      this.onBatch(partition, readInt64(buffer, at), buffer.readInt32BE(at + 23) + 1, batchBytes, nowMs);
      at += batchBytes;
    }
    return end;
  }

  private onBatch(partition: number, baseOffset: number, records: number, batchBytes: number, nowMs: number): void {
    this.offsets[partition] = baseOffset + records;
    // The n-th batch of partition p was the batch n * partitions + p of the whole run, and was due at its place in the beat.
    const ordinal =
      ((baseOffset - this.firstOffsets[partition]) / this.recordsPerBatch) * this.job.partitions + partition;
    const dueMs = ordinal * (1000 / this.job.batchesPerSecond);
    if (dueMs < this.job.warmUpSeconds * 1000) return;
    this.meter.bytes += batchBytes;
    this.meter.records += records;
    this.meter.latency(nowMs - this.startMs - dueMs);
  }
}

export async function runEndToEndJob(job: EndToEndJob): Promise<JobResult> {
  // One batch for all, so that a batch's offset tells which one it is.
  const batch = batchPool(job.shape)[0];
  const firstOffsets = await logEnds(job.host, job.port, job.topic, job.partitions);
  // The threads get ready before the first batch is due.
  const startMs = sharedClockMs() + 500;
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const reader = new TailReader(job, batch.records, firstOffsets, startMs, fail);
  const batches = Math.round((job.warmUpSeconds + job.seconds) * job.batchesPerSecond);
  const input: PacedProducerInput = { job, batch: batch.bytes, batches, startMs };
  const producer = new Worker(new URL('./paced-producer.js', import.meta.url), { workerData: input });
  producer.on('error', fail);
  const produced = new Promise<void>((resolve) => producer.once('message', () => resolve()));
  let close: (() => void) | null = null;
  const work = async (): Promise<JobResult> => {
    close = await reader.open();
    await seconds((startMs - sharedClockMs()) / 1000 + job.warmUpSeconds);
    const { meter } = reader;
    meter.begin(job);
    await seconds(job.seconds);
    const result = meter.end();
    await produced;
    const all = Math.round(job.seconds * job.batchesPerSecond) * batch.records;
    // Warm-up ends between two batches: one more or less on either side of it is no loss.
    while (meter.records < all - batch.records) await seconds(0.01);
    return { ...result(), seconds: job.seconds };
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    (close as (() => void) | null)?.();
    await producer.terminate();
  }
}
