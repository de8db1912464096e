/**
 * Mends a log after a crash, a slice at a time so that other partitions of the shard may serve meanwhile. Lives on shards.
 *
 * Every batch from the recovery point's segment on is checked. A region that is no batch, in the last segment and with no
 * valid batch behind it, is the torn tail of a write that nobody was told of: it is cut off. Any other is damage: it stays
 * where it is, is written down, reads of it are refused, and what is valid behind it is kept and served.
 */
import type { LeaderEpoch, Offset } from '../base/units.js';
import { baseOffsetOf, leaderEpochOf, producerIdOf } from '../record/record-batch.js';
import { writeDamage } from './damage-record.js';
import type { LeaderEpochs } from './leader-epochs.js';
import type { OpenFiles } from './open-files.js';
import { type RestoreParts, restoreProducers } from './producer-restore.js';
import type { ProducerState } from './producer-state.js';
import { type Segment, segmentFloor } from './segment.js';
import { SegmentScan } from './segment-scan.js';
import { writeIndexFiles } from './segment-search.js';
import { onDisk } from './storage-error.js';

const OFFSET_SPAN_MAX = 0x7fffffff;
/** A line in the log for each such part of a long recovery. */
const PROGRESS_STEP_BYTES = 256 * 1024 * 1024;

export interface RecoveryParts extends RestoreParts {
  readonly openFiles: OpenFiles;
  readonly config: { readonly indexIntervalBytes: number };
  readonly epochs: LeaderEpochs;
  readonly producers: ProducerState;
  /** Unlinks the snapshot and forgets it. */
  removeSnapshot(offset: Offset): void;
}

export class Recovery {
  /** First offset behind the last valid batch, once done. */
  endOffset: Offset = 0;
  /** See {@link restoreProducers}. */
  historyFrom: Offset = -1;
  private index: number;
  private scan: SegmentScan | null = null;
  private begun = false;
  private readonly first: number;
  private readBytes = 0;
  private reportedBytes = 0;
  private foundDamage = false;

  /** `from` is the recovery point: everything below it was flushed. */
  constructor(
    private readonly parts: RecoveryParts,
    from: Offset,
  ) {
    this.first = Math.max(0, segmentFloor(parts.segments, from));
    this.index = this.first;
  }

  /** Reads about `budgetBytes` more; true when the log is whole again. @throws StorageError */
  slice(budgetBytes: number): boolean {
    const { segments } = this.parts;
    if (!this.begun) this.begin();
    let left = budgetBytes;
    while (this.index < segments.length) {
      const segment = segments[this.index];
      if (this.scan === null) this.scan = this.scanOf(segment);
      const before = this.scan.validEnd;
      const done = onDisk('read', segment.path, () => (this.scan as SegmentScan).run(left));
      this.report(this.scan.validEnd - before);
      if (!done) return false;
      left = Math.max(1, left - (this.scan.validEnd - before));
      this.finishSegment(segment, this.scan);
      this.scan = null;
      this.index++;
      if (left <= 1 && this.index < segments.length) return false;
    }
    this.finish();
    return true;
  }

  private begin(): void {
    const { parts } = this;
    this.begun = true;
    const from = parts.segments[this.first]?.baseOffset ?? 0;
    parts.epochs.truncateFromEnd(from);
    this.historyFrom = restoreProducers(
      { ...parts, segments: parts.segments.slice(0, this.first) },
      parts.producers,
      from,
    );
  }

  private scanOf(segment: Segment): SegmentScan {
    const { files, openFiles, segments, epochs, producers, config, clock } = this.parts;
    const next = segments[this.index + 1];
    const nowMs = clock.nowMs();
    segment.damaged.length = 0;
    segment.startIndexes();
    let assigned: LeaderEpoch = -1;
    const range = {
      fd: openFiles.descriptor(segment.path, 'write'),
      end: segment.writtenBytes,
      baseOffset: segment.baseOffset,
      offsetLimit: Math.min(next?.baseOffset ?? Number.POSITIVE_INFINITY, segment.baseOffset + OFFSET_SPAN_MAX),
    };
    return new SegmentScan(files, openFiles.recoveryWindow, range, (bytes, at, position, size) => {
      segment.note(bytes, at, position, size, config.indexIntervalBytes);
      const epoch = leaderEpochOf(bytes, at);
      if (epoch > assigned) {
        epochs.assign(epoch, baseOffsetOf(bytes, at));
        assigned = epoch;
      }
      if (producerIdOf(bytes, at) >= 0) producers.append(bytes, at, nowMs);
    });
  }

  private finishSegment(segment: Segment, scan: SegmentScan): void {
    const { files, openFiles, segments, log } = this.parts;
    const next = segments[this.index + 1];
    segment.damaged.push(...scan.damaged);
    const tailBytes = segment.writtenBytes - scan.validEnd;
    if (tailBytes > 0 && next === undefined) {
      log.warn(
        { segment: segment.path, position: scan.validEnd, bytes: tailBytes },
        'The end of the log was torn by a crash and is cut off.',
      );
      const fd = openFiles.descriptor(segment.path, 'write');
      onDisk('truncate', segment.path, () => files.truncate(fd, scan.validEnd));
      segment.writtenBytes = scan.validEnd;
    } else if (tailBytes > 0) {
      segment.damaged.push({
        position: scan.validEnd,
        endPosition: segment.writtenBytes,
        startOffset: scan.nextOffset,
        endOffset: next.baseOffset,
      });
    }
    for (const range of segment.damaged) {
      this.foundDamage = true;
      log.error(
        { segment: segment.path, ...range },
        'A part of the log is damaged: reads of it are refused, everything else is served.',
      );
    }
    this.endOffset = scan.nextOffset;
    const fd = openFiles.descriptor(segment.path, 'write');
    onDisk('flush', segment.path, () => files.fdatasync(fd));
    segment.holds(segment.writtenBytes);
    if (next === undefined) return;
    onDisk('write the indexes of', segment.path, () => writeIndexFiles(files, openFiles, segment));
    segment.releaseIndexes();
  }

  private finish(): void {
    const { files, directory, segments, snapshots } = this.parts;
    if (this.foundDamage) writeDamage(files, directory, segments);
    // A snapshot of offsets that are gone must not be loaded once they are given to others.
    const stale = snapshots.filter((offset) => offset > this.endOffset);
    for (const offset of stale) this.parts.removeSnapshot(offset);
    if (segments.length > 0) files.fsyncDirectory(directory);
  }

  private report(bytes: number): void {
    this.readBytes += bytes;
    if (this.readBytes - this.reportedBytes < PROGRESS_STEP_BYTES) return;
    this.reportedBytes = this.readBytes;
    const { segments, directory, log } = this.parts;
    let totalBytes = 0;
    for (let i = this.first; i < segments.length; i++) totalBytes += segments[i].writtenBytes;
    log.info({ log: directory, readBytes: this.readBytes, totalBytes }, 'Recovering.');
  }
}
