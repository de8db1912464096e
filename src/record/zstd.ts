/**
 * Zstandard, both ways: by Node's own zlib where it has it, else by WebAssembly. Any thread.
 *
 * ```
 *  28 b5 2f fd   descriptor   window   dictionary   content size       blocks   [checksum]
 *  magic         byte         [byte]   [1, 2, 4]    [1, 2, 4, 8 LE]             [int32]
 *
 *  a block: 3 bytes LE: 1 bit last, 2 bits kind (stored, one byte repeated, compressed), 21 bits size
 * ```
 *
 * (RFC 8878.) The frames are walked over before anything is unfolded: from a few bytes they can unfold to gigabytes.
 */
import * as zlib from 'node:zlib';
import { tooLarge, unreadable } from './codec-error.js';
import { wasmFold, wasmUnfold, zstdWasm } from './zstd-wasm.js';

/** Since Node.js 22.15. */
interface NodeZstd {
  zstdCompressSync(bytes: Uint8Array, options: { params: Record<number, number> }): Buffer;
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer;
}

/** Kafka's own default (compression.zstd.level). */
const LEVEL = 3;
/** ZSTD_c_compressionLevel of zstd.h. */
const LEVEL_PARAMETER = 100;

const MAGIC_BYTES = 4;
const MAGIC = 0xfd2fb528;
/** Frames that decoders pass over: sixteen magic numbers, then a length. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const SKIPPABLE_MASK = 0xfffffff0;
/** Clients send one. Each costs Node's zlib some 40 us however little is in it, and 1 MiB has room for a hundred thousand. */
const FRAMES_MAX = 1024;
const SINGLE_SEGMENT_BIT = 0x20;
const RESERVED_BIT = 0x08;
const CHECKSUM_BIT = 0x04;
const DICTIONARY_MASK = 0x03;
const DICTIONARY_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
/** A size of two bytes counts from here. */
const TWO_BYTE_SIZE_BASE = 256;
const BLOCK_HEADER_BYTES = 3;
const BLOCK_BYTES_MAX = 128 * 1024;
const STORED = 0;
const REPEATED = 1;
const COMPRESSED = 2;

/** Whether this process can do it at all; may load the package to find out. */
export function hasZstd(): boolean {
  return nodeZstd() !== null || !('missing' in zstdWasm());
}

/**
 * @throws KafkaError CORRUPT_MESSAGE for what is no zstd, INVALID_RECORD for more than `bytesMax`,
 * UNSUPPORTED_COMPRESSION_TYPE where neither Node.js nor a package can read it.
 */
