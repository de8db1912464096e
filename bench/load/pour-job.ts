/** Pours Produce frames into a socket as fast as it takes them, for the receive limit. Runs in the load client. */
import type { Socket } from 'node:net';
import { batchPool, type FrameRun, frameRun, shareOf } from './batch-pool.js';
import { secondsUnless } from './closed-loop.js';
import { openSocket } from './connect.js';
import { readInt64 } from './frames.js';
import type { JobResult, PourJob } from './job.js';
import { CpuWindow } from './process-stat.js';

/** Bytes handed to a socket per write; two writes are kept under way. */
const writeBytes = 256 * 1024;

class PouringConnection {
  private socket!: Socket;
  private pouring = false;
  private at = 0;
  private poured = 0;
  private readonly done: Promise<number>;
  private finish!: (bytes: number) => void;
  private fail!: (error: Error) => void;

  constructor(
    private readonly job: PourJob,
    private readonly run: FrameRun,
    private readonly bytesMax: number,
  ) {
    this.done = new Promise((resolve, reject) => {
      this.finish = resolve;
      this.fail = reject;
    });
  }

  async open(): Promise<void> {
    // The limit answers once: the number of bytes that it has written to its file.
    const onBytes = (chunk: Buffer) => {
      this.finish(readInt64(chunk, 0));
      this.socket.destroy();
    };
    this.socket = await openSocket(this.job.host, this.job.port, onBytes, this.fail);
  }

  start(): void {
    this.pouring = true;
    this.pour();
    this.pour();
  }

  get isFull(): boolean {
    return this.poured >= this.bytesMax;
  }

  /** Resolves with the bytes that the other side has put into its file. */
  stop(): Promise<number> {
    this.pouring = false;
    this.socket.end();
    return this.done;
  }

  private readonly pour = (): void => {
    if (!this.pouring) return;
    const start = this.at;
    const end = Math.min(start + writeBytes, this.run.bytes.length);
    this.at = end === this.run.bytes.length ? 0 : end;
    this.poured += end - start;
    if (this.isFull) this.pouring = false;
    this.socket.write(this.run.bytes.subarray(start, end), this.pour);
  };
}

export async function runPourJob(job: PourJob): Promise<JobResult> {
  const pool = batchPool(job.shape);
  const connections = Array.from({ length: job.connections }, (_, index) => {
    const partitions = shareOf(job.partitions, job.connections, index);
    const bytesMax = (job.writtenBytesMax ?? Number.POSITIVE_INFINITY) / job.connections;
    return new PouringConnection(job, frameRun(job.topic, partitions, 1, 4, pool), bytesMax);
  });
  for (const connection of connections) await connection.open();
  const startedMs = performance.now();
  const cpu = new CpuWindow(job.serverPid);
  for (const connection of connections) connection.start();
  await secondsUnless(job.seconds, () => connections.every((connection) => connection.isFull));
  const written = await Promise.all(connections.map((connection) => connection.stop()));
  const used = cpu.end();
  return {
    seconds: (performance.now() - startedMs) / 1000,
    bytes: written.reduce((sum, bytes) => sum + bytes, 0),
    records: 0,
    requests: 0,
    latencyMs: null,
    histogram: null,
    timeline: null,
    stretches: [],
    extra: {},
    ...used,
  };
}
