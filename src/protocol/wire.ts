/** Bytes of the wire: the writer that replies are collected in, and the reads that generated decoders share. Any thread. */
import { assert } from '../base/assert.js';
import { type FileRecords, type FileSlice, isFileRecords } from '../base/file-slice.js';
import { KiB } from '../base/units.js';
import { STRING_BYTES_MAX, TAGS_MAX } from './limits.js';
import { MalformedRequestError } from './malformed-request-error.js';

/** A reply is a list of these, in order: bytes, and file ranges that stay on disk until the socket wants them. */
export type ReplyPiece = Buffer | FileSlice;

const SLAB_BYTES = 64 * KiB;
/** From this size on, bytes are passed on as a piece of their own: the copy would cost more than one more piece. */
const REFERENCE_BYTES_MIN = 4 * KiB;
/** Strings up to this many characters are first tried as ASCII, character by character. */
const SHORT_STRING_CHARS = 48;
/** The int32 in front of a frame. */
export const FRAME_PREFIX_BYTES = 4;

const TWO_32 = 2 ** 32;
const TWO_63 = 2 ** 63;

/**
 * Collects one message after the other. Never copies what is written already: a full slab becomes a piece and a new slab
 * follows. The next message goes on in the same slab, so that small replies share one.
 *
 *     slab |… earlier replies …|bytes not yet in a piece|free …|
 *                              ^#from                   ^position
 */
export class Writer {
  /** The slab at hand. Generated encoders write into it where {@link claim} told them to. */
  bytes: Buffer;
  position = 0;
  #from = 0;
  #pieces: ReplyPiece[] = [];
  #piecesLength = 0;
  #frameBytes: Buffer | null = null;
  #framePosition = 0;
  readonly #slabBytes: number;

  constructor(slabBytes: number = SLAB_BYTES) {
    this.#slabBytes = slabBytes;
    this.bytes = Buffer.allocUnsafeSlow(slabBytes);
  }

  /** Bytes written since the last {@link finish}. */
  get length(): number {
    return this.#piecesLength + this.position - this.#from;
  }

  /** Makes room for `count` bytes in one run; returns where in {@link bytes} they go. */
  claim(count: number): number {
    if (this.position + count > this.bytes.length) this.#nextSlab(count);
    const at = this.position;
    this.position = at + count;
    return at;
  }

  /** Leaves room for the length in front of a frame; {@link finish} fills it in. */
  startFrame(): void {
    this.#framePosition = this.claim(FRAME_PREFIX_BYTES);
    this.#frameBytes = this.bytes;
  }

  /** All that was written since the last time, as pieces. */
  finish(): ReplyPiece[] {
    this.#cut();
    const pieces = this.#pieces;
    if (this.#frameBytes !== null) {
      const length = this.#piecesLength - FRAME_PREFIX_BYTES;
      assert(length < 2 ** 31, `a frame of ${length} bytes cannot say its length`);
      this.#frameBytes.writeInt32BE(length, this.#framePosition);
    }
    this.#reset();
    return pieces;
  }

  /** Forgets what was written since the last {@link finish}: the way out when an encoder throws. */
  abandon(): void {
    this.#from = this.position;
    this.#reset();
  }

  int8(value: number): void {
    const p = this.claim(1);
    this.bytes[p] = value;
  }

  int16(value: number): void {
    const p = this.claim(2);
    this.bytes[p] = value >>> 8;
    this.bytes[p + 1] = value;
  }

  int32(value: number): void {
    const p = this.claim(4);
    const b = this.bytes;
    b[p] = value >>> 24;
    b[p + 1] = value >>> 16;
    b[p + 2] = value >>> 8;
    b[p + 3] = value;
  }

  uvarint(value: number): void {
    let rest = value;
    const b = this.claim(5);
    let p = b;
    while (rest > 127) {
      this.bytes[p++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[p++] = rest;
    this.position = p;
  }

  /** int16 length, then UTF-8. */
  string(text: string): void {
    const chars = text.length;
    if (chars <= SHORT_STRING_CHARS) {
      const p = this.claim(2 + chars);
      if (putAscii(this.bytes, p + 2, text)) {
        this.bytes[p] = 0;
        this.bytes[p + 1] = chars;
        return;
      }
      this.position = p;
    }
    const length = stringBytes(text);
    this.int16(length);
    this.#utf8(text, length);
  }

  /** uvarint length + 1, then UTF-8. */
  compactString(text: string): void {
    const chars = text.length;
    if (chars <= SHORT_STRING_CHARS) {
      const p = this.claim(1 + chars);
      if (putAscii(this.bytes, p + 1, text)) {
        this.bytes[p] = chars + 1;
        return;
      }
      this.position = p;
    }
    const length = stringBytes(text);
    this.uvarint(length + 1);
    this.#utf8(text, length);
  }

  /** int32 length, then the bytes. Large ones are not copied: they must stay as they are until the reply is sent. */
  blob(value: Buffer | FileRecords): void {
    const filed = isFileRecords(value);
    this.int32(filed ? value.byteLength : value.length);
    if (filed) this.#files(value);
    else this.#raw(value);
  }

  /** uvarint length + 1, then the bytes; see {@link blob}. */
  compactBlob(value: Buffer | FileRecords): void {
    const filed = isFileRecords(value);
    this.uvarint((filed ? value.byteLength : value.length) + 1);
    if (filed) this.#files(value);
    else this.#raw(value);
  }

  /** A writer for a tagged field, whose size stands in front of it. */
  nested(): Writer {
    return new Writer(256);
  }

  /** Writes what was collected in a {@link nested} writer, its size first. */
  closeNested(nested: Writer): void {
    this.uvarint(nested.length);
    for (const piece of nested.finish()) {
      assert(piece instanceof Buffer, 'file ranges cannot stand in a tagged field');
      this.#raw(piece);
    }
  }

  #utf8(text: string, length: number): void {
    const p = this.claim(length);
    this.bytes.write(text, p, length, 'utf8');
  }

  #raw(value: Buffer): void {
    if (value.length >= REFERENCE_BYTES_MIN) {
      this.#cut();
      this.#add(value, value.length);
    } else {
      const p = this.claim(value.length);
      this.bytes.set(value, p);
    }
  }

