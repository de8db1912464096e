/** Finds whole batches that hold a number of records, for readers to whom records are dealt out. Reads headers only. Lives on shards. */
import type { ErrorName } from '../base/error-code.js';
import type { FileSlice } from '../base/file-slice.js';
import { KafkaError } from '../base/kafka-error.js';
import type { Offset } from '../base/units.js';
import { baseOffsetOf, lastOffsetOf } from '../record/record-batch.js';
import type { ReadableLog } from './log-reader.js';
import { segmentFloor } from './segment.js';
import { onDisk } from './storage-error.js';

export interface RecordLimits {
  readonly bytesMax: number;
  readonly recordsMax: number;
}

export interface LocatedRecords {
  /** CORRUPT_MESSAGE where the first of them lies in a damaged range. */
  readonly error: ErrorName;
  /** Whole batches of one segment; none where no record has an offset in the range. */
  readonly slices: FileSlice[];
  /** Behind the last record found, or the end of the range where there is none. */
  readonly endOffset: Offset;
}

/**
 * Batches from the one that holds `offset`, or the first behind it, as many as begin below `upTo`, fit into `bytesMax` and
 * are needed for `recordsMax` records from `offset` on; the first in any case.
 *
 * @throws StorageError
 */
export function locateRecords(log: ReadableLog, offset: Offset, upTo: Offset, limits: RecordLimits): LocatedRecords {
  for (let i = Math.max(0, segmentFloor(log.segments, offset)); i < log.segments.length; i++) {
    const segment = log.segments[i];
    if (segment.baseOffset >= upTo) break;
    if (segment.damagedFor(offset) !== undefined) return { error: 'CORRUPT_MESSAGE', slices: [], endOffset: offset };
    try {
      const found = onDisk('read', segment.path, () =>
        locateIn(log, i, offset, Math.min(upTo, log.written.offset), limits),
      );
      if (found !== null) return found;
    } catch (error) {
      if (error instanceof KafkaError) return { error: 'CORRUPT_MESSAGE', slices: [], endOffset: offset };
      throw error;
    }
  }
  return { error: 'NONE', slices: [], endOffset: upTo };
}

function locateIn(
  { search, segments, written }: ReadableLog,
  index: number,
  offset: Offset,
  upTo: Offset,
  { bytesMax, recordsMax }: RecordLimits,
): LocatedRecords | null {
  const segment = segments[index];
  const offsetLimit = segments[index + 1]?.baseOffset ?? written.offset;
  if (!search.findForReader(segment, offset, segment.writtenBytes, offsetLimit)) return null;
  const { walk } = search;
  if (baseOffsetOf(walk.bytes, walk.at) >= upTo) return null;
  const { position } = walk;
  const sound = segment.soundUntil(position, segment.writtenBytes);
  let end = position;
  let endOffset = offset;
  do {
    const batchEnd = walk.position + walk.size;
    const isFirst = end === position;
    if (!isFirst && (batchEnd > sound || batchEnd - position > bytesMax)) break;
    if (baseOffsetOf(walk.bytes, walk.at) >= upTo) break;
    end = batchEnd;
    endOffset = lastOffsetOf(walk.bytes, walk.at) + 1;
  } while (endOffset - offset < recordsMax && walk.next());
  return { error: 'NONE', slices: [segment.slice(position, end)], endOffset };
}
