/** A connection that does what no client should, and the frames it sends. Test process. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class Attacker {
  /** What the broker answered so far. */
  received = Buffer.alloc(0);
  /** Resolves when the connection is gone, by whomever. */
  readonly closed: Promise<void>;
  #onData: () => void = () => undefined;

  private constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    // Being cut off is what most of these connections are for.
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.#onData();
    });
  }

  static async connect(port: number): Promise<Attacker> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const attacker = new Attacker(socket);
    await once(socket, 'connect');
    return attacker;
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** Sends each byte by itself, one after the other has left. */
  async sendByteByByte(bytes: Buffer): Promise<void> {
    for (const byte of bytes) {
      await new Promise<void>((resolve) => this.socket.write(Buffer.of(byte), () => setImmediate(resolve)));
    }
  }

  /** The next whole answer without its length prefix; rejects when the connection closes first. */
  async answer(): Promise<Buffer> {
    for (;;) {
      if (this.received.length >= 4 && this.received.length >= 4 + this.received.readInt32BE(0)) {
        const end = 4 + this.received.readInt32BE(0);
        const frame = this.received.subarray(4, end);
        this.received = this.received.subarray(end);
        return frame;
      }
      const more = new Promise<void>((resolve) => {
        this.#onData = resolve;
      });
      const closed = this.closed.then(() => {
        throw new Error('the broker closed the connection instead of answering');
      });
      await Promise.race([more, closed]);
    }
  }

  /** Whether the broker answers at all, or hangs up. */
  answerOrClose(): Promise<'answered' | 'closed'> {
    return this.answer().then(
      () => 'answered',
      () => 'closed',
    );
  }

  destroy(): void {
    this.socket.destroy();
  }
}

export const int16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};

export const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

/** Unsigned varint, seven bits a byte, lowest first. */
export function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

export const framed = (...parts: readonly Buffer[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(body.length), body]);
};

const CORRELATION_ID = 7;
const CLIENT_ID = Buffer.from('hostile');

/** Request header version 1: key, version, correlation id, client id. */
export const header1 = (key: number, version: number) =>
  Buffer.concat([int16(key), int16(version), int32(CORRELATION_ID), int16(CLIENT_ID.length), CLIENT_ID]);

/** Version 2 adds tagged fields, none by default. */
export const header2 = (key: number, version: number, tags = uvarint(0)) =>
  Buffer.concat([header1(key, version), tags]);

/** `count` tagged fields without content, numbered from `from`. */
export function emptyTags(count: number, from = 1_000): Buffer {
  const tags: Buffer[] = [uvarint(count)];
  for (let i = 0; i < count; i++) tags.push(uvarint(from + i), uvarint(0));
  return Buffer.concat(tags);
}
