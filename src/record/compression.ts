/** Codecs by their number in a batch's attributes, and the way into compressed records and back. Any thread; never where batches are merely stored. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { KafkaError } from '../base/kafka-error.js';
import * as layout from './batch-layout.js';
import { tooLarge, unreadable } from './codec-error.js';
import { foldLz4, unfoldLz4 } from './lz4.js';
import { foldSnappy, unfoldSnappy } from './snappy.js';
import { foldZstd, hasZstd, unfoldZstd } from './zstd.js';

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

interface Codec {
  readonly name: Exclude<Compression, 'none'>;
  /** `level` undefined: what the codec does unless told otherwise. */
  fold(bytes: Uint8Array, level?: number): Uint8Array;
  /** @throws KafkaError before it has taken more than `bytesMax` of memory for the result. */
  unfold(bytes: Uint8Array, bytesMax: number): Uint8Array;
}

/** By number, beginning with {@link layout.CODEC_GZIP}. */
const codecs: readonly Codec[] = [
  { name: 'gzip', fold: (bytes, level) => gzipSync(bytes, { level }), unfold: unfoldGzip },
  { name: 'snappy', fold: (bytes) => foldSnappy(bytes), unfold: unfoldSnappy },
  { name: 'lz4', fold: (bytes) => foldLz4(bytes), unfold: unfoldLz4 },
  { name: 'zstd', fold: foldZstd, unfold: unfoldZstd },
];

const names: readonly Compression[] = ['none', ...codecs.map(({ name }) => name)];

/** However large a batch is, it unfolds to no more than this. */
export const UNFOLDED_BYTES_MAX = 256 * 1024 * 1024;
/** However small a batch is, it may unfold to this: the same byte over and over is no attack. */
export const UNFOLDED_BYTES_ALWAYS = 64 * 1024 * 1024;
/** Between the two, a byte may stand for so many: about as much as gzip can do at best. */
export const UNFOLDED_RATIO_MAX = 1024;

/** What `compressedBytes` may unfold to. */
export function unfoldedBytesMax(compressedBytes: number): number {
  return Math.min(UNFOLDED_BYTES_MAX, Math.max(UNFOLDED_BYTES_ALWAYS, compressedBytes * UNFOLDED_RATIO_MAX));
}

/** However small a batch is that has just arrived, it may unfold to this: some 40 ms of one thread. */
const ARRIVING_BYTES_ALWAYS = 32 * 1024 * 1024;
/** Beyond that, a byte may stand for so many: text of logs comes to a third of it. */
const ARRIVING_RATIO_MAX = 32;

/** What `compressedBytes` may unfold to before they are stored: less than what is stored already and must be read. */
export function arrivingBytesMax(compressedBytes: number): number {
  return Math.min(UNFOLDED_BYTES_MAX, Math.max(ARRIVING_BYTES_ALWAYS, compressedBytes * ARRIVING_RATIO_MAX));
}

/** Undefined for the three numbers that no codec has. */
export function compressionName(codec: number): Compression | undefined {
  return names[codec];
}

/** True where this process can look inside of batches of that codec. */
export function canDecompress(codec: number): boolean {
  return codec === layout.CODEC_ZSTD ? hasZstd() : codec < names.length;
}

/**
 * The records of a batch as plain bytes; a view where they are not compressed.
 * @throws KafkaError CORRUPT_MESSAGE for broken ones, INVALID_RECORD for those that unfold to more than
 * `bytesMax`, UNSUPPORTED_COMPRESSION_TYPE where there is no such codec or a package for it is missing.
 */
export function decompress(codec: number, bytes: Uint8Array, bytesMax = unfoldedBytesMax(bytes.length)): Uint8Array {
  if (codec === layout.CODEC_NONE) return bytes;
  const found = codecs[codec - layout.CODEC_GZIP];
  if (!found) throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `There is no codec ${codec}.`);
  return found.unfold(bytes, bytesMax);
}

/** `level` is gzip's or zstd's own; the others have none. @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE where a package is missing. */
export function compress(compression: Compression, bytes: Uint8Array, level?: number): Uint8Array {
  const found = codecs.find(({ name }) => name === compression);
  return found ? found.fold(bytes, level) : bytes;
}

export function codecNumber(compression: Compression): number {
  return names.indexOf(compression);
}

function unfoldGzip(bytes: Uint8Array, bytesMax: number): Uint8Array {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge('gzip', bytes.length, bytesMax) : unreadable('gzip', message);
  }
}
