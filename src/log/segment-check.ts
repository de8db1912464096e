/** Reads every byte of a segment and tells which ranges of it are damaged, at a pace that others do not feel. Side-job pool. */
import type { Clock } from '../base/clock.js';
import type { CheckPace, DamagedRange, SegmentCheck } from '../base/segment-check.js';
import type { FilePosition } from '../base/units.js';
import type { FileSystem } from './file-system.js';
import { SegmentScan } from './segment-scan.js';

const WINDOW_BYTES = 1024 * 1024;
/** Read between two pauses; less than a window, as what the window holds beyond a step is read again. */
const STEP_BYTES = 896 * 1024;
/** What is dropped from the page cache together: files keep their pages in runs of up to so many bytes. */
const CACHE_BLOCK_BYTES = 2 * 1024 * 1024;
/** What was found has to fit into a ring, and into memory; a file with more holes than this has little left to serve. */
const RANGES_MAX = 1000;

/** Whoever the work is done for. */
export interface CheckHost {
  pause(ms: number): void;
  readonly stopped: boolean;
}

/** null where it was stopped. Throws what the disk says. */
export function checkSegment(
  files: FileSystem,
  clock: Clock,
  check: SegmentCheck,
  pace: CheckPace,
  host: CheckHost,
): DamagedRange[] | null {
  const { path, bytes: end, segmentBase: baseOffset, offsetLimit } = check;
  const fd = files.open(path, 'read');
  try {
    const window = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, end));
    const scan = new SegmentScan(files, window, { fd, end, baseOffset, offsetLimit }, () => {});
    let cold: FilePosition[] | null = null;
    for (;;) {
      const from = scan.position;
      const beganMs = clock.monotonicMs();
      if (pace.sparesCache) cold ??= coldBlocks(files, fd, end);
      const done = scan.run(STEP_BYTES);
      if (cold !== null) dropBlocks(files, fd, cold, end, scan.position);
      const workedMs = clock.monotonicMs() - beganMs;
      const stepMs = Math.max(workedMs / pace.coreShareMax, (1000 * (scan.position - from)) / pace.bytesPerSecondMax);
      // Behind the last step as well: many logs are no longer than one.
      if (stepMs > workedMs) host.pause(stepMs - workedMs);
      if (done) return bounded(scan.damage);
      if (host.stopped) return null;
    }
  } finally {
    files.close(fd);
  }
}

/** Where the blocks begin of which something is not in the page cache; told before anything is read, which fills it. */
function coldBlocks(files: FileSystem, fd: number, end: FilePosition): FilePosition[] {
  const cold: FilePosition[] = [];
  for (let at = 0; at < end; at += CACHE_BLOCK_BYTES) {
    if (!files.isCached(fd, at, Math.min(CACHE_BLOCK_BYTES, end - at))) cold.push(at);
  }
  return cold;
}

/** Of the cold blocks, those that end by `upTo` leave the cache again, and the list. */
function dropBlocks(files: FileSystem, fd: number, cold: FilePosition[], end: FilePosition, upTo: FilePosition): void {
  while (cold.length > 0 && Math.min(cold[0] + CACHE_BLOCK_BYTES, end) <= upTo) {
    files.dropCache(fd, cold.shift() as FilePosition, CACHE_BLOCK_BYTES);
  }
}

/** Of too many ranges the last ones become one, with what lies between them. */
function bounded(ranges: readonly DamagedRange[]): DamagedRange[] {
  const kept = ranges.slice(0, RANGES_MAX);
  const last = ranges.at(-1);
  if (last !== undefined && ranges.length > RANGES_MAX) {
    const { endPosition, endOffset } = last;
    kept[RANGES_MAX - 1] = { ...kept[RANGES_MAX - 1], endPosition, endOffset };
  }
  return kept;
}