export function unfoldZstd(bytes: Uint8Array, bytesMax: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let left = bytesMax;
  for (const { start, end, mostBytes } of framesOf(bytes, bytesMax)) {
    const part = unfoldFrame(bytes.subarray(start, end), Math.min(mostBytes, left));
    if (part === null && mostBytes > left) throw tooLarge('zstd', bytes.length, bytesMax);
    if (part === null) throw unreadable('zstd', 'it unfolds to more than it claims');
    parts.push(part);
    left -= part.length;
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/** null where `room` is too small. Frame by frame, because Node's zlib says nothing about those behind the first. */
function unfoldFrame(frame: Uint8Array, room: number): Uint8Array | null {
  const node = nodeZstd();
  // Neither can be told that there is no room at all; then one byte is one too many.
  const out = node ? nodeUnfold(node, frame, Math.max(1, room)) : wasmUnfold(frame, Math.max(1, room));
  return out !== null && out.length <= room ? out : null;
}

/** @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE where neither Node.js nor a package can write it. */
export function foldZstd(bytes: Uint8Array, level = LEVEL): Uint8Array {
  return nodeZstd()?.zstdCompressSync(bytes, { params: { [LEVEL_PARAMETER]: level } }) ?? wasmFold(bytes, level);
}

function nodeZstd(): NodeZstd | null {
  return 'zstdDecompressSync' in zlib ? (zlib as unknown as NodeZstd) : null;
}

/** null where `room` is too small. */
function nodeUnfold(node: NodeZstd, bytes: Uint8Array, room: number): Uint8Array | null {
  try {
    return node.zstdDecompressSync(bytes, { maxOutputLength: room });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') return null;
    throw unreadable('zstd', message);
  }
}

/**
 * The frames, without those that are to be passed over. Sizes that they declare (of contents, and of blocks that are not
 * compressed) are held against `bytesMax` here, before anything is unfolded; only compressed blocks have to be tried.
 */
function framesOf(bytes: Uint8Array, bytesMax: number): Frame[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length === 0) throw unreadable('zstd', 'it is empty');
  const frames: Frame[] = [];
  let certain = 0;
  for (let at = 0; at < view.length; ) {
    need(view, at, MAGIC_BYTES + 4);
    const magic = view.readUInt32LE(at);
    if ((magic & SKIPPABLE_MASK) >>> 0 === SKIPPABLE_MAGIC) {
      const size = 8 + view.readUInt32LE(at + 4);
      need(view, at, size);
      at += size;
      continue;
    }
    if (magic !== MAGIC) throw unreadable('zstd', 'it is no frame');
    const frame = walkFrame(view, at);
    certain += frame.certainBytes;
    if (certain > bytesMax) throw tooLarge('zstd', bytes.length, bytesMax);
    if (frames.length === FRAMES_MAX) throw unreadable('zstd', `it has more than ${FRAMES_MAX} frames`);
    frames.push(frame);
    at = frame.end;
  }
  return frames;
}

interface Frame {
  readonly start: number;
  readonly end: number;
  readonly mostBytes: number;
  readonly certainBytes: number;
}

function walkFrame(view: Buffer, start: number): Frame {
  const descriptor = view[start + MAGIC_BYTES];
  if ((descriptor & RESERVED_BIT) !== 0) throw unreadable('zstd', 'a frame has a bit set that means nothing');
  const singleSegment = (descriptor & SINGLE_SEGMENT_BIT) !== 0;
  const dictionaryBytes = DICTIONARY_BYTES[descriptor & DICTIONARY_MASK];
  const sizeNumber = descriptor >> 6;
  const sizeBytes = sizeNumber === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[sizeNumber];
  let at = start + MAGIC_BYTES + 1 + (singleSegment ? 0 : 1);
  need(view, at, dictionaryBytes + sizeBytes);
  if (dictionaryBytes > 0 && view.readUIntLE(at, dictionaryBytes) !== 0) {
    throw unreadable('zstd', 'it needs a dictionary');
  }
  at += dictionaryBytes;
  const contentSize = sizeBytes === 0 ? -1 : readContentSize(view, at, sizeBytes);
  at += sizeBytes;
  let most = 0;
  let certain = 0;
  for (let last = false; !last; ) {
    need(view, at, BLOCK_HEADER_BYTES);
    const header = view.readUIntLE(at, BLOCK_HEADER_BYTES);
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    last = (header & 1) !== 0;
    if (kind > COMPRESSED || size > BLOCK_BYTES_MAX) throw unreadable('zstd', `no block has the header ${header}`);
    const stored = kind === REPEATED ? 1 : size;
    need(view, at, BLOCK_HEADER_BYTES + stored);
    at += BLOCK_HEADER_BYTES + stored;
    most += kind === COMPRESSED ? BLOCK_BYTES_MAX : size;
    if (kind === STORED || kind === REPEATED) certain += size;
  }
  if ((descriptor & CHECKSUM_BIT) !== 0) {
    need(view, at, 4);
    at += 4;
  }
  if (contentSize < 0) return { start, end: at, mostBytes: most, certainBytes: certain };
  if (contentSize > most || contentSize < certain) {
    throw unreadable('zstd', `it claims to unfold to ${contentSize} bytes, which it cannot`);
  }
  return { start, end: at, mostBytes: contentSize, certainBytes: contentSize };
}

function readContentSize(view: Buffer, at: number, sizeBytes: number): number {
  if (sizeBytes === 8) return view.readUInt32LE(at) + view.readUInt32LE(at + 4) * 2 ** 32;
  return view.readUIntLE(at, sizeBytes) + (sizeBytes === 2 ? TWO_BYTE_SIZE_BASE : 0);
}

function need(view: Buffer, at: number, length: number): void {
  if (at + length > view.length) throw unreadable('zstd', 'it is cut off');
}
