/** Which leader epoch began at which offset: tells clients whether history was cut under them (KIP-101). Lives on shards. */

import { join } from 'node:path';
import type { LeaderEpoch, Offset } from '../base/units.js';
import { baseOffsetOf, leaderEpochOf } from '../record/record-batch.js';
import { parseCheckpointLines, readTextFile } from './checkpoint.js';
import type { FileSystem } from './file-system.js';
import type { Segment } from './segment.js';
import type { SegmentSearch } from './segment-search.js';

export const LEADER_EPOCH_FILE = 'leader-epoch-checkpoint';

export interface EpochEndOffset {
  /** -1 where the epoch asked for is unknown. */
  leaderEpoch: LeaderEpoch;
  endOffset: Offset;
}

/** Epochs and their first offsets, both rising. */
export class LeaderEpochs {
  private epochs: LeaderEpoch[] = [];
  private starts: Offset[] = [];
  /** The file no longer says what we know. */
  changed = false;

  get length(): number {
    return this.epochs.length;
  }

  /** -1 where nothing was ever appended. */
  get latest(): LeaderEpoch {
    return this.epochs.at(-1) ?? -1;
  }

  /** Notes that a batch of `epoch` begins at `offset`; nothing to do unless the epoch is a new one. */
  assign(epoch: LeaderEpoch, offset: Offset): void {
    if (epoch <= this.latest || epoch < 0) return;
    this.epochs.push(epoch);
    this.starts.push(offset);
    this.changed = true;
  }

  /** Drops what was noted behind the first `length` entries. */
  shorten(length: number): void {
    if (length >= this.epochs.length) return;
    this.epochs.length = length;
    this.starts.length = length;
    this.changed = true;
  }

  /** Drops epochs that began at `endOffset` or later. */
  truncateFromEnd(endOffset: Offset): void {
    let length = this.starts.length;
    while (length > 0 && this.starts[length - 1] >= endOffset) length--;
    this.shorten(length);
  }

  /** Drops epochs that ended at `startOffset` or earlier; the one that is left begins there at the earliest. */
  truncateFromStart(startOffset: Offset): void {
    let gone = 0;
    while (gone + 1 < this.starts.length && this.starts[gone + 1] <= startOffset) gone++;
    if (gone > 0) {
      this.epochs.splice(0, gone);
      this.starts.splice(0, gone);
      this.changed = true;
    }
    if (this.starts.length > 0 && this.starts[0] < startOffset) {
      this.starts[0] = startOffset;
      this.changed = true;
    }
  }

  /**
   * Where `epoch` ended, as OffsetForLeaderEpoch answers it: the largest epoch known that is not above it, and the first
   * offset of the next. `current` is the epoch of the next append.
   */
  endOf(epoch: LeaderEpoch, current: LeaderEpoch, logEndOffset: Offset): EpochEndOffset {
    if (epoch === current) return { leaderEpoch: epoch, endOffset: logEndOffset };
    if (epoch > current || epoch < 0 || this.epochs.length === 0) return { leaderEpoch: -1, endOffset: -1 };
    let next = 0;
    while (next < this.epochs.length && this.epochs[next] <= epoch) next++;
    if (next === 0) return { leaderEpoch: epoch, endOffset: this.starts[0] };
    return { leaderEpoch: this.epochs[next - 1], endOffset: this.starts[next] ?? logEndOffset };
  }

  clear(): void {
    this.shorten(0);
  }

  encode(): string {
    const lines = this.epochs.map((epoch, i) => `${epoch} ${this.starts[i]}\n`);
    return `0\n${lines.length}\n${lines.join('')}`;
  }

  /** Takes over what a checkpoint says; false, and then empty, where `text` is none. */
  decode(text: string): boolean {
    this.clear();
    const lines = parseCheckpointLines(text);
    if (lines === null) return false;
    for (const line of lines) {
      const match = /^(\d+) (\d+)$/.exec(line);
      const epoch = Number(match?.[1]);
      const start = Number(match?.[2]);
      if (match === null || epoch <= this.latest || start < (this.starts.at(-1) ?? 0)) {
        this.clear();
        return false;
      }
      this.assign(epoch, start);
    }
    this.changed = false;
    return true;
  }
}

/** Fills `epochs` from the partition's checkpoint, or from batch headers where that is missing or broken. */
export function loadLeaderEpochs(
  files: FileSystem,
  directory: string,
  segments: readonly Segment[],
  search: SegmentSearch,
  epochs: LeaderEpochs,
): void {
  const text = readTextFile(files, join(directory, LEADER_EPOCH_FILE));
  if (text !== null && epochs.decode(text)) return;
  epochs.clear();
  const firsts = segments.map((segment) => search.firstHeader(segment, leaderEpochOf) ?? -1);
  for (let i = 0; i < segments.length; i++) {
    epochs.assign(firsts[i], segments[i].baseOffset);
    // Epochs only rise: where the next segment begins in the same one, none began in this.
    if (i + 1 < segments.length && firsts[i + 1] === firsts[i]) continue;
    search.visitFrom(segments[i], segments[i].baseOffset, ({ bytes, at }) => {
      epochs.assign(leaderEpochOf(bytes, at), baseOffsetOf(bytes, at));
    });
  }
}
