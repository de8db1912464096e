/** What the checksum of a batch costs, by size. Bench process. */
import { crc32c, crc32cByTables } from '../../src/record/crc32c.js';
import { Chance, halfCompressible } from '../load/log-lines.js';
import { type MicroFigure, measure, type Size } from './measure.js';

const sizes = [128, 1024, 16 * 1024, 1024 * 1024];

export function benchCrc32c(size: Size): Promise<MicroFigure[]> {
  const all = halfCompressible(new Chance(1), 1024 * 1024);
  return measure(
    size,
    sizes.flatMap((bytes) => {
      // About a megabyte per sample, whatever the size of one piece.
      const operations = Math.max(1, Math.floor(all.length / bytes));
      const piece = all.subarray(0, bytes);
      const over = (checksum: (bytes: Uint8Array) => number) => () => {
        for (let count = 0; count < operations; count++) checksum(piece);
      };
      return [
        { name: `CRC-32C of ${bytes} B`, operations, bytes, run: over(crc32c) },
        { name: `CRC-32C of ${bytes} B, JavaScript tables`, operations, bytes, run: over(crc32cByTables) },
      ];
    }),
  );
}
