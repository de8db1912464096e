/** Big-endian integers in byte arrays without a DataView: works on shared memory, allocates nothing. Used on every thread. */

const TWO_32 = 4294967296;
const INT64_MAX_AS_DOUBLE = 2 ** 63;
const INT64_MIN_AS_DOUBLE = -(2 ** 63);

export function readInt16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) >> 16) | bytes[at + 1];
}

export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) >>> 0;
}

/** Exact within the safe integers; beyond them the nearest double. */
export function readInt64(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at) * TWO_32 + readUint32(bytes, at + 4);
}

export function writeInt16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** Takes signed and unsigned 32-bit values alike. */
export function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Saturates where `value` is a double outside of int64. */
export function writeInt64(bytes: Uint8Array, at: number, value: number): void {
  if (value >= INT64_MAX_AS_DOUBLE) {
    writeInt32(bytes, at, 0x7fffffff);
    writeInt32(bytes, at + 4, 0xffffffff);
  } else if (value <= INT64_MIN_AS_DOUBLE) {
    writeInt32(bytes, at, 0x80000000);
    writeInt32(bytes, at + 4, 0);
  } else {
    const high = Math.floor(value / TWO_32);
    writeInt32(bytes, at, high);
    writeInt32(bytes, at + 4, value - high * TWO_32);
  }
}
