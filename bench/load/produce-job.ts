/** Closed-loop producing over raw sockets: every reply lets the next ready-made frame go. Runs in the load client. */
import type { Socket } from 'node:net';
import { batchPool, type FrameRun, frameRun, shareOf } from './batch-pool.js';
import { openSocket } from './connect.js';
import { FrameCutter } from './frame-cutter.js';
import { produceReplyErrorPosition } from './frames.js';
import type { JobResult, ProduceJob } from './job.js';
import { Meter } from './meter.js';

/** UNKNOWN_TOPIC_OR_PARTITION and NOT_LEADER_OR_FOLLOWER: a broker may name a new leader before that one knows. */
const leaderErrors: ReadonlySet<number> = new Set([3, 6]);
/** How long a new topic's partitions may refuse what is sent to them; what they refuse counts for nothing. */
const leaderlessMsMax = 30_000;

class ProducingConnection {
  private socket!: Socket;
  private sending = false;
  private nextToSend = 0;
  private nextReply = 0;
  /** Replies of the chunk at hand: as many frames may go as one write. */
  private answered = 0;
  /** When frame i of the run was handed to the socket. */
  private readonly sentAtMs: Float64Array;
  private nowMs = 0;
  private leaderlessUntilMs = 0;
  private readonly cutter: FrameCutter;
  private onQuiet: (() => void) | null = null;

  constructor(
    private readonly job: ProduceJob,
    private readonly run: FrameRun,
    private readonly meter: Meter,
    private readonly fail: (error: Error) => void,
  ) {
    this.sentAtMs = new Float64Array(run.count);
    const errorPosition = produceReplyErrorPosition(job.topic);
    this.cutter = new FrameCutter((buffer, start) => this.onReply(buffer, start, errorPosition));
  }

  async open(): Promise<void> {
    const { host, port } = this.job;
    this.socket = await openSocket(host, port, (chunk, count) => this.onBytes(chunk, count), this.fail);
  }

  start(): void {
    this.sending = true;
    this.nowMs = performance.now();
    this.leaderlessUntilMs = this.nowMs + leaderlessMsMax;
    this.send(this.job.inFlight);
  }

  /** Sends no more; resolves when the last reply is in. */
  stop(): Promise<void> {
    this.sending = false;
    return new Promise((resolve) => {
      if (this.nextReply === this.nextToSend) resolve();
      else this.onQuiet = resolve;
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private onBytes(chunk: Buffer, count: number): void {
    this.nowMs = performance.now();
    this.answered = 0;
    this.cutter.push(chunk, count);
    if (this.answered === 0) return;
    if (this.sending) this.send(this.answered);
    else if (this.nextReply === this.nextToSend) this.onQuiet?.();
  }

  private onReply(buffer: Buffer, start: number, errorPosition: number): void {
    const frame = this.nextReply;
    const correlationId = buffer.readInt32BE(start + 4);
    if (correlationId !== frame) {
      this.fail(new Error(`the reply to request ${frame} carries correlation id ${correlationId}`));
      return;
    }
    const error = buffer.readInt16BE(start + errorPosition);
    if (error !== 0 && !(leaderErrors.has(error) && performance.now() < this.leaderlessUntilMs)) {
      this.fail(new Error(`Produce to ${this.job.topic} was answered with error code ${error}`));
      return;
    }
    const { meter } = this;
    if (meter.measuring && error === 0) {
      meter.bytes += this.run.batchBytes[frame];
      meter.records += this.run.records[frame];
      meter.requests++;
      meter.latency(this.nowMs - this.sentAtMs[frame]);
    }
    this.nextReply = frame + 1 === this.run.count ? 0 : frame + 1;
    this.answered++;
  }

  /** One write, or two where the run of frames wraps. */
  private send(frames: number): void {
    const { run } = this;
    let left = frames;
    while (left > 0) {
      const from = this.nextToSend;
      const to = Math.min(from + left, run.count);
      for (let at = from; at < to; at++) this.sentAtMs[at] = this.nowMs;
      this.socket.write(run.bytes.subarray(run.starts[from], run.starts[to]));
      left -= to - from;
      this.nextToSend = to === run.count ? 0 : to;
    }
  }
}

export async function runProduceJob(job: ProduceJob): Promise<JobResult> {
  const pool = batchPool(job.shape);
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const connections = Array.from({ length: job.connections }, (_, index) => {
    const partitions = shareOf(job.partitions, job.connections, index);
    // One frame more than is ever under way, so that "all answered" and "all under way" look different.
    const run = frameRun(job.topic, partitions, job.acks, job.inFlight + 1, pool);
    return new ProducingConnection(job, run, meter, fail);
  });
  const work = async (): Promise<JobResult> => {
    for (const connection of connections) await connection.open();
    for (const connection of connections) connection.start();
    await seconds(job.warmUpSeconds);
    meter.begin(job);
    if (job.bytesMax === undefined) await seconds(job.seconds);
    else while (meter.bytes < job.bytesMax) await seconds(0.005);
    const result = meter.end();
    for (const connection of connections) await connection.stop();
    return result();
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const connection of connections) connection.close();
  }
}

export function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
