/** Batches that real clients compressed, and what they were made of. Test process. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Compression } from '../../src/record/compression.js';
import { projectRoot } from '../project-root.js';

export interface GoldenBatch {
  /** The client that made it. */
  readonly from: string;
  readonly codec: Exclude<Compression, 'none'>;
  /** The batch as it is stored. */
  readonly hex: string;
}

/** What each of them holds: together more than one block of every codec. */
export function goldenRecords(): { key: string; value: string }[] {
  return Array.from({ length: 12 }, (_, i) => ({
    key: `host-${i % 5}`,
    value: Array.from(
      { length: 80 },
      (_, j) =>
        `Nov 22 17:${10 + (j % 2)}:${10 + i} host-${i % 5} sshd[${24_000 + i}]: Failed password for root from 10.0.${i % 4}.${j % 3}`,
    ).join('; '),
  }));
}

export function goldenBatches(): GoldenBatch[] {
  return JSON.parse(readFileSync(join(projectRoot, 'test', 'record', 'golden-batches.json'), 'utf8')) as GoldenBatch[];
}
