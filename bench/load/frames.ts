/** Request and reply frames that the load client replays, in the last non-flexible versions of each API. Runs in the client's process. */

/** Api key and version: all brokers since Kafka 2.4 answer these, and their layouts have fixed positions. */
const apis = {
  produce: { key: 0, version: 7 },
  fetch: { key: 1, version: 11 },
  offsetCommit: { key: 8, version: 7 },
  apiVersions: { key: 18, version: 0 },
} as const;

const clientId = 'millrace-bench';

/** Writes big-endian primitives into a growing buffer; for frames that are built before the clock starts. */
class FrameWriter {
  private bytes = Buffer.allocUnsafe(1024);
  private at = 0;

  int8(value: number): this {
    this.reserve(1);
    this.at = this.bytes.writeInt8(value, this.at);
    return this;
  }
  int16(value: number): this {
    this.reserve(2);
    this.at = this.bytes.writeInt16BE(value, this.at);
    return this;
  }
  int32(value: number): this {
    this.reserve(4);
    this.at = this.bytes.writeInt32BE(value, this.at);
    return this;
  }
  int64(value: number): this {
    this.reserve(8);
    writeInt64(this.bytes, this.at, value);
    this.at += 8;
    return this;
  }
  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length).reserve(length);
    this.at += this.bytes.write(value, this.at);
    return this;
  }
  /** int32 length, then the bytes. */
  sized(value: Uint8Array): this {
    this.int32(value.length).reserve(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
    return this;
  }
  /** Where the next byte goes: remembered by callers that patch a field later. */
  get position(): number {
    return this.at;
  }
  /** A copy of what was written, its first four bytes set to the length of the rest. */
  frame(): Buffer {
    const out = Buffer.from(this.bytes.subarray(0, this.at));
    out.writeInt32BE(out.length - 4, 0);
    return out;
  }

  private reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}

/** Splits at 2^32 so that no bigint is made; `value` is a safe integer, negative ones included. */
export function writeInt64(buffer: Buffer, at: number, value: number): void {
  buffer.writeInt32BE(Math.floor(value / 0x1_0000_0000), at);
  buffer.writeUInt32BE(value >>> 0, at + 4);
}

export function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

/** A writer that holds the frame's length (still zero) and request header v1. */
function request(api: keyof typeof apis, correlationId: number): FrameWriter {
  const { key, version } = apis[api];
  return new FrameWriter().int32(0).int16(key).int16(version).int32(correlationId).string(clientId);
}

/** What clients say first. */
export function apiVersionsFrame(): Buffer {
  return request('apiVersions', 0).frame();
}

export interface ProduceFrame {
  topic: string;
  partition: number;
  /** 1 or -1; a Produce with acks 0 would get no reply to measure. */
  acks: number;
  correlationId: number;
  batch: Uint8Array;
}

/** A Produce request for one batch of one partition. */
export function produceFrame({ topic, partition, acks, correlationId, batch }: ProduceFrame): Buffer {
  return request('produce', correlationId)
    .string(null)
    .int16(acks)
    .int32(30_000)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .sized(batch)
    .frame();
}

/**
 * Where things are in the reply to {@link produceFrame}, counted from the frame's length:
 *
 *   0        4             8      12     14      14+n   18+n    22+n    24+n
 *   | length | correlation | 1    | n    | topic | 1    | index | error | base offset …
 */
export function produceReplyErrorPosition(topic: string): number {
  return 22 + Buffer.byteLength(topic);
}

/** A reply to {@link produceFrame} that says that all is well: what the echo limit answers. */
export function produceReply(topic: string, correlationId: number): Buffer {
  return new FrameWriter()
    .int32(0)
    .int32(correlationId)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(0)
    .int16(0)
    .int64(0)
    .int64(-1)
    .int64(0)
    .int32(0)
    .frame();
}

export interface OffsetCommitFrame {
  readonly topic: string;
  readonly group: string;
  readonly partition: number;
  readonly offset: number;
  readonly correlationId: number;
}

/** An OffsetCommit of a consumer that assigns partitions to itself. */
export function offsetCommitFrame({ topic, group, partition, offset, correlationId }: OffsetCommitFrame): Buffer {
  return request('offsetCommit', correlationId)
    .string(group)
    .int32(-1)
    .string('')
    .string(null)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int64(offset)
    .int32(-1)
    .string('')
    .frame();
}

/**
 * Where things are in the reply to {@link offsetCommitFrame}, counted from the frame's length:
 *
 *   0        4             8          12  16  18      18+n 22+n    26+n
 *   | length | correlation | throttle | 1 | n | topic | 1  | index | error
 */
export function offsetCommitReplyErrorPosition(topic: string): number {
  return 26 + Buffer.byteLength(topic);
}

/** A Fetch request whose offsets are patched in place between uses: only one may be under way at a time. */
export class FetchFrame {
  readonly bytes: Buffer;
  private readonly positions: number[] = [];

  constructor(topic: string, partitions: readonly number[], partitionBytesMax: number, maxWaitMs: number) {
    const writer = request('fetch', 0)
      .int32(-1)
      .int32(maxWaitMs)
      .int32(1)
      .int32(Math.max(partitionBytesMax, 52_428_800))
      .int8(0)
      .int32(0)
      .int32(-1)
      .int32(1)
      .string(topic)
      .int32(partitions.length);
    for (const partition of partitions) {
      this.positions.push(writer.position);
      writer.int32(partition).int32(-1).int64(0).int64(-1).int32(partitionBytesMax);
    }
    this.bytes = writer.int32(0).string('').frame();
  }

  setPartition(row: number, partition: number): void {
    this.bytes.writeInt32BE(partition, this.positions[row]);
  }
  setOffset(row: number, offset: number): void {
    writeInt64(this.bytes, this.positions[row] + 8, offset);
  }
}

/** Where a Fetch request for one partition of `topic` holds its partition_max_bytes, counted from the frame's length. */
export function fetchBytesMaxPosition(topic: string): number {
  return new FetchFrame(topic, [0], 1, 0).bytes.length - 4 - 2 - 4;
}

/**
 * Where things are in the reply to a Fetch for one partition, counted from the frame's length:
 *
 *   0        4             8          12      14        18  22  24      24+n 28+n    32+n    34+n      42+n  50+n    58+n
 *   | length | correlation | throttle | error | session | 1 | n | topic | 1  | index | error | high w. | lso | start | aborted count
 */
export function fetchReplyPositions(topic: string): { error: number; highWatermark: number; abortedCount: number } {
  const topicBytes = Buffer.byteLength(topic);
  return { error: 32 + topicBytes, highWatermark: 34 + topicBytes, abortedCount: 58 + topicBytes };
}

/** Everything of a Fetch reply for one partition that comes before the record bytes, as the fetch limit sends it. */
export function fetchReplyHead(
  topic: string,
  correlationId: number,
  highWatermark: number,
  recordBytes: number,
): Buffer {
  const head = new FrameWriter()
    .int32(0)
    .int32(correlationId)
    .int32(0)
    .int16(0)
    .int32(0)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(0)
    .int16(0)
    .int64(highWatermark)
    .int64(highWatermark)
    .int64(0)
    .int32(-1)
    .int32(-1)
    .int32(recordBytes)
    .frame();
  head.writeInt32BE(head.length - 4 + recordBytes, 0);
  return head;
}
