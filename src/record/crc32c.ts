/** CRC-32C (Castagnoli): the native package where it loads, tables in JavaScript otherwise and for short runs. Any thread. */
import { createRequire } from 'node:module';

type NativeCrc32c = (input: Uint8Array, initialState?: number) => number;

/** Below this the call into native code costs more than the tables do. */
const NATIVE_FROM_BYTES = 256;
const POLYNOMIAL_REVERSED = 0x82f63b78;

/** Eight tables of 256 entries, one behind the other: table k advances a byte by k further zero bytes. */
const tables = buildTables();

function buildTables(): Int32Array {
  const built = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ POLYNOMIAL_REVERSED : crc >>> 1;
    built[byte] = crc;
  }
  for (let table = 1; table < 8; table++) {
    for (let byte = 0; byte < 256; byte++) {
      const previous = built[(table - 1) * 256 + byte];
      built[table * 256 + byte] = (previous >>> 8) ^ built[previous & 0xff];
    }
  }
  return built;
}

const native = loadNative();

function loadNative(): NativeCrc32c | null {
  try {
    return (createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: NativeCrc32c }).crc32c;
  } catch {
    // No binary for this platform: the tables give the same numbers at about a quarter of the speed.
    return null;
  }
}

/** False where only the tables are at work; for the start-up log line and for benches. */
export const nativeCrc32c = native !== null;

/** CRC-32C of `bytes[start, end)`, unsigned; `initial` is the CRC of what came before. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, initial = 0): number {
  if (native === null || end - start < NATIVE_FROM_BYTES) return crc32cByTables(bytes, start, end, initial);
  return native(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), initial);
}

/** The same by slicing eight bytes at a time (Intel, "High Octane CRC Generation", 2006). */
export function crc32cByTables(bytes: Uint8Array, start = 0, end = bytes.length, initial = 0): number {
  let crc = ~initial;
  let at = start;
  for (const wholeEnd = end - 7; at < wholeEnd; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      tables[7 * 256 + (crc & 0xff)] ^
      tables[6 * 256 + ((crc >>> 8) & 0xff)] ^
      tables[5 * 256 + ((crc >>> 16) & 0xff)] ^
      tables[4 * 256 + (crc >>> 24)] ^
      tables[3 * 256 + bytes[at + 4]] ^
      tables[2 * 256 + bytes[at + 5]] ^
      tables[256 + bytes[at + 6]] ^
      tables[bytes[at + 7]];
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
