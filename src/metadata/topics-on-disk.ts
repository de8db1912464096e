/** What each topic takes of the disk, what bounds it, and what of it goes next: for metrics and for the command line. Main thread. */
import { type Deletion, type DeletionRule, type ForecastLog, forecast } from '../partition/forecast.js';
import type { DiskStanding, Partitions } from '../partition/partitions.js';
import type { Topic } from './topic.js';

export interface TopicOnDisk {
  readonly isInternal: boolean;
  readonly bytes: number;
  readonly segments: number;
  /** Arrival of the oldest record that is kept, ms since 1970; -1 where nothing is there, or nobody knows. */
  readonly oldestMs: number;
  /** What all partitions together may take; null where nothing bounds them. */
  readonly bound: { readonly bytes: number; readonly by: DeletionRule } | null;
  /** The next one, of whatever partition; null where none is to be expected. */
  readonly deletion: Deletion | null;
}

/** By name, in the order of names. Partitions that are off line are not counted. */
export async function readTopicsOnDisk(
  topics: { all(): Iterable<Topic> },
  partitions: Pick<Partitions, 'survey' | 'disk'>,
  nowMs: number,
): Promise<Map<string, TopicOnDisk>> {
  const survey = await partitions.survey();
  const disk = partitions.disk();
  const inOrder = [...topics.all()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const logsOf = new Map<Topic, ForecastLog[]>();
  for (const topic of inOrder) {
    const { evictable, deleted, retentionMs, retentionBytes, budgetPriority, budgetFloorBytes } = topic.logConfig;
    const surveyed = topic.partitions.map((handle) => survey.get(handle)).filter((log) => log !== undefined);
    const bytes = surveyed.reduce((sum, log) => sum + log.bytes, 0);
    const rules = {
      ...{ topic: topic.name, priority: budgetPriority, floorBytes: budgetFloorBytes },
      ...{ evictable: evictable && bytes > budgetFloorBytes, deleted, retentionMs, retentionBytes },
    };
    logsOf.set(
      topic,
      surveyed.map((log) => ({ ...rules, ...log })),
    );
  }
  const deletions = forecast([...logsOf.values()].flat(), disk.headroomBytes, nowMs);
  const found = new Map<string, TopicOnDisk>();
  for (const [topic, logs] of logsOf) {
    let bytes = 0;
    let segments = 0;
    let oldestMs = -1;
    let deletion: Deletion | null = null;
    for (const log of logs) {
      bytes += log.bytes;
      segments += log.segments;
      if (log.bytes > 0 && log.beganMs >= 0 && (oldestMs < 0 || log.beganMs < oldestMs)) oldestMs = log.beganMs;
      const own = deletions.get(log) ?? null;
      if (own !== null && (deletion === null || own.inMs < deletion.inMs)) deletion = own;
    }
    found.set(topic.name, {
      isInternal: topic.internal,
      bytes,
      segments,
      oldestMs,
      bound: boundOf(topic, disk),
      deletion,
    });
  }
  return found;
}

function boundOf({ logConfig, partitions }: Topic, { budgetBytes }: DiskStanding): TopicOnDisk['bound'] {
  const { deleted, evictable, retentionBytes } = logConfig;
  const own = deleted && retentionBytes >= 0 ? retentionBytes * partitions.length : Number.POSITIVE_INFINITY;
  const shared = evictable && budgetBytes >= 0 ? budgetBytes : Number.POSITIVE_INFINITY;
  if (own <= shared) return Number.isFinite(own) ? { bytes: own, by: 'retention.bytes' } : null;
  return { bytes: shared, by: 'disk budget' };
}
