/**
 * Reads every byte of a partition's folder and tells what of it is lost; changes nothing. For the offline verbs, while no
 * broker has the folder.
 *
 * What the next start mends without losing anything that was acknowledged is no loss: a torn tail behind the recovery point,
 * prepared room, an unfinished swap, caches that are wrong. Nor is a hole behind the recovery point: what is missing there
 * was acknowledged at most as written, and is told apart.
 */
import { join } from 'node:path';
import type { DamagedRange } from '../base/segment-check.js';
import type { FilePosition, Offset } from '../base/units.js';
import type { FlushMode } from '../config/log-config.js';
import { maxTimestampOf } from '../record/record-batch.js';
import { readTextFile } from './checkpoint.js';
import { DAMAGE_FILE, readDamage } from './damage-record.js';
import type { KnownLog } from './data-directory.js';
import type { FileSystem } from './file-system.js';
import { endsInHole, isUnwritten, unflushedBytesMax } from './hole.js';
import { LEADER_EPOCH_FILE, LeaderEpochs } from './leader-epochs.js';
import { OffsetIndex } from './offset-index.js';
import { holdsOnlyZeros } from './prepared-room.js';
import { decodeProducerSnapshot } from './producer-snapshot.js';
import { ProducerState } from './producer-state.js';
import { parseSegmentFileName, SWAP_SUFFIX, segmentFileName } from './segment-name.js';
import { SegmentScan } from './segment-scan.js';
import { codeOf } from './storage-error.js';
import { TimeIndex } from './time-index.js';

const WINDOW_BYTES = 1024 * 1024;
const STEP_BYTES = 16 * 1024 * 1024;
const OFFSET_SPAN_MAX = 0x7fffffff;

export interface LostRange extends DamagedRange {
  /**
   * `damaged`: bytes that are no valid batches. `missing`: no bytes at all, though other batches, or the recovery point, say
   * that there were some. `gone`: the whole log, or more of it than can be told.
   */
  readonly kind: 'damaged' | 'missing' | 'gone';
  readonly path: string;
  readonly segmentBase: Offset;
  /** Timestamps of the batches around it, Unix ms; null where there is none. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/**
 * The end of a log of which not all was on disk when the power went: a hole behind the recovery point, and what had been
 * written behind it.
 */
export interface UnflushedEnd {
  readonly path: string;
  readonly segmentBase: Offset;
  /** The hole. */
  readonly position: FilePosition;
  readonly endPosition: FilePosition;
  /** From its first offset to the end of the log. */
  readonly startOffset: Offset;
  readonly endOffset: Offset;
  /** A start with one of these ends the log at the hole; with any other it refuses reads of the hole, and serves the rest. */
  readonly cutWith: readonly FlushMode[];
}

/** Something that the next start puts right by itself, or that could not be looked at. */
export interface InspectionNote {
  readonly path: string;
  readonly what: string;
}

export interface LogInspection {
  readonly directory: string;
  readonly segments: number;
  readonly bytes: number;
  readonly lost: readonly LostRange[];
  readonly unflushed: UnflushedEnd | null;
  readonly harmless: readonly InspectionNote[];
  readonly unreadable: readonly InspectionNote[];
}

interface LogFile {
  readonly path: string;
  readonly baseOffset: Offset;
  readonly writtenBytes: FilePosition;
  /** As far as somebody has written it down. */
  readonly damaged: DamagedRange[];
}

interface Found {
  readonly scan: SegmentScan;
  /** For each of the scan's damaged ranges, and for what follows the last one. */
  readonly times: readonly [number, number][];
  readonly lastMs: number;
  readonly tailIsZero: boolean;
  /** Those of the damaged ranges that may never have been written. */
  readonly holes: readonly DamagedRange[];
  /** Nor may what should follow the last valid batch. */
  readonly endsInHole: boolean;
}

/** `onRead` hears of every few MiB. */
export function inspectLog(
  files: FileSystem,
  directory: string,
  known: KnownLog,
  onRead: (bytes: number) => void,
): LogInspection {
  return new Inspector(files, directory, known, onRead).run();
}

class Inspector {
  private readonly lost: LostRange[] = [];
  private unflushed: UnflushedEnd | null = null;
  private readonly harmless: InspectionNote[] = [];
  private readonly unreadable: InspectionNote[] = [];
  private readonly window = Buffer.allocUnsafe(WINDOW_BYTES);

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    private readonly known: KnownLog,
    private readonly onRead: (bytes: number) => void,
  ) {}