  #files(value: FileRecords): void {
    this.#cut();
    let length = 0;
    for (const slice of value.slices) {
      this.#add(slice, slice.length);
      length += slice.length;
    }
    assert(length === value.byteLength, 'file ranges must add up to what was announced');
  }

  #add(piece: ReplyPiece, length: number): void {
    this.#pieces.push(piece);
    this.#piecesLength += length;
  }

  #cut(): void {
    if (this.position === this.#from) return;
    this.#add(this.bytes.subarray(this.#from, this.position), this.position - this.#from);
    this.#from = this.position;
  }

  #nextSlab(count: number): void {
    this.#cut();
    this.bytes = Buffer.allocUnsafeSlow(Math.max(this.#slabBytes, count));
    this.position = 0;
    this.#from = 0;
  }

  #reset(): void {
    this.#pieces = [];
    this.#piecesLength = 0;
    this.#frameBytes = null;
  }
}

/** Writes `text` if it is ASCII and says whether it was. */
function putAscii(b: Buffer, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    b[at + i] = code;
  }
  return true;
}

function stringBytes(text: string): number {
  const length = Buffer.byteLength(text);
  assert(length <= STRING_BYTES_MAX, `a string of ${length} bytes is longer than the protocol can say`);
  return length;
}

/** Writes the int64 nearest to `value`. */
export function putInt64(b: Buffer, p: number, value: number): void {
  let high: number;
  let low: number;
  if (value >= TWO_63) {
    high = 0x7fffffff;
    low = 0xffffffff;
  } else if (value < -TWO_63) {
    high = 0x80000000;
    low = 0;
  } else {
    high = Math.floor(value / TWO_32);
    low = value - high * TWO_32;
  }
  b[p] = high >>> 24;
  b[p + 1] = high >>> 16;
  b[p + 2] = high >>> 8;
  b[p + 3] = high;
  b[p + 4] = low >>> 24;
  b[p + 5] = low >>> 16;
  b[p + 6] = low >>> 8;
  b[p + 7] = low;
}

export function putUuid(b: Buffer, p: number, text: string): void {
  assert(text.length === 22 && b.write(text, p, 16, 'base64url') === 16, `${text} is no id of 22 base64url characters`);
}

export function uuidAt(b: Buffer, p: number): string {
  return b.toString('base64url', p, p + 16);
}

/** How far a varint reaches and what it says, as `value * 8 + bytes`: two results without an object. */
export function uvarintAt(b: Buffer, at: number, end: number): number {
  let value = 0;
  let weight = 1;
  for (let i = 0; i < 5; i++, weight *= 128) {
    if (at + i >= end) short(at, end);
    const byte = b[at + i];
    value += (byte & 127) * weight;
    if (byte < 128) {
      if (value >= TWO_32) break;
      return value * 8 + i + 1;
    }
  }
  throw new MalformedRequestError(`the varint at byte ${at} does not fit into 32 bits`);
}

/** Steps over a section of tagged fields nobody here knows; returns where it ends. */
export function skipTags(b: Buffer, at: number, end: number): number {
  let read = uvarintAt(b, at, end);
  let p = at + (read % 8);
  const count = Math.floor(read / 8);
  if (count > TAGS_MAX) tooManyTags(count);
  for (let i = 0; i < count; i++) {
    read = uvarintAt(b, p, end);
    p += read % 8;
    read = uvarintAt(b, p, end);
    p += read % 8;
    const size = Math.floor(read / 8);
    if (size > end - p) short(p, end);
    p += size;
  }
  return p;
}

export function short(at: number, end: number): never {
  throw new MalformedRequestError(`the message ends at byte ${end}, inside the value that starts at byte ${at}`);
}

export function tooManyTags(count: number): never {
  throw new MalformedRequestError(`a struct with ${count} tagged fields: at most ${TAGS_MAX} are read`);
}
