/**
 * LZ4 frames, both ways. Any thread.
 *
 * ```
 *  04 22 4d 18   flags   block size   content size   dictionary   header checksum   blocks             0        checksum
 *  magic         byte    byte         [int64 LE]     [int32 LE]   byte              (size, bytes)*     int32    [int32]
 *
 *  a block: int32 LE size, high bit: stored as it is; then that many bytes; [int32 checksum]
 *  inside of it: token, [more literal length], literals, distance int16 LE, [more repetition length]; the last without distance
 * ```
 *
 * (lz4_Frame_format.md and lz4_Block_format.md of lz4.) Checksums are not looked at: a batch's own CRC covers all bytes.
 * Written here because no package offers a synchronous decoder that stops at a limit, and the native one measured slower.
 */
import { tooLarge, unreadable } from './codec-error.js';
import { copyLiterals, findRepetitions, type Memory, memoryOf, repeat, SEARCHED_BYTES_MAX } from './repetitions.js';

const MAGIC_BYTES = 4;
const MAGIC = 0x184d2204;
const VERSION_MASK = 0xc0;
const VERSION = 0x40;
const BLOCK_CHECKSUM_BIT = 0x10;
const CONTENT_SIZE_BIT = 0x08;
const CONTENT_CHECKSUM_BIT = 0x04;
const RESERVED_BIT = 0x02;
const DICTIONARY_BIT = 0x01;
const CHECKSUM_BYTES = 4;
const STORED_BIT = 0x80000000;
/** Four bits of a token; where they are all set, the length goes on in the bytes that follow. */
const TOKEN_LENGTH_MAX = 15;
const REPEATED_BYTES_MIN = 4;
/** No byte of a block can stand for more than another 255. */
const EXPANSION_MAX = 255;

/** Version 1, independent blocks of 64 KiB, no sizes or checksums: what Java and librdkafka write, and all read. */
const FRAME_START = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);

interface FrameHeader {
  readonly blockBytesMax: number;
  readonly checksumPerBlock: boolean;
  readonly checksumAtEnd: boolean;
  /** -1 where it does not say. */
  readonly contentSize: number;
  readonly blocksAt: number;
}

/** @throws KafkaError CORRUPT_MESSAGE for what is no lz4 frame, INVALID_RECORD for more than `bytesMax`. */
export function unfoldLz4(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = readHeader(view);
  const most = mostBytes(view, header);
  if (header.contentSize > bytesMax) throw tooLarge('lz4', bytes.length, bytesMax);
  if (header.contentSize > most) throw unreadable('lz4', 'it claims to unfold to more than it can');
  const out = Buffer.allocUnsafe(Math.min(header.contentSize >= 0 ? header.contentSize : most, bytesMax));
  const from = memoryOf(view);
  const into = memoryOf(out);
  let to = 0;
  for (let at = header.blocksAt; ; ) {
    const word = view.readUInt32LE(at);
    if (word === 0) break;
    const size = word % STORED_BIT;
    at += 4;
    const room = Math.min(header.blockBytesMax, out.length - to);
    if (word >= STORED_BIT) {
      if (size > room) throw overfull(header, bytes.length, bytesMax, out.length);
      copyLiterals(from, at, size, into, to);
      to += size;
    } else {
      const end = unfoldBlock(from, at, at + size, into, to, to + room);
      if (end < 0) throw overfull(header, bytes.length, bytesMax, out.length);
      to = end;
    }
    at += size + (header.checksumPerBlock ? CHECKSUM_BYTES : 0);
  }
  if (header.contentSize >= 0 && to !== header.contentSize) {
    throw unreadable('lz4', 'it unfolds to less than it claims');
  }
  return out.subarray(0, to);
}

/** One frame without content size, as Java's writer makes it. */
export function foldLz4(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / SEARCHED_BYTES_MAX);
  // A block that does not become smaller is stored, but it must have been tried first.
  const worst = SEARCHED_BYTES_MAX + Math.ceil(SEARCHED_BYTES_MAX / EXPANSION_MAX) + 16;
  const out = Buffer.allocUnsafe(FRAME_START.length + blocks * (4 + SEARCHED_BYTES_MAX) + worst + 4);
  const from = memoryOf(bytes);
  const into = memoryOf(out);
  let to = FRAME_START.copy(out);
  for (let start = 0; start < bytes.length; start += SEARCHED_BYTES_MAX) {
    const end = Math.min(bytes.length, start + SEARCHED_BYTES_MAX);
    const size = foldBlock(from, start, end, into, to + 4) - to - 4;
    if (size < end - start) {
      to = out.writeUInt32LE(size, to) + size;
    } else {
      to = out.writeUInt32LE(end - start + STORED_BIT, to);
      out.set(bytes.subarray(start, end), to);
      to += end - start;
    }
  }
  return out.subarray(0, out.writeUInt32LE(0, to));
}

