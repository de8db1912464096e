/** Makes the written batches of many partitions durable in one act instead of one fdatasync after the other. Shard thread. */

import type { Clock } from '../base/clock.js';
import type { FileSystem } from '../log/file-system.js';
import { FlushSet } from '../log/flush-set.js';
import { onDisk, StorageError } from '../log/storage-error.js';
import type { Histogram } from '../metrics/histogram.js';
import type { ShardPartition } from './shard-partition.js';

/**
 * Up to so many files are synced one by one: cheaper than asking the whole file system, which also waits for whatever
 * else is dirty on it. Measured on ext4: sixteen fdatasync in a row 6-9 ms, one syncfs 2.4-3.4 ms, a single fdatasync 0.2 ms.
 */
const ONE_BY_ONE_MAX = 2;

export interface GroupCommitParts {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly dataDirectory: string;
  /** Seconds of each act. */
  readonly flushTimes: Histogram;
}

export class GroupCommit {
  private readonly files: FileSystem;
  private readonly dataDirectory: string;
  private readonly due: ShardPartition[] = [];
  private readonly set = new FlushSet();
  private readonly folderFd: number;
  private canSyncAll = true;
  /** Partitions whose flushed end has moved in this turn; the shard empties it. */
  readonly flushed: ShardPartition[] = [];

  constructor(private readonly parts: GroupCommitParts) {
    this.files = parts.files;
    this.dataDirectory = parts.dataDirectory;
    // Opened before the first write: an error of a write-back is only reported to descriptors that are older than it.
    this.folderFd = parts.files.openDirectory(parts.dataDirectory);
  }

  add(partition: ShardPartition): void {
    this.due.push(partition);
  }

  /** Flushes all that was added. `fail` is called for each partition whose data may not have reached the disk. */
  run(fail: (partition: ShardPartition, message: string) => void): void {
    const { due } = this;
    if (due.length === 0) return;
    const { clock, flushTimes } = this.parts;
    const sinceMs = clock.monotonicMs();
    const outcome = due.length > ONE_BY_ONE_MAX ? this.syncAll() : 'unavailable';
    if (outcome === 'done') for (const partition of due) this.settle(partition);
    else if (outcome === 'unavailable') for (const partition of due) this.flushOne(partition, fail);
    else this.findCulprits(outcome, fail);
    due.length = 0;
    flushTimes.observe((clock.monotonicMs() - sinceMs) / 1000);
  }

  close(): void {
    this.files.close(this.folderFd);
  }

  /** 'done', 'unavailable' on this machine, or the file system's error. */
  private syncAll(): 'done' | 'unavailable' | StorageError {
    if (!this.canSyncAll) return 'unavailable';
    // The logs note up to where this flush reaches.
    this.set.clear();
    try {
      for (const { log } of this.due) log?.collectUnflushed(this.set);
      this.canSyncAll = onDisk('flush', this.dataDirectory, () => this.files.syncFileSystem(this.folderFd));
      return this.canSyncAll ? 'done' : 'unavailable';
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return error;
    }
  }

  /** The error was the file system's, not a file's: each file is asked; if none owns up, all that waited has failed. */
  private findCulprits(error: StorageError, fail: (partition: ShardPartition, message: string) => void): void {
    let found = false;
    for (const partition of this.due) {
      this.flushOne(partition, (culprit, message) => {
        found = true;
        fail(culprit, message);
      });
    }
    if (found) return;
    this.flushed.length = 0;
    for (const partition of this.due) fail(partition, error.message);
  }

  private settle(partition: ShardPartition): void {
    partition.log?.onFlushed();
    this.flushed.push(partition);
  }

  private flushOne(partition: ShardPartition, fail: (partition: ShardPartition, message: string) => void): void {
    const { set, files } = this;
    set.clear();
    try {
      partition.log?.collectUnflushed(set);
      for (const fd of set.files) onDisk('flush', partition.spec.directory, () => files.fdatasync(fd));
      for (const path of set.directories) onDisk('flush', path, () => files.fsyncDirectory(path));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      fail(partition, error.message);
      return;
    }
    this.settle(partition);
  }
}
