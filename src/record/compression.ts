/** Codecs by their number in a batch's attributes, and the way back from compressed records. Never on the append path. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { KafkaError } from '../base/kafka-error.js';
import * as layout from './batch-layout.js';

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

const names: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

/** Largest run that a batch may unfold to. */
export const DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024;

/** Undefined for the three numbers that no codec has. */
export function compressionName(codec: number): Compression | undefined {
  return names[codec];
}

/** True where this process can look inside of batches of that codec. */
export function canDecompress(codec: number): boolean {
  return codec === layout.CODEC_NONE || codec === layout.CODEC_GZIP;
}

/**
 * The records of a batch as plain bytes; a view where they are not compressed.
 * @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE for codecs that this build cannot read, CORRUPT_MESSAGE for broken ones.
 */
export function decompress(codec: number, bytes: Uint8Array): Uint8Array {
  if (codec === layout.CODEC_NONE) return bytes;
  if (codec !== layout.CODEC_GZIP) {
    const name = compressionName(codec) ?? `codec ${codec}`;
    throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `Records compressed with ${name} cannot be read here.`);
  }
  try {
    return gunzipSync(bytes, { maxOutputLength: DECOMPRESSED_BYTES_MAX });
  } catch (error) {
    throw new KafkaError('CORRUPT_MESSAGE', `The gzip data of a batch cannot be read: ${(error as Error).message}.`);
  }
}

/** @throws KafkaError UNSUPPORTED_COMPRESSION_TYPE for all but none and gzip. */
export function compress(compression: Compression, bytes: Uint8Array): Uint8Array {
  if (compression === 'none') return bytes;
  if (compression === 'gzip') return gzipSync(bytes);
  throw new KafkaError('UNSUPPORTED_COMPRESSION_TYPE', `Records cannot be compressed with ${compression} here.`);
}

export function codecNumber(compression: Compression): number {
  return names.indexOf(compression);
}
