/** Answers where records of a log lie: by offset for fetches, by time for look-ups. Reads headers only. Lives on shards. */
import type { ErrorName } from '../base/error-code.js';
import type { FileSlice } from '../base/file-slice.js';
import { KafkaError } from '../base/kafka-error.js';
import type { FilePosition, LeaderEpoch, Offset } from '../base/units.js';
import { leaderEpochOf } from '../record/record-batch.js';
import { type Segment, segmentFloor } from './segment.js';
import type { SegmentSearch, TimestampOffset } from './segment-search.js';
import { onDisk } from './storage-error.js';

/** Ranges of one answer: each is a segment, and the answer has to fit into a ring. */
const SLICES_MAX = 128;

/** A place between two batches, as an offset and as a byte of a segment. */
export interface LogPlace {
  offset: Offset;
  segmentBase: Offset;
  position: FilePosition;
}

export interface Located {
  /** CORRUPT_MESSAGE where the record asked for lies in a damaged range. */
  readonly error: ErrorName;
  /** Whole batches; empty on error, or where the first one is larger than what was asked for. */
  readonly slices: FileSlice[];
  /** Where a reader of these slices goes on; null where that is only known by asking again. */
  readonly next: LogPlace | null;
}

export interface RecordAtTime {
  readonly offset: Offset;
  readonly timestampMs: number;
  readonly leaderEpoch: LeaderEpoch;
}

/** What of a log a reader needs; offsets are read anew at each question. */
export interface ReadableLog {
  readonly segments: readonly Segment[];
  readonly search: SegmentSearch;
  readonly logStartOffset: Offset;
  /** Places that are known without a search. */
  readonly written: Readonly<LogPlace>;
  readonly flushed: Readonly<LogPlace>;
}

/**
 * Slices from the batch that holds `offset` up to `upTo`, at most `maxBytes` of them, cut between batches; with
 * `wholeFirst` at least the first batch. null where there is nothing below `upTo`.
 */
export function locate(
  log: ReadableLog,
  offset: Offset,
  maxBytes: number,
  upTo: Offset,
  wholeFirst: boolean,
): Located | null {
  const limit = Math.min(upTo, log.written.offset);
  if (offset >= limit) return null;
  const slices: FileSlice[] = [];
  let next: LogPlace | null = null;
  let left = maxBytes;
  let want = offset;
  for (let i = Math.max(0, segmentFloor(log.segments, offset)); i < log.segments.length; i++) {
    const segment = log.segments[i];
    if (segment.baseOffset >= limit) break;
    const damage = segment.damagedFor(want);
    if (damage !== undefined) return damagedUnlessBegun(slices);
    const end = endPosition(log, i, limit);
    let found: Located | null;
    try {
      found = onDisk('read', segment.path, () =>
        locateIn(log, i, want, left, end, wholeFirst && slices.length === 0, limit),
      );
    } catch (error) {
      if (error instanceof KafkaError) return damagedUnlessBegun(slices);
      throw error;
    }
    if (found === null) {
      // Offsets at the end of a segment may be gone by compaction; the next one has what follows.
      want = log.segments[i + 1]?.baseOffset ?? limit;
      continue;
    }
    slices.push(...found.slices);
    next = found.next;
    for (const slice of found.slices) left -= slice.length;
    const wholeSegment = found.slices.length > 0 && next !== null && next.segmentBase !== segment.baseOffset;
    if (!wholeSegment || left <= 0 || slices.length >= SLICES_MAX) break;
    want = (next as LogPlace).offset;
  }
  return { error: 'NONE', slices, next };
}

/** What was found in front of the damage may be had; a fetch that begins at the damage is told of it. */
function damagedUnlessBegun(slices: FileSlice[]): Located {
  if (slices.length > 0) return { error: 'NONE', slices, next: null };
  return { error: 'CORRUPT_MESSAGE', slices: [], next: null };
}

