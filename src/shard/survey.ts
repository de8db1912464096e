/** How the logs of a shard lie on the disk, told in parts that fit the ring. Shard thread. */
import type { PartitionLog } from '../log/partition-log.js';
import type { Survey, SurveyedLog } from '../ring/completions.js';
import type { ShardPartition } from './shard-partition.js';

/** Told in one answer: with all its words one log takes less than a hundred bytes, and the appends behind it wait. */
const LOGS_PER_PART = 2000;

export function surveyOf(slot: number, { segments, sizeBytes }: PartitionLog): SurveyedLog {
  const oldest = segments[0];
  return {
    slot,
    bytes: sizeBytes,
    segments: segments.length,
    oldestMs: oldest?.lastAppendMs ?? -1,
    oldestBytes: oldest?.writtenBytes ?? 0,
    beganMs: oldest?.firstAppendMs ?? -1,
  };
}

/** The logs that are open, from slot `from` on. */
export function survey(partitions: readonly (ShardPartition | null)[], from: number): Survey {
  const logs: SurveyedLog[] = [];
  let slot = from;
  for (; slot < partitions.length && logs.length < LOGS_PER_PART; slot++) {
    const log = partitions[slot]?.log;
    if (log == null || partitions[slot]?.state !== 'online') continue;
    logs.push(surveyOf(slot, log));
  }
  return { logs, nextSlot: slot < partitions.length ? slot : -1 };
}
