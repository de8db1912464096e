/**
 * How old a segment is: by arrival of its batches, or by the times that its records carry (Kafka's rule). Lives on shards.
 *
 * By arrival nothing that a producer says makes a record go early or stay for ever: collectors send what is old already,
 * and devices with wrong clocks what lies in the future.
 */
import type { RetentionTime } from '../config/log-config.js';
import { crc32c } from '../record/crc32c.js';
import { maxTimestampOf } from '../record/record-batch.js';
import { NOT_READ, type Segment } from './segment.js';
import type { SegmentSearch } from './segment-search.js';

const TWO_32 = 2 ** 32;

export interface AgeRules {
  readonly retentionTime: RetentionTime;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
}

/** How long ago the segment's youngest record came; -1 where nobody knows. May read index files. */
export function youngestAgeMs(segment: Segment, rules: AgeRules, search: SegmentSearch, nowMs: number): number {
  if (rules.retentionTime === 'record') {
    const { timestampMs } = search.largest(segment);
    if (timestampMs >= 0) return nowMs - timestampMs;
  }
  return segment.lastAppendMs < 0 ? -1 : nowMs - segment.lastAppendMs;
}

/** Whether the active segment is too old to take a batch whose largest timestamp is `timestampMs`. May read its first header. */
export function isRollDue(
  segment: Segment,
  rules: AgeRules,
  search: SegmentSearch,
  timestampMs: number,
  nowMs: number,
): boolean {
  return oldestAgeMs(segment, rules, search, timestampMs, nowMs) >= rules.segmentMs - jitterMs(segment, rules);
}

function oldestAgeMs(
  segment: Segment,
  { retentionTime }: AgeRules,
  search: SegmentSearch,
  timestampMs: number,
  nowMs: number,
): number {
  if (retentionTime === 'record') {
    if (segment.firstTimestampMs === NOT_READ) {
      segment.firstTimestampMs = search.firstHeader(segment, maxTimestampOf) ?? -1;
    }
    if (segment.firstTimestampMs >= 0 && timestampMs >= 0) return timestampMs - segment.firstTimestampMs;
  }
  return nowMs - segment.firstAppendMs;
}

/** Another part of the jitter for each segment, and the same one after every start. */
function jitterMs({ path }: Segment, { segmentMs, segmentJitterMs }: AgeRules): number {
  if (segmentJitterMs === 0) return 0;
  return (crc32c(Buffer.from(path)) / TWO_32) * Math.min(segmentJitterMs, segmentMs);
}
