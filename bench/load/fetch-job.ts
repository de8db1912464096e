/** Closed-loop catch-up reading over raw sockets: one Fetch at a time per connection. Runs in the load client. */
import type { Socket } from 'node:net';
import { shareOf } from './batch-pool.js';
import { openSocket } from './connect.js';
import { FetchFrame, fetchReplyPositions, readInt64 } from './frames.js';
import type { FetchJob, JobResult } from './job.js';
import { Latencies } from './latencies.js';
import { CpuWindow } from './process-stat.js';
import { seconds } from './produce-job.js';

/** Up to and including last_offset_delta: all that a reader of whole batches must know to go on. */
const batchHeadBytes = 27;
const batchLengthPosition = 8;
const lastOffsetDeltaPosition = 23;
/** base_offset and batch_length, which batch_length itself does not count. */
const batchPrefixBytes = 12;

class Tally {
  bytes = 0;
  records = 0;
  requests = 0;
  measuring = false;
  readonly latencies = new Latencies();
}

/** What the next bytes of the stream are. */
type Expecting = 'reply head' | 'reply head end' | 'batch head' | 'nothing more of use';

/** Follows the bytes of one connection without keeping them: only heads of replies and of batches are gathered. */
class FetchingConnection {
  private socket!: Socket;
  private expecting: Expecting = 'reply head';
  private readonly gathered = Buffer.allocUnsafe(64 * 1024);
  private gatheredBytes = 0;
  private wantBytes: number;
  private skipBytes = 0;
  /** Bytes of the reply, and of its records, that are still to come. */
  private frameLeft = 0;
  private recordsLeft = 0;
  private highWatermark = 0;
  private row = 0;
  private offset = 0;
  private sentAtMs = 0;
  private readonly request: FetchFrame;
  private readonly positions: ReturnType<typeof fetchReplyPositions>;

  constructor(
    private readonly job: FetchJob,
    private readonly partitions: readonly number[],
    private readonly tally: Tally,
    private readonly fail: (error: Error) => void,
  ) {
    this.request = new FetchFrame(job.topic, [partitions[0]], job.fetchBytes, 500);
    this.positions = fetchReplyPositions(job.topic);
    this.wantBytes = this.positions.abortedCount + 4;
  }

  async open(): Promise<void> {
    const { host, port } = this.job;
    this.socket = await openSocket(host, port, (chunk, count) => this.onBytes(chunk, count), this.fail);
  }

  send(): void {
    this.request.setPartition(0, this.partitions[this.row]);
    this.request.setOffset(0, this.offset);
    this.sentAtMs = performance.now();
    this.socket.write(this.request.bytes);
  }

  close(): void {
    this.socket.destroy();
  }

  private onBytes(chunk: Buffer, count: number): void {
    let at = 0;
    while (at < count) {
      if (this.skipBytes > 0) {
        const skipped = Math.min(this.skipBytes, count - at);
        this.skipBytes -= skipped;
        at += skipped;
        this.frameLeft -= skipped;
      } else {
        const taken = Math.min(this.wantBytes - this.gatheredBytes, count - at);
        chunk.copy(this.gathered, this.gatheredBytes, at, at + taken);
        this.gatheredBytes += taken;
        at += taken;
        this.frameLeft -= taken;
      }
      if (this.skipBytes === 0 && this.gatheredBytes === this.wantBytes) this.onGathered();
    }
  }

  private onGathered(): void {
    const { gathered } = this;
    switch (this.expecting) {
      case 'reply head': {
        this.frameLeft = 4 + gathered.readInt32BE(0) - this.gatheredBytes;
        const error = gathered.readInt16BE(this.positions.error);
        if (error !== 0) {
          this.fail(new Error(`Fetch from ${this.job.topic} was answered with error code ${error}`));
          return;
        }
        this.highWatermark = readInt64(gathered, this.positions.highWatermark);
        const aborted = Math.max(0, gathered.readInt32BE(this.positions.abortedCount));
        this.want('reply head end', aborted * 16 + 8);
        return;
      }
      case 'reply head end':
        this.recordsLeft = Math.max(0, gathered.readInt32BE(this.gatheredBytes - 4));
        this.wantBatch();
        return;
      case 'batch head': {
        const batchBytes = batchPrefixBytes + gathered.readInt32BE(batchLengthPosition);
        // A batch cut off at the end of the reply comes again, whole, in the next one.
        if (batchBytes > this.recordsLeft) {
          this.skip(this.frameLeft);
          return;
        }
        const records = gathered.readInt32BE(lastOffsetDeltaPosition) + 1;
        this.offset = readInt64(gathered, 0) + records;
        this.recordsLeft -= batchBytes;
        if (this.tally.measuring) {
          this.tally.bytes += batchBytes;
          this.tally.records += records;
        }
        this.skipBytes = batchBytes - batchHeadBytes;
        this.wantBatch();
        return;
      }
      case 'nothing more of use':
        this.onReplyEnd();
    }
  }

  private want(expecting: Expecting, bytes: number): void {
    this.expecting = expecting;
    this.gatheredBytes = 0;
    this.wantBytes = bytes;
  }

  private wantBatch(): void {
    if (this.recordsLeft >= batchHeadBytes) this.want('batch head', batchHeadBytes);
    // What is due to be skipped of the batch at hand is still part of the frame.
    else this.skip(this.frameLeft);
  }

  private skip(bytes: number): void {
    this.skipBytes = bytes;
    this.want('nothing more of use', 0);
    if (bytes === 0) this.onReplyEnd();
  }

  private onReplyEnd(): void {
    const { tally } = this;
    if (tally.measuring) {
      tally.requests++;
      tally.latencies.record(performance.now() - this.sentAtMs);
    }
    if (this.offset >= this.highWatermark) {
      this.offset = 0;
      this.row = (this.row + 1) % this.partitions.length;
    }
    this.want('reply head', this.positions.abortedCount + 4);
    this.send();
  }
}

export async function runFetchJob(job: FetchJob): Promise<JobResult> {
  const tally = new Tally();
  let fail!: (error: Error) => void;
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const connections = Array.from({ length: job.connections }, (_, index) => {
    return new FetchingConnection(job, shareOf(job.partitions, job.connections, index), tally, fail);
  });
  const work = async (): Promise<JobResult> => {
    for (const connection of connections) await connection.open();
    for (const connection of connections) connection.send();
    await seconds(job.warmUpSeconds);
    tally.measuring = true;
    const startedMs = performance.now();
    const cpu = new CpuWindow(job.serverPid);
    await seconds(job.seconds);
    tally.measuring = false;
    const used = cpu.end();
    const elapsed = (performance.now() - startedMs) / 1000;
    const { bytes, records, requests } = tally;
    return { seconds: elapsed, bytes, records, requests, latencyMs: tally.latencies.percentiles(), ...used };
  };
  try {
    return await Promise.race([work(), failed]);
  } finally {
    for (const connection of connections) connection.close();
  }
}
