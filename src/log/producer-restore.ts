/** Brings back what a log knew of its producers: from a snapshot, then from the batch headers behind it. Lives on shards. */
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import { lastOffsetOf, producerIdOf } from '../record/record-batch.js';
import type { FileSystem } from './file-system.js';
import { snapshotPathAt } from './log-folder.js';
import { decodeProducerSnapshot } from './producer-snapshot.js';
import { ProducerState } from './producer-state.js';
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

/**
 * Fills `state` with the producers as they were at `offset`, which must be a batch boundary. Returns the offset of the
 * snapshot that this began from: each producer's batches before it are not known; -1 where nothing is missing.
 */
export function restoreProducers(parts: RestoreParts, state: ProducerState, offset: Offset): Offset {
  const from = loadSnapshotAtOrBelow(parts, state, offset);
  const complete = state.size === 0;
  replayHeaders(parts, state, from, offset);
  return complete ? -1 : from;
}

/** The batches that each producer of `state` had in the log before `from`, where `state` begins. */
export function restoreHistory(parts: RestoreParts, state: ProducerState, from: Offset): void {
  const older = new ProducerState();
  const start = loadSnapshotAtOrBelow(parts, older, from - 1);
  replayHeaders(parts, older, start, from);
  state.prependHistory(older);
}

/** Loads the newest readable snapshot; answers its offset, or -1 where there was none. */
function loadSnapshotAtOrBelow(parts: RestoreParts, state: ProducerState, offset: Offset): Offset {
  const { files, log, clock, directory, snapshots } = parts;
  for (let i = snapshots.length - 1; i >= 0; i--) {
    if (snapshots[i] > offset) continue;
    const path = snapshotPathAt(directory, snapshots[i]);
    if (decodeProducerSnapshot(files.readFile(path), state, clock.nowMs())) return snapshots[i];
    log.warn({ snapshot: path }, 'A producer snapshot is damaged; the producers are read from the log instead.');
  }
  return -1;
}

function replayHeaders(parts: RestoreParts, state: ProducerState, from: Offset, to: Offset): void {
  const { segments, search, clock, log } = parts;
  if (from >= to) return;
  const nowMs = clock.nowMs();
  for (let i = Math.max(0, segmentFloor(segments, from)); i < segments.length; i++) {
    const segment = segments[i];
    if (segment.baseOffset >= to) return;
    const whole = search.visitFrom(segment, Math.max(from, segment.baseOffset), ({ bytes, at }) => {
      if (producerIdOf(bytes, at) >= 0 && lastOffsetOf(bytes, at) < to) state.append(bytes, at, nowMs);
    });
    if (!whole)
      log.warn({ segment: segment.path }, 'A segment is damaged: producers behind the damage are not remembered.');
  }
}
