/** Makes the written batches of many partitions durable in one act instead of one fdatasync after the other. Shard thread. */

import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import type { FileSystem } from '../log/file-system.js';
import { FlushSet } from '../log/flush-set.js';
import { flushing, onDisk, StorageError } from '../log/storage-error.js';
import type { Histogram } from '../metrics/histogram.js';
import type { Pulse } from '../ring/pulse.js';
import type { ShardPartition } from './shard-partition.js';

/**
 * Up to so many files are synced one by one: cheaper than asking the whole file system, which also waits for whatever
 * else is dirty on it. Measured on ext4: sixteen fdatasync in a row 6-9 ms, one syncfs 2.4-3.4 ms, a single fdatasync 0.2 ms.
 *
 * A thread of its own that flushes one turn while the shard writes the next brings 5-16 % on two cores (512 KiB turns, eight
 * files: 524 against 552 MB/s and 434 against 505): a flush takes the longer the more is written meanwhile. Not worth a
 * thread for each shard.
 */
const ONE_BY_ONE_MAX = 2;

export interface GroupCommitParts {
  readonly files: FileSystem;
  readonly pulse: Pulse;
  readonly clock: Clock;
  /** By slot; null where nobody sits. */
  readonly partitions: readonly (ShardPartition | null)[];
  /** Seconds of each act. */
  readonly flushTimes: Histogram;
}

type Fail = (partition: ShardPartition, error: StorageError) => void;

/** A folder of log.dirs: what lies in it shares a file system. */
interface Folder {
  readonly path: string;
  /** Opened before the first write: an error of a write-back is only reported to descriptors that are older than it. */
  fd: number;
  readonly due: ShardPartition[];
}

export class GroupCommit {
  private readonly folders = new Map<string, Folder>();
  private readonly set = new FlushSet();
  private canSyncAll = true;
  private dueCount = 0;
  /** Partitions whose flushed end has moved in this turn; the shard empties it. */
  readonly flushed: ShardPartition[] = [];

  constructor(private readonly parts: GroupCommitParts) {}

  /** To be called before a log in the folder of log.dirs is opened. @throws StorageError */
  openFolder(path: string): void {
    if (this.folders.has(path)) return;
    const fd = onDisk('open', path, () => this.parts.files.openDirectory(path));
    this.folders.set(path, { path, fd, due: [] });
  }

  /**
   * As {@link openFolder}, after something in the folder failed: another disk may have been mounted there since, of which the
   * old descriptor knows nothing. @throws StorageError
   */
  renewFolder(path: string, fail: Fail): void {
    const { files, partitions } = this.parts;
    const folder = this.folders.get(path);
    if (folder === undefined) {
      this.openFolder(path);
      return;
    }
    const fd = onDisk('open', path, () => files.openDirectory(path));
    try {
      // Errors from before are told to the old descriptor alone.
      if (this.canSyncAll) flushing(path, () => files.syncFileSystem(folder.fd));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (const partition of partitions) {
        if (partition?.dataDirectory !== path || partition.state !== 'online') continue;
        if ((partition.log?.unflushedRecords ?? 0) > 0) fail(partition, error);
      }
    }
    files.close(folder.fd);
    folder.fd = fd;
  }

  add(partition: ShardPartition): void {
    const folder = this.folders.get(partition.dataDirectory);
    assert(folder !== undefined, 'the folder was opened before the log');
    folder.due.push(partition);
    this.dueCount++;
  }

  /** Flushes all that was added. `fail` is called for each partition whose data may not have reached the disk. */
  run(fail: Fail): void {
    if (this.dueCount === 0) return;
    this.dueCount = 0;
    const { clock, flushTimes, pulse } = this.parts;
    for (const folder of this.folders.values()) {
      const { due } = folder;
      if (due.length === 0) continue;
      const sinceMs = clock.monotonicMs();
      pulse.concerns(due[0].slot);
      const outcome = due.length > ONE_BY_ONE_MAX ? this.syncAll(folder) : 'unavailable';
      if (outcome === 'done') for (const partition of due) this.settle(partition);
      else if (outcome === 'unavailable') for (const partition of due) this.flushOne(partition, fail);
      else this.findCulprits(due, outcome, fail);
      due.length = 0;
      flushTimes.observe((clock.monotonicMs() - sinceMs) / 1000);
    }
  }

  close(): void {
    for (const { fd } of this.folders.values()) this.parts.files.close(fd);
  }

  /** 'done', 'unavailable' on this machine, or the file system's error. */
  private syncAll({ path, fd, due }: Folder): 'done' | 'unavailable' | StorageError {
    if (!this.canSyncAll) return 'unavailable';
    // The logs note up to where this flush reaches.
    this.set.clear();
    try {
      for (const { log } of due) log?.collectUnflushed(this.set);
      this.canSyncAll = flushing(path, () => this.parts.files.syncFileSystem(fd));
      return this.canSyncAll ? 'done' : 'unavailable';
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return error;
    }
  }

  /** The error was the file system's, not a file's: each file is asked; if none owns up, all that waited has failed. */
  private findCulprits(due: readonly ShardPartition[], error: StorageError, fail: Fail): void {
    const flushedBefore = this.flushed.length;
    let found = false;
    for (const partition of due) {
      this.flushOne(partition, (culprit, ownError) => {
        found = true;
        fail(culprit, ownError);
      });
    }
    if (found) return;
    this.flushed.length = flushedBefore;
    for (const partition of due) fail(partition, error);
  }

  private settle(partition: ShardPartition): void {
    partition.log?.onFlushed();
    this.flushed.push(partition);
  }

  private flushOne(partition: ShardPartition, fail: Fail): void {
    const { set } = this;
    const { files, pulse } = this.parts;
    pulse.concerns(partition.slot);
    set.clear();
    try {
      partition.log?.collectUnflushed(set);
      for (const fd of set.files) flushing(partition.spec.directory, () => files.fdatasync(fd));
      for (const path of set.directories) flushing(path, () => files.fsyncDirectory(path));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      fail(partition, error);
      return;
    }
    this.settle(partition);
  }
}
