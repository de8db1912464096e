/**
 * Mends a log after a crash, a slice at a time so that other partitions of the shard may serve meanwhile. Lives on shards.
 *
 * Every batch from the recovery point's segment on is checked. A region that is no batch, in the last segment and with no
 * valid batch behind it, is the torn tail of a write that nobody was told of: it is cut off, unless it lies where all is
 * known to have been flushed. Any other is damage: it stays where it is, is written down, reads of it are refused, and what
 * is valid behind it is kept and served. One exception: between two flushes the operating system writes in any order, so a
 * hole that was never written is no damage but the end of what survived the power. What came behind it is put aside: a log
 * is always a prefix of what it was, and producers find their open batches all stored, up to one, and none behind it. With
 * flush=ack that can only be so within the last turns of the log, none of which was acknowledged.
 */
import type { LeaderEpoch, Offset } from '../base/units.js';
import type { LogConfig } from '../config/log-config.js';
import { baseOffsetOf, lastOffsetOf, leaderEpochOf, producerIdOf } from '../record/record-batch.js';
import { writeDamage } from './damage-record.js';
import { endsInHole, type Hole, isUnwritten, unflushedBytesMax } from './hole.js';
import type { LeaderEpochs } from './leader-epochs.js';
import type { OpenFiles } from './open-files.js';
import { holdsOnlyZeros, mayEndInRoom, trimRoom } from './prepared-room.js';
import { type RestoreParts, restoreProducers } from './producer-restore.js';
import type { ProducerState } from './producer-state.js';
import { type Segment, segmentFloor } from './segment.js';
import { type BatchVisitor, SegmentScan } from './segment-scan.js';
import { putIndexesAway } from './segment-search.js';
import { onDisk } from './storage-error.js';
import { type Believed, UnflushedTail } from './unflushed-tail.js';

const PUT_ASIDE_SUFFIX = '.aside';
const OFFSET_SPAN_MAX = 0x7fffffff;
/** A line in the log for each such part of a long recovery. */
const PROGRESS_STEP_BYTES = 256 * 1024 * 1024;

export interface RecoveryParts extends RestoreParts {
  readonly segments: Segment[];
  readonly openFiles: OpenFiles;
  readonly config: Pick<LogConfig, 'indexIntervalBytes' | 'messageBytesMax' | 'flush' | 'compacted'>;
  readonly epochs: LeaderEpochs;
  /** The node's own: none in the log is higher. */
  readonly nodeEpoch: LeaderEpoch;
  readonly producers: ProducerState;
  /** The log was open already, and its disk failed. */
  readonly afterFailure: boolean;
  /** Unlinks the snapshot and forgets it. */
  removeSnapshot(offset: Offset): void;
}

export class Recovery {
  /** First offset behind the last valid batch, once done. */
  endOffset: Offset = 0;
  /** What need not be on the disk yet, once done. */
  readonly unflushed: UnflushedTail;
  private index: number;
  private scan: SegmentScan | null = null;
  private begun = false;
  /** What lies in front of it was deleted. */
  private readonly firstKept: number;
  private readonly first: number;
  /** Bytes that are read at a time. */
  private stepBytes = 0;
  private readBytes = 0;
  private reportedBytes = 0;
  private writesDamage: boolean;

  /**
   * Checks from the segment of `from` on, or all (null) to know anew what is damaged; everything below `flushedEnd` is known to have been flushed. What lies in front of
   * `startOffset` was deleted: that a crash gave some of it its name back, and whether it was ever flushed, is no matter.
   */
  constructor(
    private readonly parts: RecoveryParts,
    from: Offset | null,
    private readonly flushedEnd: Offset,
    startOffset: Offset,
  ) {
    const { files, openFiles, config, afterFailure } = parts;
    this.unflushed = new UnflushedTail(files, openFiles, believed(config.flush, afterFailure));
    this.writesDamage = from === null;
    const firstKept = Math.max(0, segmentFloor(parts.segments, startOffset));
    this.firstKept = firstKept;
    let first = Math.max(firstKept, segmentFloor(parts.segments, from ?? 0));
    // Nobody waited for the cut that takes its room from a segment when it is sealed.
    while (first > firstKept && this.endsInRoom(parts.segments[first - 1])) first--;
    this.first = first;
    this.index = first;
  }

