/** Read limit: answers each Fetch with a ready-made head and a range of one cached file, by sendfile or by copying. */
import { openSync, readSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { FrameCutter } from '../load/frame-cutter.js';
import { fetchBytesMaxPosition, fetchReplyHead } from '../load/frames.js';
import { loadKernel } from '../load/kernel.js';
import { accept } from './accept.js';

/** topic, file of whole batches of equal size, size of a batch, 'sendfile' or 'copy' */
const [topic, path, batchBytesText, way] = process.argv.slice(2);
const batchBytes = Number(batchBytesText);
/** Small enough that what is sent is still in the processor's cache when it is received. */
const sendBufferBytes = 102_400;
const copyBytes = 256 * 1024;
/** After a full socket this much goes by a plain write, whose callback tells when there is room again. */
const nudgeBytes = 16 * 1024;

const file = openSync(path, 'r');
const fileBytes = statSync(path).size;
const kernel = loadKernel();
const landing = Buffer.allocUnsafe(64 * 1024);
const bytesMaxPosition = fetchBytesMaxPosition(topic);

/** Sends ranges of the file on one connection, one after the other. */
class RangeSender {
  private position = 0;
  private left = 0;
  private readonly buffers = [Buffer.allocUnsafe(copyBytes), Buffer.allocUnsafe(copyBytes)];
  private turn = 0;

  constructor(
    private readonly socket: Socket,
    private readonly fd: number,
  ) {}

  answer(correlationId: number, bytesMax: number): void {
    const length = Math.min(Math.floor(bytesMax / batchBytes) * batchBytes, fileBytes);
    if (this.position + length > fileBytes) this.position = 0;
    this.left = length;
    this.socket.write(fetchReplyHead(topic, correlationId, Number.MAX_SAFE_INTEGER, length));
    if (way === 'sendfile') this.pipe();
    else this.copy();
  }

  private readonly pipe = (): void => {
    while (this.left > 0 && !this.socket.destroyed) {
      const sent =
        this.socket.writableLength === 0 && kernel !== null
          ? kernel.sendfile(this.fd, file, this.position, this.left)
          : -1;
      if (sent > 0) {
        this.position += sent;
        this.left -= sent;
      } else {
        this.write(nudgeBytes, this.pipe);
        return;
      }
    }
  };

  private readonly copy = (): void => {
    if (this.left > 0 && !this.socket.destroyed) this.write(copyBytes, this.copy);
  };

  private write(lengthMax: number, done: () => void): void {
    this.turn ^= 1;
    const length = readSync(file, this.buffers[this.turn], 0, Math.min(lengthMax, this.left), this.position);
    this.position += length;
    this.left -= length;
    this.socket.write(this.buffers[this.turn].subarray(0, length), done);
  }
}

accept((adopt, fd) => {
  kernel?.setSendBuffer(fd, sendBufferBytes);
  const cutter = new FrameCutter((buffer, start) => {
    sender.answer(buffer.readInt32BE(start + 8), buffer.readInt32BE(start + bytesMaxPosition));
  });
  const socket = adopt({
    next: () => landing,
    landed(count) {
      cutter.push(landing, count);
      return true;
    },
  });
  const sender = new RangeSender(socket, fd);
  socket.on('end', () => socket.end());
});
