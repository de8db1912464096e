/** Times and durations as people write them on a command line. */
import { CliError } from './cli-error.js';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const AGE = /^(\d+)(ms|s|m|h|d)$/;
const ISO_DURATION = /^P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?$/i;
/** A date, with a time perhaps, with a zone perhaps: Z, +02, +0200 or +02:00, as Kafka's tools take it. */
const ISO_TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?$/i;

function ageMs(text: string): number | null {
  const age = AGE.exec(text);
  return age && Number(age[1]) * UNIT_MS[age[2]];
}

/** NaN where it is none. */
function isoTimeMs(text: string): number {
  const [whole, date, time = '00:00', zoneHours = '+00', zoneMinutes = '00'] = ISO_TIME.exec(text) ?? [];
  return whole === undefined ? Number.NaN : Date.parse(`${date}T${time}${zoneHours}:${zoneMinutes}`);
}

/**
 * Milliseconds since 1970 for ISO 8601 (UTC where it names no zone, as for Kafka's tools), a number of them, or an age
 * such as -10m. Throws {@link CliError}.
 */
export function parseTime(text: string, nowMs: number): number {
  const age = text.startsWith('-') ? ageMs(text.slice(1)) : null;
  if (age !== null) return Math.max(0, nowMs - age);
  const time = /^\d+$/.test(text) ? Number(text) : isoTimeMs(text);
  if (Number.isNaN(time)) {
    throw new CliError(`"${text}" is no time: give ISO 8601, milliseconds since 1970, or an age such as -10m.`);
  }
  return time;
}

/** Milliseconds of an ISO 8601 duration in days and less (P1DT2H), or of a number with a unit (90m). Throws {@link CliError}. */
export function parseDuration(text: string): number {
  const age = ageMs(text);
  if (age !== null) return age;
  const [whole, ...parts] = ISO_DURATION.exec(text) ?? [];
  if (whole === undefined || parts.every((part) => part === undefined)) {
    throw new CliError(
      `"${text}" is no duration: give ISO 8601 such as PT1H30M or P2D, or a number with a unit: 90m, 2d.`,
    );
  }
  const [days, hours, minutes, seconds] = parts.map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * UNIT_MS.m + Math.round(seconds * UNIT_MS.s);
}
