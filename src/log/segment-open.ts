/** Makes the last segment of a cleanly closed log ready for appends without reading all of it. Lives on shards. */
import type { Offset } from '../base/units.js';
import { baseOffsetOf, lastOffsetOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';
import { OFFSET_ENTRY_BYTES, OffsetIndex } from './offset-index.js';
import { indexedTimestampOf, type Segment } from './segment.js';
import type { SegmentSearch } from './segment-search.js';
import { TIME_ENTRY_BYTES, TimeIndex } from './time-index.js';

/**
 * Loads the segment's indexes and walks the headers behind their last entry. Returns the offset behind its last batch, or
 * null where anything does not fit together: then the segment has to be recovered after all.
 */
export function openActiveSegment(
  files: FileSystem,
  search: SegmentSearch,
  segment: Segment,
  indexIntervalBytes: number,
): Offset | null {
  if (!files.exists(segment.indexPath) || !files.exists(segment.timeIndexPath)) {
    if (segment.writtenBytes > 0) return null;
    segment.startIndexes();
    return segment.baseOffset;
  }
  const offsetBytes = files.readFile(segment.indexPath);
  const timeBytes = files.readFile(segment.timeIndexPath);
  if (offsetBytes.length % OFFSET_ENTRY_BYTES !== 0 || timeBytes.length % TIME_ENTRY_BYTES !== 0) return null;
  const offsets = OffsetIndex.decode(offsetBytes, segment.baseOffset, segment.writtenBytes);
  const times = TimeIndex.decode(timeBytes, segment.baseOffset);
  if (offsets === null || times === null) return null;
  segment.startIndexes();
  segment.offsets = offsets;
  segment.times = times;
  segment.indexesAreLoaded = true;
  const indexed = offsets.count === 0 ? segment.baseOffset : offsets.offsetAt(offsets.count - 1);
  if (times.count > 0) {
    segment.maxTimestampMs = times.timestampAt(times.count - 1);
    segment.maxTimestampOffset = times.offsetAt(times.count - 1);
  }
  const entries = offsets.count;
  const timesFit =
    entries === 0 || (times.count > 0 && search.fits(segment, segment.maxTimestampMs, segment.maxTimestampOffset));
  let endOffset = segment.baseOffset;
  let first = offsets.count > 0;
  const whole = search.visitFrom(segment, indexed, ({ bytes, at, position, size }) => {
    const lastOffset = lastOffsetOf(bytes, at);
    // The batch of the last entry must be the one that the entry names, and none behind it may go back. The time index has an
    // entry that is no earlier: one that was cut short has not.
    if (first && (lastOffset !== indexed || position !== offsets.positionAt(entries - 1))) endOffset = -1;
    if (first && indexedTimestampOf(bytes, at) > segment.maxTimestampMs) endOffset = -1;
    if (!first && baseOffsetOf(bytes, at) < endOffset) endOffset = -1;
    if (first) segment.bytesSinceEntry = size;
    else segment.note(bytes, at, position, size, indexIntervalBytes);
    first = false;
    if (endOffset >= 0) endOffset = lastOffset + 1;
  });
  if (!whole || endOffset < 0 || first || !timesFit) return null;
  // Damage at the very end keeps its offsets.
  return Math.max(endOffset, segment.damaged.at(-1)?.endOffset ?? 0);
}
