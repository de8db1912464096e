/** The batches of one shard turn between `stage` and `write`, and the way back to before they came. Lives on shards. */
import type { Offset } from '../base/units.js';
import type { LogConfig } from '../config/log-config.js';
import type { FileSystem } from './file-system.js';
import type { OpenFiles } from './open-files.js';
import { writePiecewise } from './piecewise-write.js';
import { NO_ROOM, roomBehind, trimRoom } from './prepared-room.js';
import type { Segment, SegmentMark } from './segment.js';
import { writeIndexFiles } from './segment-search.js';
import { flushing, onDisk, StorageError } from './storage-error.js';

/** A turn ends after so many bytes, so that the first of its batches is not kept waiting by the last. */
export const TURN_BYTES_MAX = 8 * 1024 * 1024;

interface Roll {
  readonly sealed: Segment;
  readonly opened: Segment;
  /** The producers as they were when the new segment began. */
  readonly snapshot: Buffer;
}

export interface TurnParts {
  readonly files: FileSystem;
  readonly openFiles: OpenFiles;
  readonly segments: Segment[];
}

export class StagedTurn {
  private readonly views: Uint8Array[] = [];
  private readonly targets: Segment[] = [];
  readonly rolls: Roll[] = [];
  private segmentsBefore = 0;
  private mark: SegmentMark | null = null;
  epochsBefore = 0;
  isOpen = false;

  constructor(private readonly parts: TurnParts) {}

  /** Remembers where the log stands; to be called in front of the first change of a turn. */
  begin(epochsLength: number): void {
    const { segments } = this.parts;
    this.isOpen = true;
    this.segmentsBefore = segments.length;
    this.mark = segments.at(-1)?.mark() ?? null;
    this.epochsBefore = epochsLength;
  }

  add(view: Uint8Array, target: Segment): void {
    this.views.push(view);
    this.targets.push(target);
  }

  /** All that were staged, in order; to be read before the turn ends. */
  get batches(): readonly Uint8Array[] {
    return this.views;
  }

  roll(sealed: Segment, opened: Segment, snapshot: Buffer): void {
    this.rolls.push({ sealed, opened, snapshot });
  }

  /** True where files were made, so that folders have new entries. */
  get makesFiles(): boolean {
    return this.parts.segments.length > this.segmentsBefore;
  }

  /**
   * One writev for each file. Unless nothing is flushed on the way, a segment is on disk before the next one has a name: else a
   * cut of power could leave a hole between two segments.
   * @throws StorageError, and then {@link undo} is due.
   */
  write(config: LogConfig): void {
    const flushBeforeRoll = config.flush !== 'never';
    const { views, targets, rolls } = this;
    let roll = 0;
    for (let from = 0; from < views.length; ) {
      const segment = targets[from];
      if (rolls[roll]?.opened === segment) this.seal(rolls[roll++], flushBeforeRoll);
      let to = from + 1;
      let bytes = views[from].length;
      for (; to < views.length && targets[to] === segment; to++) bytes += views[to].length;
      const buffers = from === 0 && to === views.length ? views : views.slice(from, to);
      const isFull = to < views.length;
      this.writeFully(
        segment,
        buffers,
        bytes,
        isFull ? NO_ROOM : roomBehind(this.parts.files, config.preparedBytesMax, segment, bytes),
      );
      from = to;
    }
    for (; roll < rolls.length; roll++) this.seal(rolls[roll], flushBeforeRoll);
  }

  private writeFully(segment: Segment, buffers: readonly Uint8Array[], bytes: number, room: Uint8Array): void {
    const { files, openFiles } = this.parts;
    const fd = openFiles.descriptor(segment.path, 'create');
    const from = segment.pendingBytes;
    // What of it was written before an error is there as well.
    segment.preparedBytes = Math.max(segment.preparedBytes, from + bytes + room.length);
    const write = (all: readonly Uint8Array[]) =>
      onDisk('write to', segment.path, () => writePiecewise(files, fd, all, from));
    try {
      write(room.length === 0 ? buffers : [...buffers, room]);
    } catch (error) {
      if (room.length === 0 || !(error instanceof StorageError && error.full)) throw error;
      // The batches alone may find a place yet.
      write(buffers);
    }
    segment.pendingBytes = from + bytes;
  }

  private seal({ sealed, opened, snapshot }: Roll, flush: boolean): void {
    const { files, openFiles } = this.parts;
    const fd = openFiles.descriptor(sealed.path, 'create');
    onDisk('truncate', sealed.path, () => trimRoom(files, fd, sealed, sealed.pendingBytes));
    // Where all but the cut is on the disk, the next segment is where a start after a crash begins: nobody would come back for it.
    const isCutAlone = sealed.cutIsUnflushed && sealed.flushedBytes === sealed.pendingBytes;
    if (flush || isCutAlone) {
      flushing(sealed.path, () => files.fdatasync(fd));
      sealed.flushedBytes = sealed.pendingBytes;
      sealed.cutIsUnflushed = false;
    }
    // The new file is made even where nothing is in it yet: its name is what the log end is known by once all before it is deleted.
    openFiles.descriptor(opened.path, 'create');
    onDisk('write the indexes of', sealed.path, () => {
      writeIndexFiles(files, openFiles, sealed);
      files.writeFileAtomically(opened.snapshotPath, snapshot, false);
    });
  }

  /** Everything is in its file. `untilFlushed`: the files are to stay open until a flush has covered them. */
  commit(untilFlushed: boolean): void {
    const { segments, openFiles } = this.parts;
    for (let i = Math.max(0, this.segmentsBefore - 1); i < segments.length; i++) {
      segments[i].writtenBytes = segments[i].stagedBytes;
      if (untilFlushed && segments[i].flushedBytes < segments[i].writtenBytes) openFiles.markDirty(segments[i].path);
    }
    for (const { sealed } of this.rolls) sealed.releaseIndexes();
    this.end();
  }

  /** Takes the turn back: files made in it go, the one that was active before is cut to what it held. @throws StorageError */
  undo(): void {
    const { files, openFiles, segments } = this.parts;
    const made = segments.splice(this.segmentsBefore);
    for (const segment of made) {
      openFiles.close(segment.path);
      for (const path of [segment.path, segment.snapshotPath]) {
        if (files.exists(path)) onDisk('remove', path, () => files.unlink(path));
      }
    }
    // A new segment that came back to life behind a shortened old one would leave a hole between them.
    if (made.length > 0 && segments.length > 0) {
      const { directory } = made[0];
      flushing(directory, () => files.fsyncDirectory(directory));
    }
    const active = segments.at(-1);
    if (active !== undefined && this.mark !== null) {
      if (active.pendingBytes > active.writtenBytes || this.views.length > 0) {
        const fd = openFiles.descriptor(active.path, 'create');
        onDisk('truncate', active.path, () => files.truncate(fd, active.writtenBytes));
        // Their senders are told that they are not stored: a cut of power must not bring them back.
        flushing(active.path, () => files.fdatasync(fd));
        active.preparedBytes = active.writtenBytes;
      }
      active.restore(this.mark);
    }
    this.end();
  }

  /** Base offsets of segments that this turn begins. */
  rolledAt(): Offset[] {
    return this.rolls.map((roll) => roll.opened.baseOffset);
  }

  private end(): void {
    this.views.length = 0;
    this.targets.length = 0;
    this.rolls.length = 0;
    this.mark = null;
    this.isOpen = false;
  }
}
