/**
 * When the oldest segment of each log is likely to be deleted, and by which rule. Pure; main thread.
 *
 * A log's own age and size say how fast it grows; what goes for the disk budget before it is what arrived before it did:
 *
 * ```
 *   log a  ├────────────┤██████│          t    age of the oldest segment of log b
 *   log b        ├──────┤██████│          ├──┤ bytes of log a that are older than that
 *                now - t        now
 * ```
 */
import type { EvictableLog } from './eviction.js';

/** A log as far as it matters here. */
export interface ForecastLog extends EvictableLog {
  /** May go for the disk budget. */
  readonly evictable: boolean;
  /** Retention applies (`cleanup.policy=delete`). */
  readonly deleted: boolean;
  /** -1: for ever. */
  readonly retentionMs: number;
  /** -1: without limit. */
  readonly retentionBytes: number;
  /** Arrival of the first batch that is kept, ms since 1970; -1 where nobody knows. */
  readonly beganMs: number;
}

export type DeletionRule = 'retention.ms' | 'retention.bytes' | 'disk budget';

export interface Deletion {
  readonly by: DeletionRule;
  /** From now on, as far as the past tells. */
  readonly inMs: number;
}

/** What is older than the oldest segments of some logs, by age: sums over all logs of one priority that are older. */
interface Elders {
  /** Falling. */
  readonly ages: readonly number[];
  /** Of the first, the first two... together. */
  readonly bytes: readonly number[];
  readonly bytesPerMs: readonly number[];
}

const ageOf = ({ beganMs }: ForecastLog, nowMs: number): number => (beganMs < 0 ? 0 : Math.max(0, nowMs - beganMs));

function growthOf(log: ForecastLog, nowMs: number): number {
  const ageMs = ageOf(log, nowMs);
  return ageMs === 0 ? 0 : log.bytes / ageMs;
}

/** `headroomBytes`: what may still come before the budget is short; Infinity where there is none. null for logs that lose nothing. */
export function forecast<Log extends ForecastLog>(
  logs: readonly Log[],
  headroomBytes: number,
  nowMs: number,
): Map<Log, Deletion | null> {
  let nodeBytesPerMs = 0;
  for (const log of logs) nodeBytesPerMs += growthOf(log, nowMs);
  const evictable = logs.filter((log) => log.evictable);
  const elders = new Map<number, Elders>();
  /** Of all logs whose priority is lower. */
  const lowerBytes = new Map<number, number>();
  let below = 0;
  for (const priority of [...new Set(evictable.map((log) => log.priority))].sort((a, b) => a - b)) {
    const equals = evictable.filter((log) => log.priority === priority);
    elders.set(priority, eldersOf(equals, nowMs));
    lowerBytes.set(priority, below);
    for (const { bytes } of equals) below += bytes;
  }
  const found = new Map<Log, Deletion | null>();
  for (const log of logs) {
    const ways = retentionOf(log, nowMs);
    if (log.evictable && log.oldestBytes > 0 && nodeBytesPerMs > 0 && Number.isFinite(headroomBytes)) {
      const ageMs = log.oldestMs < 0 ? 0 : Math.max(0, nowMs - log.oldestMs);
      const own = Math.max(0, log.bytes - ageMs * growthOf(log, nowMs));
      const sooner = olderThan(elders.get(log.priority) as Elders, ageMs) - own + (lowerBytes.get(log.priority) ?? 0);
      const inMs = (Math.max(0, headroomBytes) + Math.max(0, sooner)) / nodeBytesPerMs;
      ways.push({ by: 'disk budget', inMs });
    }
    found.set(
      log,
      ways.reduce<Deletion | null>((first, way) => (first === null || way.inMs < first.inMs ? way : first), null),
    );
  }
  return found;
}

function retentionOf(log: ForecastLog, nowMs: number): Deletion[] {
  const { deleted, retentionMs, retentionBytes, oldestMs, oldestBytes, bytes } = log;
  const ways: Deletion[] = [];
  if (!deleted || oldestBytes === 0) return ways;
  if (retentionMs >= 0 && oldestMs >= 0) {
    ways.push({ by: 'retention.ms', inMs: Math.max(0, oldestMs + retentionMs - nowMs) });
  }
  const bytesPerMs = growthOf(log, nowMs);
  if (retentionBytes >= 0 && bytesPerMs > 0) {
    const missing = Math.max(0, retentionBytes - (bytes - oldestBytes));
    ways.push({ by: 'retention.bytes', inMs: missing / bytesPerMs });
  }
  return ways;
}

function eldersOf(logs: readonly ForecastLog[], nowMs: number): Elders {
  const oldestFirst = logs.filter((log) => growthOf(log, nowMs) > 0).sort((a, b) => a.beganMs - b.beganMs);
  const ages: number[] = [];
  const bytes: number[] = [];
  const bytesPerMs: number[] = [];
  for (const [at, log] of oldestFirst.entries()) {
    ages.push(ageOf(log, nowMs));
    bytes.push(log.bytes + (bytes[at - 1] ?? 0));
    bytesPerMs.push(growthOf(log, nowMs) + (bytesPerMs[at - 1] ?? 0));
  }
  return { ages, bytes, bytesPerMs };
}

/** Bytes that arrived longer ago than `ageMs`, where each log grew as evenly as its age and size say. */
function olderThan({ ages, bytes, bytesPerMs }: Elders, ageMs: number): number {
  let low = 0;
  let high = ages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ages[middle] > ageMs) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : bytes[low - 1] - ageMs * bytesPerMs[low - 1];
}
