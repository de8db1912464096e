/** A connection that replays ready-made frames in a closed loop: every reply lets the next one go. Runs in the load client. */
import type { Socket } from 'node:net';
import type { FrameRun } from './batch-pool.js';
import { openSocket } from './connect.js';
import { FrameCutter } from './frame-cutter.js';
import type { Job, JobResult, ProduceJob } from './job.js';
import { Meter } from './meter.js';

/** How long a broker may refuse what it is not ready for yet; what it refuses counts for nothing. */
const patienceMs = 30_000;

export interface LoopOptions {
  readonly host: string;
  readonly port: number;
  /** Requests that are kept under way. */
  readonly inFlight: number;
  /** What an error message calls the request. */
  readonly request: string;
  /** Where a reply holds its error code, counted from the frame's length. */
  readonly errorPosition: number;
  /** Codes that a broker may answer while it is not ready. */
  readonly errorsAtFirst: ReadonlySet<number>;
}

export class ClosedLoop {
  private socket!: Socket;
  private sending = false;
  private nextToSend = 0;
  private nextReply = 0;
  /** Replies of the chunk at hand: as many frames may go as one write. */
  private answered = 0;
  /** When frame i of the run was handed to the socket. */
  private readonly sentAtMs: Float64Array;
  private nowMs = 0;
  private patientUntilMs = 0;
  private readonly cutter: FrameCutter;
  private onQuiet: (() => void) | null = null;

  constructor(
    private readonly options: LoopOptions,
    private readonly run: FrameRun,
    private readonly meter: Meter,
    private readonly fail: (error: Error) => void,
  ) {
    this.sentAtMs = new Float64Array(run.count);
    this.cutter = new FrameCutter((buffer, start) => this.onReply(buffer, start));
  }

  async open(): Promise<void> {
    const { host, port } = this.options;
    this.socket = await openSocket(host, port, (chunk, count) => this.onBytes(chunk, count), this.fail);
  }

  start(): void {
    this.sending = true;
    this.nowMs = performance.now();
    this.patientUntilMs = this.nowMs + patienceMs;
    this.send(this.options.inFlight);
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

  private onReply(buffer: Buffer, start: number): void {
    const { request, errorPosition, errorsAtFirst } = this.options;
    const frame = this.nextReply;
    const correlationId = buffer.readInt32BE(start + 4);
    if (correlationId !== frame) {
      this.fail(new Error(`the reply to request ${frame} carries correlation id ${correlationId}`));
      return;
    }
    const error = buffer.readInt16BE(start + errorPosition);
    if (error !== 0 && !(errorsAtFirst.has(error) && performance.now() < this.patientUntilMs)) {
      this.fail(new Error(`${request} was answered with error code ${error}`));
      return;
    }
    const { meter } = this;
    if (error === 0) meter.allBytes += this.run.batchBytes[frame];
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

/** Of what may be written at all. */
const WARM_UP_SHARE = 1 / 3;
const LOOK_SECONDS = 0.005;

/** Opens all connections, lets them run, measures, and waits for the last replies. */
export async function runLoops(
  job: Job & Pick<ProduceJob, 'bytesMax' | 'writtenBytesMax'>,
  make: (meter: Meter, fail: (error: Error) => void) => readonly ClosedLoop[],
): Promise<JobResult> {
  const meter = new Meter();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const loops = make(meter, fail);
  const work = async (): Promise<JobResult> => {
    for (const loop of loops) await loop.open();
    for (const loop of loops) loop.start();
    const { writtenBytesMax, bytesMax } = job;
    const written = (share: number) => writtenBytesMax !== undefined && meter.allBytes >= share * writtenBytesMax;
    await secondsUnless(job.warmUpSeconds, () => written(WARM_UP_SHARE));
    meter.begin(job);
    if (bytesMax === undefined) await secondsUnless(job.seconds, () => written(1));
    else while (meter.bytes < bytesMax) await seconds(LOOK_SECONDS);
    const result = meter.end();
    for (const loop of loops) await loop.stop();
    return result();
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const loop of loops) loop.close();
  }
}

export function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}

/** Waits, but no longer than until `isOver`. */
export async function secondsUnless(count: number, isOver: () => boolean): Promise<void> {
  for (const endMs = performance.now() + count * 1000; performance.now() < endMs && !isOver(); ) {
    await seconds(LOOK_SECONDS);
  }
}