  run(): LogInspection {
    const { directory, files, lost, harmless, unreadable } = this;
    const names = files.exists(directory) ? files.readdir(directory) : [];
    const segments = this.segmentsIn(names);
    let endOffset = -1;
    for (let i = 0; i < segments.length; i++) {
      endOffset = this.guarded(segments[i].path, () => this.inspect(segments, i)) ?? -1;
    }
    this.judgeWhole(segments, endOffset);
    for (const name of names) this.guarded(`${directory}/${name}`, () => this.inspectCache(name, segments));
    const bytes = segments.reduce((sum, { writtenBytes }) => sum + writtenBytes, 0);
    const unflushed = this.unflushed === null ? null : { ...this.unflushed, endOffset };
    return { directory, segments: segments.length, bytes, lost, unflushed, harmless, unreadable };
  }

  private segmentsIn(names: readonly string[]): LogFile[] {
    const { files, directory } = this;
    const segments: LogFile[] = [];
    for (const name of names) {
      const parsed = parseSegmentFileName(name);
      if (parsed?.suffix !== '.log') continue;
      segments.push(this.fileAt(`${directory}/${name}`, parsed.baseOffset));
    }
    for (const name of names.filter((candidate) => candidate.endsWith(SWAP_SUFFIX))) {
      const parsed = parseSegmentFileName(name.slice(0, -SWAP_SUFFIX.length));
      if (parsed?.suffix === '.log') this.putSwapIn(segments, parsed.baseOffset, `${directory}/${name}`);
    }
    segments.sort((a, b) => a.baseOffset - b.baseOffset);
    if (!readDamage(files, directory, segments, this.known.damagedRanges)) {
      this.note(join(directory, DAMAGE_FILE), 'is gone or cannot be read: all of the log is checked at the next start');
    }
    return segments;
  }

  private fileAt(path: string, baseOffset: Offset): LogFile {
    return { path, baseOffset, writtenBytes: this.files.stat(path)?.size ?? 0, damaged: [] };
  }

  /** What the next start does, see segment-swap.ts: the compacted segment takes the place of those that it was made from. */
  private putSwapIn(segments: LogFile[], base: Offset, path: string): void {
    const swapped = this.fileAt(path, base);
    const scan = this.guarded(path, () => this.read(swapped, Number.POSITIVE_INFINITY, false))?.scan;
    const isWhole = scan !== undefined && scan.damage.length === 0 && scan.nextOffset > base;
    this.note(path, 'is the output of a compaction that was interrupted: the next start finishes it');
    if (!isWhole && segments.some(({ baseOffset }) => baseOffset === base)) return;
    const endOffset = Math.max(scan?.nextOffset ?? 0, base + 1);
    const kept = segments.filter(({ baseOffset }) => baseOffset < base || baseOffset >= endOffset);
    segments.splice(0, segments.length, ...kept, swapped);
  }

  /** Returns the offset behind the segment. */
  private inspect(segments: readonly LogFile[], index: number): Offset {
    const segment = segments[index];
    const { baseOffset, writtenBytes } = segment;
    const next = segments[index + 1]?.baseOffset;
    const limit = Math.min(next ?? Number.POSITIVE_INFINITY, baseOffset + OFFSET_SPAN_MAX);
    const found = this.read(segment, limit, next === undefined);
    const { scan, times, lastMs, tailIsZero, holes } = found;
    for (const [i, range] of scan.damaged.entries()) {
      if (holes.includes(range)) this.endAtHole(segment, range, next === undefined);
      // Whatever the flush mode, what lies behind that hole goes with it.
      else if (!this.unflushed?.cutWith.includes('ack')) this.lose(segment, 'damaged', range, times[i]);
    }
    // Of those nothing is left that could be found.
    for (const range of segment.damaged) {
      if (range.position === range.endPosition && range.startOffset < scan.nextOffset) {
        this.lose(segment, 'missing', range, null);
      }
    }
    const { validEnd: position, nextOffset: startOffset } = scan;
    const hasTail = position < writtenBytes;
    const endOffset = next ?? this.known.recoveryPoint;
    const range = { position, endPosition: writtenBytes, startOffset, endOffset };
    const isMissing = startOffset < endOffset;
    const kind = hasTail && !tailIsZero ? 'damaged' : 'missing';
    if (next === undefined) {
      if (isMissing) this.lose(segment, kind, range, [lastMs, -1]);
      else if (hasTail && !tailIsZero) {
        this.note(
          segment.path,
          `was torn by a crash at ${position}: the next start cuts it off, nobody was told of it`,
        );
      }
    } else if (hasTail ? isMissing || !tailIsZero : isMissing && endOffset > this.known.firstDirtyOffset) {
      // Apache Kafka's compaction may leave offsets out between segments; ours does not. Neither leaves zeros.
      if (found.endsInHole) this.endAtHole(segment, range, false);
      else this.lose(segment, kind, range, [lastMs, -1]);
    }
    return Math.max(startOffset, endOffset);
  }

