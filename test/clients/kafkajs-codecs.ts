/** The codecs that kafkajs leaves to packages, by packages of other people that need no compiler. Test process. */
import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';

const { CompressionCodecs, CompressionTypes } = kafkajs;
const require = createRequire(import.meta.url);

interface Lz4Frames {
  compressFrame(bytes: Uint8Array): Promise<Buffer>;
  decompressFrame(bytes: Uint8Array): Promise<Buffer>;
}

interface Zstd {
  compress(bytes: Uint8Array, level: number): Promise<Buffer>;
  decompress(bytes: Uint8Array): Promise<Buffer>;
}

/** Teaches kafkajs all that it does not know by itself; the second time nothing. */
export function registerKafkaJsCodecs(): void {
  CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
  CompressionCodecs[CompressionTypes.LZ4] = () => {
    const lz4 = require('lz4-napi') as Lz4Frames;
    return {
      compress: (encoder: { buffer: Buffer }) => lz4.compressFrame(encoder.buffer),
      decompress: (bytes: Buffer) => lz4.decompressFrame(bytes),
    };
  };
  CompressionCodecs[CompressionTypes.ZSTD] = () => {
    const zstd = require('@mongodb-js/zstd') as Zstd;
    return {
      compress: (encoder: { buffer: Buffer }) => zstd.compress(encoder.buffer, 3),
      decompress: (bytes: Buffer) => zstd.decompress(bytes),
    };
  };
}
