/** Snappy for kafkajs, by the package that its users take for it. Test process. */
import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** Returns the number that its producers are told. */
export function snappyForKafkaJs(): number {
  CompressionCodecs[CompressionTypes.Snappy] = createRequire(import.meta.url)('kafkajs-snappy');
  return CompressionTypes.Snappy;
}
