/** Bytes and durations as people read them, to about two digits. Command line. */

const BYTE_UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
const SPANS = [
  { unit: 'days', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'min', ms: 60_000 },
  { unit: 's', ms: 1000 },
];

/** In powers of 1000, as disks are sold. */
export function bytesInWords(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit + 1 < BYTE_UNITS.length) {
    value /= 1000;
    unit++;
  }
  return `${rounded(value)} ${BYTE_UNITS[unit]}`;
}

export function durationInWords(ms: number): string {
  // Days only from the second one on: 30 h says more than 1.3 days.
  const span = SPANS.find(({ ms: one }) => ms >= (one === SPANS[0].ms ? 2 * one : one)) ?? SPANS[3];
  return `${rounded(ms / span.ms)} ${span.unit}`;
}

function rounded(value: number): string {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}
