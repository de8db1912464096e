/** Where a segment's batches lie. Any thread. */
import type { Offset } from '../base/units.js';

/** Kafka's name of a segment: its base offset in 20 digits. */
export function segmentPath(directory: string, segmentBase: Offset): string {
  return `${directory}/${String(segmentBase).padStart(20, '0')}.log`;
}
