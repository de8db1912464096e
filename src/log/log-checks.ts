/**
 * What of one log is damaged, as its shard knows it: told while reading, or by somebody who checked a whole segment elsewhere
 * and slowly (segment-check.ts). From then on it is known, written down, and everything around it is served. On shards.
 */
import type { Logger } from '../base/logger.js';
import type { CheckedSegment, DamagedRange, SegmentCheck } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import { examineSegment, writeDamage } from './damage-record.js';
import type { FileSystem } from './file-system.js';
import type { LogPlace } from './log-reader.js';
import type { OpenFiles } from './open-files.js';
import { type Segment, segmentFloor } from './segment.js';
import { onDisk } from './storage-error.js';

/** To read no more than that takes less than to hand it to another thread, which may have to be started first. */
const CHECKED_HERE_BYTES_MAX = 64 * 1024;

export interface LogChecksParts {
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly log: Logger;
  readonly directory: string;
  readonly segments: readonly Segment[];
  /** Where the last written batch ends. */
  readonly written: () => Readonly<LogPlace>;
}

export class LogChecks {
  /** Segments that somebody is checking, by base offset: what is found counts only while they are the log's. */
  private readonly underWay = new Map<Offset, { readonly segment: Segment; readonly bytes: FilePosition }>();

  /** How many ranges are known to be damaged. */
  damagedRanges = 0;

  constructor(private readonly parts: LogChecksParts) {}

  /** Segments have come or gone. */
  recount(): void {
    this.damagedRanges = 0;
    for (const { damaged } of this.parts.segments) this.damagedRanges += damaged.length;
  }

  /**
   * Damage that came to light while reading: all of the segment is checked here and now. Returns how many ranges of it nobody
   * knew of.
   */
  examine(segment: Segment): number {
    const { files, openFiles, segments } = this.parts;
    const fd = openFiles.descriptor(segment.path, 'write');
    const found = examineSegment(files, fd, openFiles.recoveryWindow, segment, this.endOf(segments.indexOf(segment)));
    return this.note(segment, found, segment.writtenBytes);
  }

  /**
   * What is damaged in the segment that holds `offset`, where it is small enough to be checked here and now; else null.
   * @throws StorageError
   */
  examineSmall(offset: Offset): CheckedSegment | null {
    const segment = this.parts.segments[segmentFloor(this.parts.segments, offset)];
    if (segment === undefined || segment.writtenBytes > CHECKED_HERE_BYTES_MAX) return null;
    const newlyDamaged = onDisk('check', segment.path, () => this.examine(segment));
    return { damaged: segment.damaged, newlyDamaged };
  }

  /** What is to be checked to know about `offset`; null where no segment holds it. */
  plan(offset: Offset): SegmentCheck | null {
    const { segments } = this.parts;
    const at = segmentFloor(segments, offset);
    if (at < 0) return null;
    return this.begin(at);
  }

  /** The newest segment that begins below `offset` and has something in it; null where there is none. */
  planBelow(offset: Offset): SegmentCheck | null {
    const { segments } = this.parts;
    let at = segments.length - 1;
    while (at >= 0 && (segments[at].baseOffset >= offset || segments[at].writtenBytes === 0)) at--;
    return at < 0 ? null : this.begin(at);
  }

  private begin(at: number): SegmentCheck {
    const segment = this.parts.segments[at];
    const { path, baseOffset: segmentBase, writtenBytes: bytes } = segment;
    this.underWay.set(segmentBase, { segment, bytes });
    return { path, segmentBase, bytes, offsetLimit: this.endOf(at) };
  }

  /**
   * Takes in what was found in a segment that was planned; null where the check was given up. Returns all that is known to be
   * damaged in it, null where it is not the log's any more. @throws StorageError
   */
  end(segmentBase: Offset, found: readonly DamagedRange[] | null): CheckedSegment | null {
    const planned = this.underWay.get(segmentBase);
    this.underWay.delete(segmentBase);
    if (planned === undefined || !this.parts.segments.includes(planned.segment)) return null;
    const { segment, bytes } = planned;
    if (found === null) return { damaged: segment.damaged, newlyDamaged: 0 };
    const newlyDamaged = onDisk('write what is damaged in', segment.path, () => this.note(segment, found, bytes));
    return { damaged: segment.damaged, newlyDamaged };
  }

  private endOf(index: number): Offset {
    return this.parts.segments[index + 1]?.baseOffset ?? this.parts.written().offset;
  }

  /** Takes in what its first `bytes` were found to be. Returns how many ranges of it nobody knew of. */
  private note(segment: Segment, found: readonly DamagedRange[], bytes: FilePosition): number {
    const { files, directory, segments, log } = this.parts;
    const known = segment.damaged.slice();
    // An active segment grows while it is checked, and a reader may have come upon damage behind what is being checked.
    const later = known.filter(({ endPosition }) => endPosition > bytes);
    segment.forgetDamagedBytes();
    segment.damaged.push(
      ...found.filter((range) => !later.some(({ position }) => range.endPosition > position)),
      ...later,
    );
    segment.damaged.sort((a, b) => a.position - b.position);
    const fresh = segment.damaged.filter((range) => !known.some((old) => isSame(old, range)));
    if (fresh.length === 0 && segment.damaged.length === known.length) return 0;
    for (const range of fresh) {
      log.error(
        { segment: segment.path, ...range },
        'A part of the log turned out to be damaged: reads of it are refused.',
      );
    }
    this.recount();
    writeDamage(files, directory, segments);
    return fresh.length;
  }
}

function isSame(a: DamagedRange, b: DamagedRange): boolean {
  return (
    a.position === b.position &&
    a.endPosition === b.endPosition &&
    a.startOffset === b.startOffset &&
    a.endOffset === b.endOffset
  );
}
