/** A TCP proxy that cuts Kafka frames out of both directions and remembers them: where golden frames come from. Test process. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { freePort } from '../free-port.js';

export interface RecordedFrame {
  readonly apiKey: number;
  readonly version: number;
  readonly direction: 'request' | 'response';
  /** Without the length prefix: header and body. */
  readonly bytes: Buffer;
}

const PRODUCE_KEY = 0;

export class RecordingProxy {
  readonly frames: RecordedFrame[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    /** Where the real broker listens; set before the first client connects. */
    public targetPort: number,
  ) {
    this.#server = createServer((client) => this.#serve(client));
  }

  static async start(targetPort = 0): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(await freePort(), targetPort);
    proxy.#server.listen(proxy.port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  #serve(client: Socket): void {
    const broker = connect(this.targetPort, '127.0.0.1');
    /** Requests without an answer yet, oldest first: brokers answer in request order. */
    const waiting: { apiKey: number; version: number }[] = [];
    this.#join(client, broker, (bytes) => {
      const apiKey = bytes.readInt16BE(0);
      const version = bytes.readInt16BE(2);
      this.frames.push({ apiKey, version, direction: 'request', bytes });
      if (apiKey !== PRODUCE_KEY || producesAcks(bytes, version)) waiting.push({ apiKey, version });
    });
    this.#join(broker, client, (bytes) => {
      const request = waiting.shift();
      if (request) this.frames.push({ ...request, direction: 'response', bytes });
    });
  }

  #join(from: Socket, to: Socket, onFrame: (bytes: Buffer) => void): void {
    this.#sockets.add(from);
    let pending = Buffer.alloc(0);
    from.on('data', (chunk) => {
      to.write(chunk);
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const end = 4 + pending.readInt32BE(0);
        onFrame(Buffer.from(pending.subarray(4, end)));
        pending = pending.subarray(end);
      }
    });
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    // A reset is an end like any other here: the frames before it count.
    from.on('error', () => to.destroy());
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Produce with acks=0 gets no answer. Header v1: key, version, correlation id, client id; v2 (Produce 9+) adds tagged fields. */
function producesAcks(bytes: Buffer, version: number): boolean {
  let position = 8;
  position += 2 + Math.max(0, bytes.readInt16BE(position));
  if (version >= 9) position += 1; // no client sends header tags
  if (version >= 9) {
    position += Math.max(1, bytes[position]); // compact transactional id: length + 1, one byte for short ids
  } else if (version >= 3) {
    position += 2 + Math.max(0, bytes.readInt16BE(position));
  }
  return bytes.readInt16BE(position) !== 0;
}