function locateIn(
  log: ReadableLog,
  index: number,
  offset: Offset,
  maxBytes: number,
  end: FilePosition,
  wholeFirst: boolean,
  limit: Offset,
): Located | null {
  const { search, segments } = log;
  const segment = segments[index];
  let position: FilePosition;
  let firstSize = 0;
  const atStart = offset <= segment.baseOffset && segment.damaged.length === 0;
  if (atStart && end <= maxBytes) position = 0;
  else if (isPlace(log.flushed, segment, offset)) position = log.flushed.position;
  else {
    const offsetLimit = segments[index + 1]?.baseOffset ?? log.written.offset;
    if (!search.findForReader(segment, offset, end, offsetLimit)) return null;
    position = search.walk.position;
    firstSize = search.walk.size;
  }
  if (position >= end) return null;
  let cut = segment.soundUntil(position, end);
  let cutOffset = -1;
  if (position + maxBytes < cut) {
    cut = search.cut(segment, position, maxBytes, end);
    cutOffset = search.cutOffset;
  }
  if (cut === position) {
    if (!wholeFirst) return { error: 'NONE', slices: [], next: null };
    if (firstSize === 0) {
      search.findBatch(segment, offset, end);
      firstSize = search.walk.size;
    }
    cut = position + firstSize;
    cutOffset = -1;
  }
  const slices = [segment.slice(position, cut)];
  return { error: 'NONE', slices, next: placeBehind(log, index, cut, cutOffset, end, limit) };
}

function placeBehind(
  log: ReadableLog,
  index: number,
  cut: FilePosition,
  cutOffset: Offset,
  end: FilePosition,
  limit: Offset,
): LogPlace | null {
  const segment = log.segments[index];
  if (cutOffset >= 0) return { offset: cutOffset, segmentBase: segment.baseOffset, position: cut };
  if (cut !== end || segment.damaged.some((range) => range.position === cut)) return null;
  const following = log.segments[index + 1];
  if (following !== undefined && following.baseOffset <= limit && end === segment.writtenBytes) {
    return { offset: following.baseOffset, segmentBase: following.baseOffset, position: 0 };
  }
  return { offset: limit, segmentBase: segment.baseOffset, position: cut };
}

function isPlace(place: Readonly<LogPlace>, segment: Segment, offset: Offset): boolean {
  return place.offset === offset && place.segmentBase === segment.baseOffset;
}

/** Position in the segment behind the last batch that lies below `limit`, which is a batch boundary. */
function endPosition(log: ReadableLog, index: number, limit: Offset): FilePosition {
  const { segments, search } = log;
  const segment = segments[index];
  const following = segments[index + 1];
  if (limit >= log.written.offset || (following !== undefined && following.baseOffset <= limit)) {
    return segment.writtenBytes;
  }
  if (isPlace(log.flushed, segment, limit)) return log.flushed.position;
  const found = onDisk('read', segment.path, () => search.findBatch(segment, limit, segment.writtenBytes));
  return found ? search.walk.position : segment.writtenBytes;
}

/** The first record at or after `timestampMs` among those below `upTo`, or null. */
export function offsetAtTime(log: ReadableLog, timestampMs: number, upTo: Offset): RecordAtTime | null {
  const { segments, search, logStartOffset } = log;
  for (const segment of segments) {
    if (segment.baseOffset >= upTo) return null;
    const found = onDisk('read', segment.path, () => {
      if (search.largest(segment).timestampMs < timestampMs) return null;
      return search.firstAtOrAfter(segment, timestampMs, logStartOffset, upTo);
    });
    if (found !== null) return withEpoch(search, found);
  }
  return null;
}

/** The first record that carries the largest timestamp of all below `upTo`, or null where none has a timestamp. */
export function maxTimestamp(log: ReadableLog, upTo: Offset): RecordAtTime | null {
  const { segments, search, logStartOffset } = log;
  let best: RecordAtTime | null = null;
  for (const segment of segments) {
    if (segment.baseOffset >= upTo) break;
    const found = onDisk('read', segment.path, () => {
      if (search.largest(segment).timestampMs <= (best?.timestampMs ?? -1)) return null;
      return search.largestBelow(segment, logStartOffset, upTo);
    });
    if (found !== null && found.timestampMs > (best?.timestampMs ?? -1)) best = withEpoch(search, found);
  }
  return best;
}

/** The search still stands on the record's batch. */
function withEpoch(search: SegmentSearch, found: TimestampOffset): RecordAtTime {
  return { ...found, leaderEpoch: leaderEpochOf(search.walk.bytes, search.walk.at) };
}
