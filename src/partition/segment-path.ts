/** Where a segment's batches lie. Any thread. */
import type { Offset } from '../base/units.js';

/** Kafka's name of a segment: its base offset in 20 digits. */
export function segmentPath(directory: string, segmentBase: Offset): string {
  return `${directory}/${String(segmentBase).padStart(20, '0')}.log`;
}

/** The base offset in the name that {@link segmentPath} made. */
export function segmentBaseOf(path: string): Offset {
  return Number.parseInt(path.slice(path.lastIndexOf('/') + 1), 10);
}
