/** Recovery limit: reads a log of whole batches and checks each one's CRC; prints the milliseconds that took. */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { logLineBatch } from '../load/batches.js';

const [directory, bytesText] = process.argv.slice(2);
const wanted = Number(bytesText);
const batch = logLineBatch(64 * 1024, 1).bytes;
/** Batches in one read. */
const perRead = 16;
const buffer = Buffer.concat(Array.from({ length: perRead }, () => batch));
const crcPosition = 17;
const checkedFrom = 21;

const path = join(directory, 'file');
const written = openSync(path, 'w');
for (let at = 0; at < wanted; at += buffer.length) writeSync(written, buffer);
closeSync(written);

const file = openSync(path, 'r');
const startedMs = performance.now();
let bytes = 0;
for (let count = buffer.length; count > 0; bytes += count) {
  count = readSync(file, buffer, 0, buffer.length, bytes);
  for (let at = 0; at < count; at += batch.length) {
    if (crc32c(buffer.subarray(at + checkedFrom, at + batch.length)) !== buffer.readUInt32BE(at + crcPosition)) {
      throw new Error(`the batch at ${bytes + at} is not what was written`);
    }
  }
}
process.stdout.write(`${performance.now() - startedMs}\n`);
closeSync(file);
