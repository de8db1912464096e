/** How far a log is written, how far a flush that is under way reaches, and how far it is on disk. Lives on shards. */
import type { Offset } from '../base/units.js';
import type { FlushSet } from './flush-set.js';
import type { LogPlace } from './log-reader.js';
import type { OpenFiles } from './open-files.js';
import { type Segment, segmentFloor } from './segment.js';

export class FlushProgress {
  readonly written: LogPlace = { offset: 0, segmentBase: 0, position: 0 };
  readonly flushed: LogPlace = { offset: 0, segmentBase: 0, position: 0 };
  /** When the oldest unflushed batch was written, by the clock that never goes back; -1 where all is flushed. */
  unflushedSinceMs = -1;
  private readonly collected: LogPlace = { offset: 0, segmentBase: 0, position: 0 };

  constructor(
    private readonly segments: readonly Segment[],
    private readonly openFiles: OpenFiles,
  ) {}

  /** Everything up to `endOffset` is written, and flushed, unless from `unflushedFrom` on. */
  begin(endOffset: Offset, unflushedFrom: Readonly<LogPlace> | null, nowMs: number): void {
    this.place(this.written, endOffset);
    Object.assign(this.flushed, unflushedFrom ?? this.written);
    this.unflushedSinceMs = unflushedFrom === null ? -1 : nowMs;
  }

  /** The segments hold batches up to `endOffset` now. */
  advance(endOffset: Offset, nowMs: number): void {
    this.place(this.written, endOffset);
    if (this.unflushedSinceMs < 0) this.unflushedSinceMs = nowMs;
  }

  /** Adds the files of all that is written and not flushed. @throws StorageError */
  collect(set: FlushSet): void {
    for (const segment of this.unflushedSegments()) {
      set.addFile(this.openFiles.descriptor(segment.path, 'write'));
      // Others that are opened for the same flush must not close it.
      this.openFiles.markDirty(segment.path);
      segment.collectedBytes = segment.writtenBytes;
    }
    Object.assign(this.collected, this.written);
  }

  /** What was collected is on disk. */
  settle(nowMs: number): void {
    for (const segment of this.unflushedSegments()) {
      segment.flushedBytes = Math.max(segment.flushedBytes, segment.collectedBytes);
      segment.cutIsUnflushed = false;
      if (segment.flushedBytes === segment.writtenBytes) this.openFiles.markClean(segment.path);
    }
    Object.assign(this.flushed, this.collected);
    this.unflushedSinceMs = this.flushed.offset < this.written.offset ? nowMs : -1;
  }

  /** A sealed segment was flushed by somebody else; the flushed end moves on once all in front of it are, too. */
  sealedFlushed(segmentBase: Offset): void {
    const { segments } = this;
    const at = segmentFloor(segments, segmentBase);
    if (at < 0 || segments[at].baseOffset !== segmentBase || at + 1 === segments.length) return;
    segments[at].isFlushedAhead = true;
    let next = Math.max(0, segmentFloor(segments, this.flushed.offset));
    while (next + 1 < segments.length && (segments[next].isFlushedAhead || isFlushed(segments[next]))) {
      segments[next].flushedBytes = segments[next].writtenBytes;
      segments[next].cutIsUnflushed = false;
      next++;
      const { baseOffset } = segments[next];
      if (baseOffset <= this.flushed.offset) continue;
      this.flushed.offset = baseOffset;
      this.flushed.segmentBase = baseOffset;
      this.flushed.position = 0;
    }
  }

  /** Behind the last batch of a sealed segment is where the next one begins, and that is how the flushed end is told from now on. */
  leaveSealed(): void {
    const { segments, flushed } = this;
    const at = segmentFloor(segments, flushed.offset);
    if (at < 0 || segments[at].baseOffset !== flushed.offset) return;
    flushed.segmentBase = flushed.offset;
    flushed.position = 0;
  }

  /** From the last one back: in front of one that is on disk all are. */
  private unflushedSegments(): Segment[] {
    const found: Segment[] = [];
    for (let i = this.segments.length - 1; i >= 0; i--) {
      const segment = this.segments[i];
      if (!isFlushed(segment)) found.push(segment);
      else if (segment.writtenBytes > 0) break;
    }
    return found;
  }

  private place(at: LogPlace, offset: Offset): void {
    const active = this.segments.at(-1);
    at.offset = offset;
    at.segmentBase = active?.baseOffset ?? offset;
    at.position = active?.writtenBytes ?? 0;
  }
}

function isFlushed(segment: Segment): boolean {
  return segment.flushedBytes >= segment.writtenBytes && !segment.cutIsUnflushed;
}
