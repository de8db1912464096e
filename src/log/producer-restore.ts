/** Brings back what a log knew of its producers: from a snapshot, then from the batch headers behind it. Lives on shards. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import { lastOffsetOf, producerIdOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';
import { snapshotPathAt } from './log-folder.js';
import { decodeProducerSnapshot } from './producer-snapshot.js';
import { BATCHES_KEPT, type Producer, ProducerState } from './producer-state.js';
import { type Segment, segmentFloor } from './segment.js';
import type { SegmentSearch } from './segment-search.js';

export interface RestoreParts {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly log: Logger;
  readonly directory: string;
  readonly segments: readonly Segment[];
  readonly snapshots: readonly Offset[];
  readonly search: SegmentSearch;
}

/** Fills `state` with the producers as they were at `offset`, which must be a batch boundary. */
export function restoreProducers(parts: RestoreParts, state: ProducerState, offset: Offset): void {
  const from = loadSnapshotAtOrBelow(parts, state, offset);
  replayHeaders(parts, state, from, offset, null);
}

/**
 * Reads the batches of one producer that its snapshot had no room for: from the log in front of the oldest that is known,
 * back to the snapshot before it, whose own entry is one more; and so on until there are five or no more.
 */
export function restoreHistory(parts: RestoreParts, producer: Producer): void {
  while (producer.batches.length < BATCHES_KEPT) {
    const oldest = producer.batches[0];
    if (oldest === undefined || oldest.firstSequence === 0) break;
    const knownFrom = oldest.lastOffset - oldest.offsetDelta;
    const older = new ProducerState();
    const start = loadSnapshotAtOrBelow(parts, older, knownFrom);
    replayHeaders(parts, older, start, knownFrom, producer.producerId);
    const past = older.get(producer.producerId);
    const missing = past?.epoch === producer.epoch ? past.batches.filter((batch) => batch.lastOffset < knownFrom) : [];
    if (missing.length === 0) break;
    producer.batches = [...missing, ...producer.batches].slice(-BATCHES_KEPT);
  }
  producer.isComplete = true;
}

/**
 * Loads the newest readable snapshot; answers its offset, or -1 where there was none. One that lies in front of the log
 * says what was due before records that are gone: a producer is better not known than taken for one that lost its place.
 */
function loadSnapshotAtOrBelow(parts: RestoreParts, state: ProducerState, offset: Offset): Offset {
  const { files, log, clock, directory, snapshots, segments } = parts;
  const oldest = segments[0]?.baseOffset ?? offset;
  for (let i = snapshots.length - 1; i >= 0; i--) {
    if (snapshots[i] > offset) continue;
    if (snapshots[i] < Math.min(oldest, offset)) break;
    const path = snapshotPathAt(directory, snapshots[i]);
    if (decodeProducerSnapshot(files.readFile(path), state, clock.nowMs())) return snapshots[i];
    log.warn({ snapshot: path }, 'A producer snapshot is damaged; the producers are read from the log instead.');
  }
  return -1;
}

/** `only`: the producer that matters, null for all. */
function replayHeaders(parts: RestoreParts, state: ProducerState, from: Offset, to: Offset, only: number | null): void {
  const { segments, search, clock, log } = parts;
  if (from >= to) return;
  const nowMs = clock.nowMs();
  for (let i = Math.max(0, segmentFloor(segments, from)); i < segments.length; i++) {
    const segment = segments[i];
    if (segment.baseOffset >= to) return;
    const whole = search.visitFrom(segment, Math.max(from, segment.baseOffset), ({ bytes, at }) => {
      const producerId = producerIdOf(bytes, at);
      if (producerId < 0 || (only !== null && producerId !== only) || lastOffsetOf(bytes, at) >= to) return;
      state.append(bytes, at, nowMs);
    });
    if (!whole)
      log.warn({ segment: segment.path }, 'A segment is damaged: producers behind the damage are not remembered.');
  }
}