  /** Reads about `budgetBytes` more; true when the log is whole again. @throws StorageError */
  slice(budgetBytes: number): boolean {
    const { segments } = this.parts;
    if (!this.begun) this.begin();
    let left = budgetBytes;
    while (this.index < segments.length) {
      const segment = segments[this.index];
      this.stepBytes = left;
      if (this.scan === null) this.scan = this.scanOf(segment);
      else this.unflushed.beforeRead(segment, this.scan.position, left);
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
    restoreProducers({ ...parts, segments: parts.segments.slice(this.firstKept, this.first) }, parts.producers, from);
  }

  private scanOf(segment: Segment): SegmentScan {
    const { unflushed } = this;
    const { files, openFiles, segments, epochs, producers, config, clock } = this.parts;
    const next = segments[this.index + 1];
    const nowMs = clock.nowMs();
    segment.forgetDamagedBytes();
    segment.startIndexes();
    let isOnDisk = segment.baseOffset < this.flushedEnd;
    if (!isOnDisk) unflushed.begin(segment, segment.baseOffset, 0, this.stepBytes);
    const range = {
      // Between two slices other logs may have had it closed.
      get fd() {
        return openFiles.descriptor(segment.path, 'write');
      },
      end: segment.writtenBytes,
      baseOffset: segment.baseOffset,
      offsetLimit: Math.min(next?.baseOffset ?? Number.POSITIVE_INFINITY, segment.baseOffset + OFFSET_SPAN_MAX),
      // Compaction stays away from the last segment; records that are known to be gone may be missing in it.
      endsDense: next === undefined && segment.damaged.length === 0,
    };
    const visit: BatchVisitor = (bytes, at, position, size) => {
      segment.note(bytes, at, position, size, config.indexIntervalBytes);
      epochs.observe(leaderEpochOf(bytes, at), baseOffsetOf(bytes, at));
      if (producerIdOf(bytes, at) >= 0) producers.append(bytes, at, nowMs);
      const nextOffset = lastOffsetOf(bytes, at) + 1;
      if (isOnDisk && nextOffset >= this.flushedEnd) {
        isOnDisk = false;
        if (unflushed.begin(segment, nextOffset, position + size, this.stepBytes)) scan.forgetAhead();
      }
    };
    const scan: SegmentScan = new SegmentScan(files, openFiles.recoveryWindow, range, visit);
    return scan;
  }

  private finishSegment(segment: Segment, scan: SegmentScan): void {
    const { files, openFiles, segments, log } = this.parts;
    const fd = openFiles.descriptor(segment.path, 'write');
    this.endOffset = scan.nextOffset;
    segment.damaged.push(...scan.damaged);
    const hole = this.findHole(segment, scan, fd);
    if (hole !== null) this.cutAtHole(segment, hole, fd);
    const next = segments[this.index + 1];
    const tailBytes = segment.writtenBytes - scan.validEnd;
    let isTorn = false;
    if (hole === null && next === undefined && scan.nextOffset < this.flushedEnd) {
      // Not torn: it was whole once, and somebody was told. Its offsets are given to nobody else, even where no byte is left.
      const startOffset = scan.nextOffset;
      if (segment.damagedFor(startOffset) === undefined) {
        segment.damaged.push({
          position: scan.validEnd,
          endPosition: segment.writtenBytes,
          startOffset,
          endOffset: this.flushedEnd,
        });
      }
      this.endOffset = this.flushedEnd;
    } else if (hole === null && tailBytes > 0 && next === undefined) {
      const isRoom = this.isRoom(segment, scan, fd);
      isTorn = !isRoom;
      log[isRoom ? 'debug' : 'warn'](
        { segment: segment.path, position: scan.validEnd, bytes: tailBytes },
        isRoom
          ? 'Room that was prepared behind the end of the log is cut off.'
          : 'The end of the log was torn by a crash and is cut off.',
      );
      this.cutTail(segment, scan, fd);
    } else if (hole === null && next !== undefined) {
      this.judgeEnd(segment, scan, next, fd);
    }
    for (const range of segment.damaged) {
      this.writesDamage = true;
      log.error(
        { segment: segment.path, ...range },
        'A part of the log is damaged: reads of it are refused, everything else is served.',
      );
    }
    this.unflushed.end(segment, hole === null && !isTorn && segment.damaged.length === 0);
    if (next !== undefined) putIndexesAway(files, openFiles, segment);
  }

  /** Or so it seems: batches end in zeros, too, but few of them just there. */
  private endsInRoom(segment: Segment): boolean {
    const { files, openFiles } = this.parts;
    const { path, writtenBytes } = segment;
    if (!mayEndInRoom(writtenBytes)) return false;
    const fd = openFiles.descriptor(path, 'write');
    return onDisk('read', path, () => holdsOnlyZeros(files, fd, openFiles.window, writtenBytes - 1, writtenBytes));
  }

  private isRoom(segment: Segment, scan: SegmentScan, fd: number): boolean {
    const { files, openFiles } = this.parts;
    return onDisk('read', segment.path, () =>
      holdsOnlyZeros(files, fd, openFiles.window, scan.validEnd, segment.writtenBytes),
    );
  }

  private cutTail(segment: Segment, scan: SegmentScan, fd: number): void {
    onDisk('truncate', segment.path, () => trimRoom(this.parts.files, fd, segment, scan.validEnd));
    segment.writtenBytes = scan.validEnd;
  }

  /** A sealed segment whose last bytes are no batch has lost some; where only offsets are missing, compaction may have been. */
  private judgeEnd(segment: Segment, scan: SegmentScan, next: Segment, fd: number): void {
    const { compacted } = this.parts.config;
    const isWhole = scan.nextOffset === next.baseOffset;
    // Its end was cut to its data when it was sealed, but nobody waited for that to be on disk.
    if (isWhole && segment.writtenBytes > scan.validEnd && this.isRoom(segment, scan, fd)) {
      this.cutTail(segment, scan, fd);
    } else if (segment.writtenBytes > scan.validEnd) {
      segment.damaged.push({
        position: scan.validEnd,
        endPosition: segment.writtenBytes,
        startOffset: scan.nextOffset,
        endOffset: next.baseOffset,
      });
    } else if (scan.nextOffset < next.baseOffset && !compacted) {
      this.parts.log.warn(
        { segment: segment.path, from: scan.nextOffset, to: next.baseOffset },
        'The log has no records between the end of this segment and the next one.',
      );
    }
  }

  /** The damage that is a hole, if any: never written, in a log whose flush mode allows such. */
  private findHole(segment: Segment, scan: SegmentScan, fd: number): Hole | null {
    const { segments, config, files, openFiles } = this.parts;
    const next = segments[this.index + 1];
    // A full segment is on disk before the next one has a name, unless nothing is flushed on the way.
    if (config.flush !== 'never' && next !== undefined) return null;
    const unflushedMax = config.flush === 'ack' ? unflushedBytesMax(config.messageBytesMax) : Number.POSITIVE_INFINITY;
    for (const range of segment.damaged) {
      if (range.startOffset < this.flushedEnd || segment.writtenBytes - range.position > unflushedMax) continue;
      const unwritten = onDisk('read', segment.path, () => isUnwritten(files, fd, openFiles.window, range));
      if (unwritten) return { position: range.position, offset: range.startOffset };
    }
    const endsShort = next !== undefined && scan.nextOffset < next.baseOffset && !config.compacted;
    if (!endsShort || scan.nextOffset < this.flushedEnd) return null;
    const { validEnd: position, nextOffset: startOffset } = scan;
    const tail = { position, endPosition: segment.writtenBytes, startOffset, endOffset: next.baseOffset };
    const isHole = onDisk('read', segment.path, () => endsInHole(files, fd, openFiles.window, tail));
    return isHole ? { position, offset: startOffset } : null;
  }

  /** What lies behind the hole is copied or renamed out of the log, and the segment is checked once more up to there. */
  private cutAtHole(segment: Segment, hole: Hole, fd: number): void {
    const { files, openFiles, segments, epochs, producers, snapshots, log } = this.parts;
    log.error(
      { segment: segment.path, ...hole },
      'The power went before this was written; what had been written behind it is put aside.',
    );
    onDisk('put aside a part of', segment.path, () => {
      const rest = Buffer.allocUnsafe(segment.writtenBytes - hole.position);
      files.read(fd, rest, 0, rest.length, hole.position);
      if (rest.length > 0) files.writeFileAtomically(`${segment.path}.${hole.position}${PUT_ASIDE_SUFFIX}`, rest);
      files.truncate(fd, hole.position);
      for (const later of segments.splice(this.index + 1)) {
        for (const path of [later.path, later.indexPath, later.timeIndexPath]) {
          openFiles.close(path);
          if (files.exists(path)) files.rename(path, path + PUT_ASIDE_SUFFIX);
        }
      }
    });
    for (const offset of snapshots.filter((taken) => taken > hole.offset)) this.parts.removeSnapshot(offset);
    segment.writtenBytes = hole.position;
    this.endOffset = hole.offset;
    epochs.truncateFromEnd(hole.offset);
    producers.clear();
    const restore = { ...this.parts, segments: segments.slice(this.firstKept, this.index) };
    restoreProducers(restore, producers, segment.baseOffset);
    const again = this.scanOf(segment);
    while (!again.run(Number.MAX_SAFE_INTEGER));
    segment.damaged.push(...again.damaged);
  }

  private finish(): void {
    const { files, directory, segments, snapshots } = this.parts;
    this.parts.epochs.observed(this.parts.nodeEpoch);
    if (this.writesDamage) writeDamage(files, directory, segments);
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

/** Of what is not known to be on the disk. */
function believed(flush: LogConfig['flush'], afterFailure: boolean): Believed {
  // Also with flush=ack: it may be the mode only since a moment ago, and that it was not flushed then the failure.
  if (afterFailure) return 'both';
  return flush === 'never' ? 'memory' : 'disk';
}
