/** Zigzag varints of up to 64 bits, as records use them; values are numbers within the safe integers. Any thread. */
import { KafkaError } from '../base/kafka-error.js';

/** Bytes that `value` takes. */
export function varintLength(value: number): number {
  let rest = zigzag(value);
  let length = 1;
  for (; rest >= 128; length++) rest = Math.floor(rest / 128);
  return length;
}

/** Writes `value` at `at` and returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = zigzag(value);
  let to = at;
  while (rest >= 128) {
    bytes[to++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[to++] = rest;
  return to;
}

/** 0, -1, 1, -2 ... become 0, 1, 2, 3 ... */
function zigzag(value: number): number {
  return value >= 0 ? value * 2 : value * -2 - 1;
}

/** As {@link varintLength}, for any 64-bit number. */
export function longVarintLength(value: bigint): number {
  let length = 1;
  for (let rest = longZigzag(value) >> 7n; rest > 0n; rest >>= 7n) length++;
  return length;
}

/** As {@link writeVarint}, for any 64-bit number. */
export function writeLongVarint(bytes: Uint8Array, at: number, value: bigint): number {
  let to = at;
  let rest = longZigzag(value);
  for (; rest >= 128n; rest >>= 7n) bytes[to++] = Number(rest & 0x7fn) | 0x80;
  bytes[to++] = Number(rest);
  return to;
}

function longZigzag(value: bigint): bigint {
  return BigInt.asUintN(64, value >= 0n ? value << 1n : ~(value << 1n));
}

/** Reads varints and length-prefixed blobs one after the other; throws CORRUPT_MESSAGE at the end of the bytes. */
export class VarintReader {
  at = 0;
  constructor(private readonly bytes: Buffer) {}

  next(): number {
    const { bytes } = this;
    let raw = 0;
    let scale = 1;
    for (let shift = 0; shift < 10; shift++) {
      if (this.at >= bytes.length) throw cut();
      const byte = bytes[this.at++];
      raw += (byte & 0x7f) * scale;
      if (byte < 128) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      scale *= 128;
    }
    throw new KafkaError('CORRUPT_MESSAGE', 'A varint of a record is longer than ten bytes.');
  }

  /** A length and that many bytes, as a view; null for length -1. */
  blob(): Buffer | null {
    const length = this.next();
    if (length === -1) return null;
    if (length < 0 || this.at + length > this.bytes.length) throw cut();
    const blob = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return blob;
  }

  /** As {@link blob} without making a view; returns its length, -1 for null. */
  skipBlob(): number {
    const length = this.next();
    if (length < -1 || this.at + length > this.bytes.length) throw cut();
    if (length > 0) this.at += length;
    return length;
  }
}

function cut(): KafkaError {
  return new KafkaError('CORRUPT_MESSAGE', 'The records of a batch end in the middle of a record.');
}
