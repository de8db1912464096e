/** The writing half of the ingest limit: takes the CRC-32C of what landed and appends it to a file per ring. A worker thread. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import { ByteRing, events, type RingMemory, ringsMax, sleepUntilNext } from './byte-ring.js';

export interface Written {
  readonly ring: number;
  readonly bytes: number;
}

/**
 * Bytes are summed and written in pieces that begin at multiples of this in the file: shorter ones get more pages, much longer
 * ones make the kernel look for physically contiguous memory, which a machine that is not alone on its hardware must be given
 * first. Of 32, 64, 128 and 256 KiB this is the fastest.
 */
const pieceBytes = 128 * 1024;

class RingFile {
  private fd: number | null = null;
  private written = 0;
  private told = false;

  constructor(
    private readonly index: number,
    private readonly ring: ByteRing,
    private readonly path: string,
  ) {}

  /** Moves what is there; true where there was something. */
  move(): boolean {
    // Asked before the look at the bytes: what was committed before the end is then seen too.
    const { ended } = this.ring;
    const piece = this.ring.waiting(pieceBytes - (this.written % pieceBytes));
    if (piece.length === 0) {
      if (ended) this.tell();
      return false;
    }
    crc32c(piece);
    this.fd ??= openSync(this.path, 'w');
    const count = writeSync(this.fd, piece, 0, piece.length, this.written);
    this.written += count;
    this.ring.release(count);
    return true;
  }

  private tell(): void {
    if (this.told) return;
    this.told = true;
    if (this.fd !== null) closeSync(this.fd);
    parentPort?.postMessage({ ring: this.index, bytes: this.written } satisfies Written);
  }
}

const { memory, directory } = workerData as { memory: RingMemory; directory: string };
const files = Array.from({ length: ringsMax }, (_, index) => {
  return new RingFile(index, new ByteRing(memory, index), join(directory, `${index}.log`));
});
for (;;) {
  const seen = events(memory);
  let moved = false;
  for (const file of files) while (file.move()) moved = true;
  if (!moved) sleepUntilNext(memory, seen);
}
