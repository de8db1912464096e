/** One connection that reads partitions one Fetch at a time and keeps nothing of what it reads. Runs in the load client. */
import type { Socket } from 'node:net';
import { openSocket } from './connect.js';
import { FetchFrame, fetchReplyPositions, readInt64 } from './frames.js';
import type { Meter } from './meter.js';

/** Up to and including last_offset_delta: all that a reader of whole batches must know to go on. */
const batchHeadBytes = 27;
const batchLengthPosition = 8;
const lastOffsetDeltaPosition = 23;
/** base_offset and batch_length, which batch_length itself does not count. */
const batchPrefixBytes = 12;
const longPollMs = 500;

/** What a connection reads, and what it does at the end of the log. */
export interface Reading {
  readonly host: string;
  readonly port: number;
  readonly topic: string;
  /** One after the other; with `wait` only the first one is ever read. */
  readonly partitions: readonly number[];
  readonly fetchBytes: number;
  /** `again`: from the start, for ever. `stop`: after the last partition. `wait`: for what is written next. */
  readonly atEnd: 'again' | 'stop' | 'wait';
  /** Hears of each batch, measured or not. */
  readonly onBatch?: (baseOffset: number) => void;
  readonly onEnd?: () => void;
}

/** What the next bytes of the stream are. */
type Expecting = 'reply head' | 'reply head end' | 'batch head' | 'nothing more of use';

/** Follows the bytes of one connection without keeping them: only heads of replies and of batches are gathered. */
export class FetchingConnection {
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
    private readonly reading: Reading,
    private readonly meter: Meter,
    private readonly fail: (error: Error) => void,
  ) {
    const { topic, partitions, fetchBytes } = reading;
    this.request = new FetchFrame(topic, [partitions[0]], fetchBytes, longPollMs);
    this.positions = fetchReplyPositions(topic);
    this.wantBytes = this.positions.abortedCount + 4;
  }

  async open(): Promise<void> {
    const { host, port } = this.reading;
    this.socket = await openSocket(host, port, (chunk, count) => this.onBytes(chunk, count), this.fail);
  }

  send(): void {
    this.request.setPartition(0, this.reading.partitions[this.row]);
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
          this.fail(new Error(`Fetch from ${this.reading.topic} was answered with error code ${error}`));
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
        const baseOffset = readInt64(gathered, 0);
        this.offset = baseOffset + records;
        this.recordsLeft -= batchBytes;
        if (this.meter.measuring) {
          this.meter.bytes += batchBytes;
          this.meter.records += records;
        }
        this.reading.onBatch?.(baseOffset);
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
    const { meter, reading } = this;
    if (meter.measuring) {
      meter.requests++;
      // At the tail the time of a reply is the time until somebody wrote.
      if (reading.atEnd !== 'wait') meter.latency(performance.now() - this.sentAtMs);
    }
    this.want('reply head', this.positions.abortedCount + 4);
    if (this.offset >= this.highWatermark && reading.atEnd !== 'wait') {
      this.offset = 0;
      this.row = (this.row + 1) % reading.partitions.length;
      if (this.row === 0 && reading.atEnd === 'stop') {
        reading.onEnd?.();
        return;
      }
    }
    this.send();
  }
}
