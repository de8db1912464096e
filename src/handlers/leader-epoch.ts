/** The leader epoch that clients are told, and that their fetches are checked against. Main thread. */
import type { LeaderEpoch } from '../base/units.js';
import type { PartitionHandle } from '../partition/partitions.js';
import type { Services } from './handler.js';

/** The partition's own where its shard has told it; before that, the one it is being opened with. */
export function leaderEpochOf(handle: PartitionHandle, { partitions, topics }: Services): LeaderEpoch {
  return handle.state === 'online' ? partitions.watermarks(handle).leaderEpoch : topics.nodeEpoch;
}
