/** A partition's folder apart from its segments: made with the first append, named aside, producer snapshots. On shards. */
import { basename, dirname, join } from 'node:path';
import type { Logger } from '../base/logger.js';
import type { Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import { PARTITION_METADATA_FILE, readPartitionTopicId, writePartitionTopicId } from './checkpoint.js';
import type { FileSystem } from './file-system.js';
import type { FlushSet } from './flush-set.js';
import { snapshotPathAt } from './log-folder.js';
import { onDisk, renamedIfRoom, StorageError } from './storage-error.js';

/** Ids are random: two that differ in no more characters than this are one, of which a bit or a byte has rotted. */
const ROTTEN_CHARACTERS_MAX = 2;
/** Longest name of a folder on the file systems in use. */
const NAME_BYTES_MAX = 255;

export class PartitionFolder {
  /** Offsets of the producer snapshots, rising. */
  readonly snapshots: Offset[] = [];
  /** Files were made, renamed or removed in it since the folder itself was last synced. */
  hasNewEntry = false;
  private parentHasNewEntry = false;
  /** The names of segments up to this base offset are on the disk, and the folder's own. */
  private namedTo: Offset = -1;
  private isReady = false;

  constructor(
    private readonly files: FileSystem,
    readonly path: string,
    private readonly topicId: Uuid,
    /** A file that is there as long as the disk is on which the folder belongs; null where nobody says so. */
    private readonly claimMark: string | null = null,
  ) {}

  /**
   * To be called when the folder is read from the disk, with what was found there; `unsynced` where whoever made it may have
   * died before its entries, and its own, were on disk.
   */
  begin(snapshots: readonly Offset[], unsynced: boolean): void {
    this.isReady = false;
    this.hasNewEntry = unsynced;
    this.parentHasNewEntry = unsynced;
    this.namedTo = -1;
    this.snapshots.splice(0, this.snapshots.length, ...snapshots);
  }

  /** The folder and what belongs beside the segments are there. Made durable by the next flush, not by itself. */
  makeReady(): void {
    if (this.isReady) return;
    const { files, path, claimMark } = this;
    // Where a disk went away there may be an empty folder, on another one: what was put there would be lost to the next start.
    if (claimMark !== null && !files.exists(path) && !files.exists(claimMark)) {
      const folder = dirname(path);
      throw new StorageError(`${folder} is not the data folder that it was: is its disk mounted?`, path, null, 'gone');
    }
    if (files.mkdir(path)) this.parentHasNewEntry = true;
    this.claim();
    this.isReady = true;
  }

  /**
   * Says in the folder whose it is, where that is not said: the power may have taken it from a topic that is not flushed, and
   * the next topic of that name must not take the records for its own.
   */
  claim(): void {
    if (this.files.exists(join(this.path, PARTITION_METADATA_FILE))) return;
    writePartitionTopicId(this.files, this.path, this.topicId);
    this.hasNewEntry = true;
  }

  /** Somebody else has synced the folder, and the one that it lies in, since the segment that begins at `baseOffset` was made. */
  segmentsAreNamed(baseOffset: Offset): void {
    this.namedTo = Math.max(this.namedTo, baseOffset);
  }

  /** Whether the segment that begins at `baseOffset` is known to be found after a crash. */
  isNamed(baseOffset: Offset): boolean {
    return baseOffset <= this.namedTo || !(this.hasNewEntry || this.parentHasNewEntry);
  }

  collect(set: FlushSet): void {
    if (this.hasNewEntry) set.addDirectory(this.path);
    if (this.parentHasNewEntry) set.addDirectory(dirname(this.path));
  }

  settle(): void {
    this.hasNewEntry = false;
    this.parentHasNewEntry = false;
  }

  /** Syncs what {@link collect} would name, here and now. */
  flush(): void {
    if (this.hasNewEntry) this.files.fsyncDirectory(this.path);
    if (this.parentHasNewEntry) this.files.fsyncDirectory(dirname(this.path));
    this.settle();
  }

  addSnapshot(offset: Offset): void {
    if (this.snapshots.includes(offset)) return;
    this.snapshots.push(offset);
    this.snapshots.sort((a, b) => a - b);
  }

  /** Forgets a snapshot whose file somebody renamed. */
  dropSnapshot(offset: Offset): void {
    const at = this.snapshots.indexOf(offset);
    if (at >= 0) this.snapshots.splice(at, 1);
  }

  unlinkSnapshot(offset: Offset): void {
    this.dropSnapshot(offset);
    this.files.unlink(snapshotPathAt(this.path, offset));
  }

  /**
   * A folder with another topic's id is what a deleted topic of the same name left behind: it is renamed, never served.
   * Returns whether there was one.
   */
  putStrangerAside(log: Logger): boolean {
    const id = readPartitionTopicId(this.files, this.path);
    if (id === null || id === this.topicId) return false;
    if (isRotten(id, this.topicId)) {
      log.warn({ folder: this.path, id }, 'The id of the topic in its folder has rotted and is put right.');
      writePartitionTopicId(this.files, this.path, this.topicId);
      return false;
    }
    const aside = this.nameBeside(id, 'stray');
    log.warn(
      { folder: this.path, renamedTo: aside },
      `The folder belongs to another topic (id ${id}) and is put aside.`,
    );
    this.files.rename(this.path, aside);
    this.files.fsyncDirectory(dirname(this.path));
    return true;
  }

  /**
   * Renames the folder to what Kafka calls one that waits to be deleted, durably. Returns its new path, if it existed. May be
   * called again where it failed. A full disk may have no room for the longer name: what is to be deleted makes some.
   */
  retire(): string[] {
    const { files, path } = this;
    const garbage = this.nameBeside(this.topicId, 'delete');
    return onDisk('rename', path, () => {
      const id = readPartitionTopicId(files, path);
      const isStranger = id !== null && id !== this.topicId && !isRotten(id, this.topicId);
      if (files.exists(path) && !isStranger && !renamedIfRoom(files, path, garbage)) {
        // Last of all what says whose folder it is.
        for (const name of files.readdir(path)) if (name !== PARTITION_METADATA_FILE) files.unlink(join(path, name));
        files.rename(path, garbage);
      }
      if (!files.exists(garbage)) return [];
      files.fsyncDirectory(dirname(path));
      return [garbage];
    });
  }

  /** `<topic>-<partition>.<id>-<why>`, the first part cut where the name would get too long. */
  private nameBeside(id: Uuid, why: 'delete' | 'stray'): string {
    const ending = `.${id}-${why}`;
    return join(dirname(this.path), basename(this.path).slice(0, NAME_BYTES_MAX - ending.length) + ending);
  }
}

function isRotten(id: Uuid, topicId: Uuid): boolean {
  let different = 0;
  for (let i = 0; i < topicId.length; i++) if (id[i] !== topicId[i]) different++;
  return different <= ROTTEN_CHARACTERS_MAX;
}