function readHeader(view: Buffer): FrameHeader {
  // The shortest frame: flags, block size, checksum, and the end.
  if (view.length < MAGIC_BYTES + 3 + 4) throw unreadable('lz4', 'it is too short');
  if (view.readUInt32LE(0) !== MAGIC) throw unreadable('lz4', 'it is no frame');
  const flags = view[4];
  if ((flags & VERSION_MASK) !== VERSION || (flags & RESERVED_BIT) !== 0) {
    throw unreadable('lz4', `its flags are ${flags}`);
  }
  if ((flags & DICTIONARY_BIT) !== 0) throw unreadable('lz4', 'it needs a dictionary');
  const sizeNumber = view[5] >> 4;
  if (sizeNumber < 4 || sizeNumber > 7) throw unreadable('lz4', `it has no block size ${sizeNumber}`);
  const saysSize = (flags & CONTENT_SIZE_BIT) !== 0;
  const blocksAt = MAGIC_BYTES + 2 + (saysSize ? 8 : 0) + 1;
  if (blocksAt + 4 > view.length) throw unreadable('lz4', 'it is too short');
  return {
    // 4, 5, 6, 7 stand for 64 KiB, 256 KiB, 1 MiB and 4 MiB.
    blockBytesMax: 1 << (8 + 2 * sizeNumber),
    checksumPerBlock: (flags & BLOCK_CHECKSUM_BIT) !== 0,
    checksumAtEnd: (flags & CONTENT_CHECKSUM_BIT) !== 0,
    contentSize: saysSize ? view.readUInt32LE(6) + view.readUInt32LE(10) * 2 ** 32 : -1,
    blocksAt,
  };
}

/** Walks over the blocks to the frame's end and adds up what each can unfold to at most. */
function mostBytes(view: Buffer, { blocksAt, blockBytesMax, checksumPerBlock, checksumAtEnd }: FrameHeader): number {
  let most = 0;
  for (let at = blocksAt; ; ) {
    if (at + 4 > view.length) throw unreadable('lz4', 'it ends without an end mark');
    const word = view.readUInt32LE(at);
    at += 4;
    if (word === 0) {
      if (at + (checksumAtEnd ? CHECKSUM_BYTES : 0) !== view.length) {
        throw unreadable('lz4', 'its end mark is not at its end');
      }
      return most;
    }
    const size = word % STORED_BIT;
    if (size > blockBytesMax) throw unreadable('lz4', `a block has ${size} bytes`);
    most += word >= STORED_BIT ? size : Math.min(blockBytesMax, size * EXPANSION_MAX);
    at += size + (checksumPerBlock ? CHECKSUM_BYTES : 0);
  }
}

/** A block that finds no room: the limit has been reached, or the frame has lied about its sizes. */
function overfull({ contentSize }: FrameHeader, bytes: number, bytesMax: number, outBytes: number): Error {
  return contentSize < 0 && outBytes === bytesMax
    ? tooLarge('lz4', bytes, bytesMax)
    : unreadable('lz4', 'it unfolds to more than it claims');
}

/** Returns the position behind what was written, or -1 where it would be behind `outEnd`. */
function unfoldBlock(from: Memory, start: number, end: number, into: Memory, outStart: number, outEnd: number): number {
  const { bytes } = from;
  let at = start;
  let to = outStart;
  while (at < end) {
    const token = bytes[at++];
    let literals = token >> 4;
    if (literals === TOKEN_LENGTH_MAX) {
      let more: number;
      do {
        if (at >= end) throw unreadable('lz4', 'a block ends inside of a length');
        more = bytes[at++];
        literals += more;
      } while (more === 255);
    }
    if (literals > end - at) throw unreadable('lz4', 'a block ends inside of literals');
    if (literals > outEnd - to) return -1;
    copyLiterals(from, at, literals, into, to);
    at += literals;
    to += literals;
    if (at === end) return to;
    if (at + 2 > end) throw unreadable('lz4', 'a block ends inside of a distance');
    const distance = bytes[at] | (bytes[at + 1] << 8);
    at += 2;
    let length = (token & TOKEN_LENGTH_MAX) + REPEATED_BYTES_MIN;
    if (length === TOKEN_LENGTH_MAX + REPEATED_BYTES_MIN) {
      let more: number;
      do {
        if (at >= end) throw unreadable('lz4', 'a block ends inside of a length');
        more = bytes[at++];
        length += more;
      } while (more === 255);
    }
    // Linked blocks reach back into those before; in independent ones nobody does.
    if (distance === 0 || distance > to) throw unreadable('lz4', 'it repeats what is not there');
    if (length > outEnd - to) return -1;
    repeat(into, to, distance, length);
    to += length;
  }
  throw unreadable('lz4', 'a block ends with a repetition');
}

function foldBlock(from: Memory, start: number, end: number, into: Memory, outStart: number): number {
  const out = into.bytes;
  let to = outStart;
  const lastFrom = findRepetitions(from, start, end, (literalsFrom, at, distance, length) => {
    const tokenAt = to++;
    to = writeLiterals(from, literalsFrom, at, into, tokenAt);
    out[to++] = distance & 0xff;
    out[to++] = distance >> 8;
    out[tokenAt] |= Math.min(length - REPEATED_BYTES_MIN, TOKEN_LENGTH_MAX);
    to = writeLengthRest(length - REPEATED_BYTES_MIN, out, to);
  });
  return writeLiterals(from, lastFrom, end, into, to);
}

/** Token, rest of the length, and the literals themselves. */
function writeLiterals(from: Memory, start: number, end: number, into: Memory, tokenAt: number): number {
  const out = into.bytes;
  const length = end - start;
  out[tokenAt] = Math.min(length, TOKEN_LENGTH_MAX) << 4;
  const to = writeLengthRest(length, out, tokenAt + 1);
  copyLiterals(from, start, length, into, to);
  return to + length;
}

function writeLengthRest(length: number, out: Uint8Array, at: number): number {
  if (length < TOKEN_LENGTH_MAX) return at;
  let to = at;
  let rest = length - TOKEN_LENGTH_MAX;
  for (; rest >= 255; rest -= 255) out[to++] = 255;
  out[to++] = rest;
  return to;
}
