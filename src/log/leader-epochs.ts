/** Which leader epoch began at which offset: tells clients whether history was cut under them (KIP-101). Lives on shards. */

import { join } from 'node:path';
import type { LeaderEpoch, Offset } from '../base/units.js';
import { baseOffsetOf, leaderEpochOf } from '../record/record-batch.js';
import { parseCheckpointLines, readTextFile } from './checkpoint.js';
import type { FileSystem } from './file-system.js';
import { type Segment, segmentFloor } from './segment.js';
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
  /** The epoch of the batch that was observed last, where no other has said so yet; -1 where that is known. */
  private doubtful: LeaderEpoch = -1;
  private doubtfulStart: Offset = -1;
  /** The file no longer says what we know. */
  changed = false;
  /** Only what lies in front of the log start was forgotten since: no reason to write the file while the log serves. */
  startMoved = false;

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

  /**
   * Notes what a batch found in the log says, where that is a new epoch: not before the next batch agrees. An epoch lies
   * outside of a batch's checksum, and a bit of it that rots would seem to begin one that never was.
   */
  observe(epoch: LeaderEpoch, offset: Offset): void {
    if (this.doubtful >= 0 && epoch >= this.doubtful) this.assign(this.doubtful, this.doubtfulStart);
    this.doubtful = epoch > this.latest ? epoch : -1;
    this.doubtfulStart = offset;
  }

  /** Nothing more to observe. No batch agrees with the last one, so that is believed up to the node's own epoch. */
  observed(epochMax: LeaderEpoch): void {
    if (this.doubtful <= epochMax) this.assign(this.doubtful, this.doubtfulStart);
    this.doubtful = -1;
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
    this.doubtful = -1;
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
      this.startMoved = true;
    }
    if (this.starts.length > 0 && this.starts[0] < startOffset) {
      this.starts[0] = startOffset;
      this.startMoved = true;
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
export function loadLeaderEpochs(parts: EpochParts, epochs: LeaderEpochs): void {
  const text = readTextFile(parts.files, join(parts.directory, LEADER_EPOCH_FILE));
  if (text === null || !epochs.decode(text)) rebuildLeaderEpochs(parts, epochs);
}

export interface EpochParts {
  readonly files: FileSystem;
  readonly directory: string;
  readonly segments: readonly Segment[];
  readonly search: SegmentSearch;
  /** The node's own: none in the log is higher. */
  readonly nodeEpoch: LeaderEpoch;
}

/** Reads the epochs from batch headers. The last batch alone is believed as far as the node's epoch, or the last one known, agrees. */
export function rebuildLeaderEpochs({ segments, search, nodeEpoch }: EpochParts, epochs: LeaderEpochs): void {
  const toldMax = epochs.latest;
  epochs.clear();
  const firsts = segments.map((segment) => search.firstHeader(segment, leaderEpochOf) ?? -1);
  for (let i = 0; i < segments.length; i++) {
    // Epochs only rise: where the next segment begins in the same one, none began in this.
    if (i + 1 < segments.length && firsts[i + 1] === firsts[i] && firsts[i] === epochs.latest) continue;
    search.visitFrom(segments[i], segments[i].baseOffset, ({ bytes, at }) => {
      epochs.observe(leaderEpochOf(bytes, at), baseOffsetOf(bytes, at));
    });
  }
  epochs.observed(Math.max(nodeEpoch, toldMax, 0));
}

/**
 * Whether batches agree that `epoch` ended where it is said to have: the checkpoint of epochs has no checksum. Those around
 * the place are asked. @throws KafkaError CORRUPT_MESSAGE
 */
export function isEndOfEpoch(
  { segments, search }: EpochParts,
  epoch: LeaderEpoch,
  { endOffset }: EpochEndOffset,
  logStartOffset: Offset,
  logEndOffset: Offset,
): boolean {
  if (endOffset < 0) return logEndOffset === logStartOffset;
  const before = endOffset > logStartOffset ? headerAt(segments, search, endOffset - 1) : null;
  const behind = endOffset < logEndOffset ? headerAt(segments, search, endOffset) : null;
  const beganBefore = before === null || before.baseOffset >= endOffset || before.epoch <= epoch;
  return beganBefore && (behind === null || behind.epoch > epoch);
}

/** Of the batch that holds `offset`, or of the first behind it in its segment; null where there is none. */
function headerAt(
  segments: readonly Segment[],
  search: SegmentSearch,
  offset: Offset,
): { baseOffset: Offset; epoch: LeaderEpoch } | null {
  const segment = segments[segmentFloor(segments, offset)];
  if (segment === undefined || !search.findBatch(segment, offset, segment.writtenBytes)) return null;
  const { bytes, at } = search.walk;
  return { baseOffset: baseOffsetOf(bytes, at), epoch: leaderEpochOf(bytes, at) };
}
