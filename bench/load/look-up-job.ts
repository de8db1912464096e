/** Closed loop over single batches at random places of a log: what finding an offset costs. Runs in the load client. */
import type { Socket } from 'node:net';
import { seconds } from './closed-loop.js';
import { openSocket } from './connect.js';
import { FrameCutter } from './frame-cutter.js';
import { FetchFrame, fetchReplyPositions } from './frames.js';
import type { JobResult, LookUpJob } from './job.js';
import { logEnds } from './log-ends.js';
import { Meter } from './meter.js';

/** A broker sends at least one whole batch, so this asks for exactly one. */
const oneBatch = 1;
/** Any whole period will do: each run looks at the same places in the same order. */
const multiplier = 1_103_515_245;
const increment = 12_345;
const modulus = 2 ** 31;

class LookUp {
  private socket!: Socket;
  private sentAtMs = 0;
  private readonly request: FetchFrame;
  private readonly errorPosition: number;

  constructor(
    private readonly job: LookUpJob,
    private readonly ends: readonly number[],
    private state: number,
    private readonly meter: Meter,
    private readonly fail: (error: Error) => void,
  ) {
    this.request = new FetchFrame(job.topic, [0], oneBatch, 0);
    this.errorPosition = fetchReplyPositions(job.topic).error;
  }

  async open(): Promise<void> {
    const { host, port } = this.job;
    const cutter = new FrameCutter((buffer, start, end) => this.onReply(buffer, start, end));
    this.socket = await openSocket(host, port, (chunk, count) => cutter.push(chunk, count), this.fail);
  }

  send(): void {
    const partition = this.random(this.ends.length);
    this.request.setPartition(0, partition);
    this.request.setOffset(0, this.random(this.ends[partition]));
    this.sentAtMs = performance.now();
    this.socket.write(this.request.bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  private random(below: number): number {
    // In two steps of 31 bits, exactly.
    this.state = Number((BigInt(this.state) * BigInt(multiplier) + BigInt(increment)) % BigInt(modulus));
    return Math.floor((this.state / modulus) * below);
  }

  private onReply(buffer: Buffer, start: number, end: number): void {
    const error = buffer.readInt16BE(start + this.errorPosition);
    if (error !== 0) {
      this.fail(new Error(`Fetch from ${this.job.topic} was answered with error code ${error}`));
      return;
    }
    const { meter } = this;
    if (meter.measuring) {
      meter.bytes += end - start;
      meter.records++;
      meter.requests++;
      meter.latency(performance.now() - this.sentAtMs);
    }
    this.send();
  }
}

export async function runLookUpJob(job: LookUpJob): Promise<JobResult> {
  const ends = await logEnds(job.host, job.port, job.topic, job.partitions);
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const all = Array.from({ length: job.connections }, (_, index) => new LookUp(job, ends, index + 1, meter, fail));
  const work = async (): Promise<JobResult> => {
    for (const one of all) await one.open();
    for (const one of all) one.send();
    await seconds(job.warmUpSeconds);
    meter.begin(job);
    await seconds(job.seconds);
    return meter.end()();
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const one of all) one.close();
  }
}
