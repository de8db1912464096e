/** One producer and many readers on the tail of one partition; the producer never runs away from the slowest. Runs in the load client. */
import type { Socket } from 'node:net';
import { batchPool } from './batch-pool.js';
import { seconds } from './closed-loop.js';
import { openSocket } from './connect.js';
import { FetchingConnection } from './fetching-connection.js';
import { FrameCutter } from './frame-cutter.js';
import { produceFrame, produceReplyErrorPosition } from './frames.js';
import type { FanOutJob, JobResult } from './job.js';
import { Meter } from './meter.js';

/** Batches that the slowest reader may still have before it: a tail, not a catch-up. A power of two. */
const lagBatchesMax = 128;

/** Sends batch after batch of one make, so that an offset tells which batch it was and when that was sent. */
class HeldBackProducer {
  private socket!: Socket;
  private readonly frame: Buffer;
  private readonly cutter: FrameCutter;
  private readonly sentAtMs = new Float64Array(lagBatchesMax);
  private readonly readUpTo: Float64Array;
  private sent = 0;
  private underWay = 0;

  constructor(
    private readonly job: FanOutJob,
    batch: Uint8Array,
    private readonly recordsPerBatch: number,
    private readonly fail: (error: Error) => void,
  ) {
    const { topic, consumers } = job;
    this.frame = produceFrame({ topic, partition: 0, acks: 1, correlationId: 0, batch });
    this.readUpTo = new Float64Array(consumers);
    const errorPosition = produceReplyErrorPosition(topic);
    this.cutter = new FrameCutter((buffer, start) => {
      const error = buffer.readInt16BE(start + errorPosition);
      if (error !== 0) fail(new Error(`Produce to ${topic} was answered with error code ${error}`));
      this.underWay--;
    });
  }

  async open(): Promise<void> {
    const { host, port } = this.job;
    const onBytes = (chunk: Buffer, count: number) => {
      this.cutter.push(chunk, count);
      this.send();
    };
    this.socket = await openSocket(host, port, onBytes, this.fail);
  }

  send(): void {
    while (this.underWay < this.job.inFlight && this.sent - Math.min(...this.readUpTo) < lagBatchesMax) {
      this.sentAtMs[this.sent % lagBatchesMax] = performance.now();
      this.sent++;
      this.underWay++;
      this.socket.write(this.frame);
    }
  }

  /** Returns the milliseconds since the batch that begins at `baseOffset` was sent. */
  onRead(consumer: number, baseOffset: number): number {
    const ordinal = baseOffset / this.recordsPerBatch;
    const tookMs = performance.now() - this.sentAtMs[ordinal % lagBatchesMax];
    this.readUpTo[consumer] = ordinal + 1;
    this.send();
    return tookMs;
  }

  close(): void {
    this.socket.destroy();
  }
}

export async function runFanOutJob(job: FanOutJob): Promise<JobResult> {
  const batch = batchPool(job.shape)[0];
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const producer = new HeldBackProducer(job, batch.bytes, batch.records, fail);
  const { host, port, topic, fetchBytes } = job;
  const readers = Array.from({ length: job.consumers }, (_, consumer) => {
    const onBatch = (baseOffset: number) => {
      const tookMs = producer.onRead(consumer, baseOffset);
      if (meter.measuring) meter.latency(tookMs);
    };
    return new FetchingConnection(
      { host, port, topic, fetchBytes, partitions: [0], atEnd: 'wait', onBatch },
      meter,
      fail,
    );
  });
  const work = async (): Promise<JobResult> => {
    for (const reader of readers) await reader.open();
    await producer.open();
    for (const reader of readers) reader.send();
    producer.send();
    await seconds(job.warmUpSeconds);
    meter.begin(job);
    await seconds(job.seconds);
    return meter.end()();
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const reader of readers) reader.close();
    producer.close();
  }
}