  /** The log may end here; a hole behind another one is a part of what goes with that. */
  private endAtHole(segment: LogFile, hole: DamagedRange, isLast: boolean): void {
    const { path, baseOffset: segmentBase, writtenBytes } = segment;
    // See Recovery. The largest batch of the topic is not known here: without it the bound is safe.
    const isWithinTurns = writtenBytes - hole.position <= unflushedBytesMax(0);
    const modes: readonly FlushMode[] = isWithinTurns ? ['ack', 'interval', 'never'] : ['interval', 'never'];
    this.unflushed ??= { path, segmentBase, ...hole, cutWith: isLast ? modes : ['never'] };
  }

  private read(segment: LogFile, offsetLimit: Offset, isLast: boolean): Found {
    const { files, window, known } = this;
    const { path, baseOffset, writtenBytes: end } = segment;
    const fd = files.open(path, 'read');
    try {
      const times: [number, number][] = [];
      let lastMs = -1;
      const endsDense = isLast && segment.damaged.length === 0;
      const scan = new SegmentScan(files, window, { fd, end, baseOffset, offsetLimit, endsDense }, (bytes, at) => {
        const timestampMs = maxTimestampOf(bytes, at);
        if (scan.damaged.length > times.length) times.push([lastMs, timestampMs]);
        lastMs = timestampMs;
      });
      for (let from = 0, done = false; !done; from = scan.position) {
        done = scan.run(STEP_BYTES);
        this.onRead(scan.position - from);
      }
      const { validEnd: position, nextOffset: startOffset } = scan;
      const tail = { position, endPosition: end, startOffset, endOffset: offsetLimit };
      const holes = scan.damaged.filter(
        (range) => range.startOffset >= known.recoveryPoint && isUnwritten(files, fd, window, range),
      );
      return {
        ...{ scan, times, lastMs, holes },
        tailIsZero: holdsOnlyZeros(files, fd, window, position, end),
        endsInHole: startOffset >= known.recoveryPoint && endsInHole(files, fd, window, tail),
      };
    } finally {
      files.close(fd);
    }
  }

  private lose(
    segment: LogFile,
    kind: LostRange['kind'],
    range: DamagedRange,
    times: readonly [number, number] | null,
  ): void {
    const [from = -1, to = -1] = times ?? [];
    const { path, baseOffset: segmentBase } = segment;
    this.lost.push({ kind, path, segmentBase, ...range, fromMs: from < 0 ? null : from, toMs: to < 0 ? null : to });
  }

  /** What a start refuses to open. */
  private judgeWhole(segments: readonly LogFile[], endOffset: Offset): void {
    const { directory, known } = this;
    const knownEnd = Math.max(known.recoveryPoint, known.logStartOffset);
    if (this.unreadable.length > 0 || (segments.length === 0 ? knownEnd === 0 : endOffset >= known.logStartOffset))
      return;
    const path = `${directory}/${segmentFileName(knownEnd, '.log')}`;
    const range = { position: 0, endPosition: 0, startOffset: known.logStartOffset, endOffset: knownEnd };
    this.lost.splice(0, this.lost.length, {
      ...{ kind: 'gone', path, segmentBase: knownEnd, ...range, fromMs: null, toMs: null },
    });
  }

  private inspectCache(name: string, segments: readonly LogFile[]): void {
    const { files, directory } = this;
    const path = `${directory}/${name}`;
    if (name === LEADER_EPOCH_FILE) {
      if (!new LeaderEpochs().decode(readTextFile(files, path) ?? '')) this.rebuilt(path);
      return;
    }
    const parsed = parseSegmentFileName(name);
    if (parsed === null) return;
    const { baseOffset, suffix } = parsed;
    const logBytes = segments.find((segment) => segment.baseOffset === baseOffset)?.writtenBytes ?? -1;
    let isSound = true;
    if (suffix === '.snapshot') isSound = decodeProducerSnapshot(files.readFile(path), new ProducerState(), 0);
    else if (suffix === '.index') isSound = OffsetIndex.decode(files.readFile(path), baseOffset, logBytes) !== null;
    else if (suffix === '.timeindex') isSound = TimeIndex.decode(files.readFile(path), baseOffset) !== null;
    if (!isSound) this.rebuilt(path);
  }

  private rebuilt(path: string): void {
    this.note(path, 'is wrong: it is a cache, and is built anew from the log');
  }

  private note(path: string, what: string): void {
    this.harmless.push({ path, what });
  }

  private guarded<T>(path: string, look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (codeOf(error) === '') throw error;
      this.unreadable.push({ path, what: `cannot be read: ${(error as Error).message}` });
      return undefined;
    }
  }
}

/** How many offsets a loss takes: each was one record at most. */
export function offsetsIn({ startOffset, endOffset }: Pick<LostRange, 'startOffset' | 'endOffset'>): number {
  return endOffset - startOffset;
}
