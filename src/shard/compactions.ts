/** What a shard answers whoever compacts its logs: what is due, what is to be done, and swaps. Between turns only. Shard thread. */
import type { CompactedSegment, CompactionNeed } from '../base/compaction-plan.js';
import type { Offset } from '../base/units.js';
import { CompactionError } from '../log/compaction-error.js';
import type { PartitionLog } from '../log/partition-log.js';
import { StorageError } from '../log/storage-error.js';
import type { ShardReply } from '../ring/completions.js';
import type { ShardNotices } from './shard-notices.js';
import type { ShardPartition } from './shard-partition.js';

export interface CompactionsParts {
  readonly notices: ShardNotices;
  /** By slot; null where nobody sits. */
  readonly partitions: readonly (ShardPartition | null)[];
  /** Puts the partition's row on the board. */
  readonly show: (partition: ShardPartition) => void;
  readonly fail: (partition: ShardPartition, error: StorageError) => void;
}

export class Compactions {
  constructor(private readonly parts: CompactionsParts) {}

  /** Seals what has waited too long in an active segment; told once that is on disk. */
  needs(nowMs: number): ShardReply {
    const needs: CompactionNeed[] = [];
    for (const partition of this.parts.partitions) {
      if (partition?.log == null || partition.state !== 'online' || !partition.config.compacted) continue;
      const { log, slot } = partition;
      if (log.compaction.wantsRoll(nowMs)) this.seal(partition, log);
      const need = log.compaction.need(nowMs);
      if (need !== null) needs.push({ slot, ...need });
    }
    return { error: 'NONE', needs };
  }

  private seal(partition: ShardPartition, log: PartitionLog): void {
    const { notices, fail } = this.parts;
    try {
      log.roll();
      notices.sealed(partition.slot, log.sealed.take());
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // On a full disk the log stands as it was.
      if (!error.full) fail(partition, error);
    }
  }

  plan(partition: ShardPartition, log: PartitionLog, nowMs: number): ShardReply {
    const plan = log.compaction.plan(nowMs);
    this.parts.show(partition);
    return plan === null ? { error: 'NONE' } : { error: 'NONE', plan };
  }

  /** Without garbage where nothing was touched. @throws StorageError */
  swap(partition: ShardPartition, log: PartitionLog, segment: CompactedSegment, generation: number): ShardReply {
    const { topic, index } = partition.spec;
    try {
      const garbage = log.compaction.swap(segment, generation);
      return garbage === null ? { error: 'NONE' } : { error: 'NONE', garbage };
    } catch (error) {
      if (!(error instanceof CompactionError)) throw error;
      this.parts.notices.warn({ topic, partition: index }, `a compacted segment was not swapped in: ${error.message}`);
      return { error: 'NONE' };
    }
  }

  end(log: PartitionLog, firstDirtyOffset: Offset): ShardReply {
    log.compaction.end(firstDirtyOffset);
    return { error: 'NONE' };
  }
}
