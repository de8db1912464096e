/**
 * How far the scrubber has come with each log of a data folder: a cache, without which it begins anew. Main thread at the
 * start, side-job pool.
 *
 * ```
 *  millrace-scrub-checkpoint:   millrace-scrub-checkpoint 1 CRC-32C-of-the-rest-in-hex \n
 *                               (topic partition through-ms down-to-offset \n)*
 * ```
 */
import { join } from 'node:path';
import type { ScrubProgress } from '../base/segment-check.js';
import { partitionKey } from './checkpoint.js';
import { readChecksummedText, writeChecksummedText } from './checksummed-text.js';
import type { FileSystem } from './file-system.js';

export const SCRUB_CHECKPOINT_FILE = 'millrace-scrub-checkpoint';
const TITLE = 'millrace-scrub-checkpoint 1';

export interface ScrubbedLog {
  readonly topic: string;
  readonly index: number;
  readonly scrub: ScrubProgress;
}

export function writeScrubCheckpoint(files: FileSystem, directory: string, logs: readonly ScrubbedLog[]): void {
  const lines = logs.map(({ topic, index, scrub }) => {
    return `${partitionKey(topic, index)} ${scrub.throughMs} ${scrub.downTo}\n`;
  });
  writeChecksummedText(files, join(directory, SCRUB_CHECKPOINT_FILE), TITLE, lines.join(''), false);
}

/** By {@link partitionKey}; null where the file is there and cannot be believed. */
export function readScrubCheckpoint(files: FileSystem, directory: string): Map<string, ScrubProgress> | null {
  const body = readChecksummedText(files, join(directory, SCRUB_CHECKPOINT_FILE), TITLE);
  const found = new Map<string, ScrubProgress>();
  if (body === undefined) return found;
  if (body === null) return null;
  for (const line of body.split('\n').filter((entry) => entry !== '')) {
    const [topic, index, throughMs, downTo] = line.split(' ');
    found.set(partitionKey(topic, Number(index)), { throughMs: Number(throughMs), downTo: Number(downTo) });
  }
  return found;
}
