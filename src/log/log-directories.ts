/**
 * The folders of log.dirs, one per disk: which of them are there, and in which of them a partition lives. Main thread.
 *
 * One folder holds the catalogue, and with it the internal topics; it must be there for the broker to start. The others
 * belong to it by its id. The catalogue says in which folder, by the folder's id, each partition lives: neither the order
 * of log.dirs nor a folder that is missing, empty or new can make a partition begin afresh somewhere else.
 */
import { join, resolve } from 'node:path';
import type { Logger } from '../base/logger.js';
import type { ScrubProgress } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import { partitionKey, readPartitionTopicId } from './checkpoint.js';
import {
  type ClaimedDirectory,
  claimDataDirectory,
  DataDirectoryError,
  inspectDataDirectory,
} from './data-directory.js';
import type { DirectoryProgress } from './directory-progress.js';
import type { FileSystem } from './file-system.js';

/** One folder of log.dirs. */
export class LogDirectory {
  claimed: ClaimedDirectory | null = null;
  /** Why it cannot be used as it should, null where it can: it is not there, or its disk refuses writes. */
  trouble: string | null = null;
  /** How many partitions live here. */
  partitionCount = 0;
  /** Since the process began. */
  appendedBytes = 0;
  /** The disk is full: what clients send would take the room that the broker itself needs. */
  refuses = false;
  /** Of topics without a segment size of their own. */
  segmentBytesCap = Number.POSITIVE_INFINITY;

  constructor(
    readonly path: string,
    /** Its place in log.dirs. */
    readonly index: number,
  ) {}

  get id(): Uuid | null {
    return this.claimed?.directoryId ?? null;
  }

  /** Whether there was such a folder in it when it was claimed. */
  held(name: string): boolean {
    return this.claimed?.names.has(name) ?? false;
  }

  /** How far the last run came with checking a partition; null where nobody has noted it. */
  scrubOf(topic: string, index: number): ScrubProgress | null {
    return this.claimed?.scrubs.get(partitionKey(topic, index)) ?? null;
  }

  /** How the last run left a partition. */
  leftBy(topic: string, index: number): EarlierLog {
    const { claimed } = this;
    const key = partitionKey(topic, index);
    return {
      clean: claimed?.clean ?? false,
      recoveryPoint: claimed?.recoveryPoints.get(key) ?? 0,
      logStartOffset: claimed?.logStartOffsets.get(key) ?? 0,
      firstDirtyOffset: claimed?.firstDirtyOffsets.get(key) ?? 0,
      damagedRanges: claimed?.damagedRanges.get(key) ?? 0,
    };
  }
}

/** What an earlier run left behind about where a log stood. */
export interface EarlierLog {
  readonly clean: boolean;
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  readonly firstDirtyOffset: Offset;
  readonly damagedRanges: number;
}

/** A partition and where the catalogue says that it lives: a folder's id, null for the one with the catalogue. */
export interface Housed {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly index: number;
  readonly directoryId: Uuid | null;
}

export interface LogDirectoriesParts {
  readonly files: FileSystem;
  readonly logger: Logger;
  readonly nodeId: number;
  readonly clusterId: string | null;
  /** The folder of the catalogue's partition. */
  readonly catalogueFolder: string;
}

export class LogDirectories {
  readonly all: readonly LogDirectory[];
  /** The one with the catalogue. */
  readonly first: LogDirectory;
  /** Folders that partitions are known to live in, by id: where they were last. */
  private known: ReadonlyMap<Uuid, string> = new Map();
  private released = false;

  /** @throws DataDirectoryError where it cannot be told which folder has the catalogue */
  constructor(
    private readonly parts: LogDirectoriesParts,
    paths: readonly string[],
  ) {
    this.all = paths.map((path, index) => new LogDirectory(resolve(path), index));
    this.first = this.all.length === 1 ? this.all[0] : this.findCatalogue();
  }

  /** False where some log of a folder that is there has to be scanned. */
  get clean(): boolean {
    return this.all.every(({ claimed }) => claimed === null || claimed.clean);
  }

  /** Nobody is asked about a broker's folder by looking at an empty one: it may be where a disk is not mounted. */
  private findCatalogue(): LogDirectory {
    const { files, catalogueFolder } = this.parts;
    const found = this.all.filter(({ path }) => isThere(files, join(path, catalogueFolder)));
    if (found.length > 1) {
      const paths = found.map(({ path }) => path).join(' and ');
      throw new DataDirectoryError(
        `${paths} have a catalogue each; name the folders of one broker in log.dirs.`,
        false,
      );
    }
    if (found.length === 1) return found[0];
    for (const { path } of this.all) {
      let catalogueIn: Uuid | null;
      try {
        ({ catalogueIn } = inspectDataDirectory(files, path));
      } catch (error) {
        // Nothing is begun afresh as long as it cannot be told that there is nothing.
        if (path !== this.all[0].path && error instanceof DataDirectoryError && error.curable) continue;
        throw error;
      }
      if (catalogueIn === null) continue;
      throw new DataDirectoryError(
        `The data folder ${path} belongs to a catalogue that is in none of the folders of log.dirs (its folder has the id ${catalogueIn}): is its disk mounted?`,
        false,
      );
    }
    return this.all[0];
  }

  /** Takes the folder with the catalogue. @throws DataDirectoryError */
  claimFirst(): ClaimedDirectory {
    const { files, nodeId, clusterId } = this.parts;
    const claimed = claimDataDirectory(files, this.first.path, { nodeId, clusterId, catalogueIn: null });
    this.first.claimed = claimed;
    return claimed;
  }

  /**
   * Takes the others. One whose disk cannot be used is left out, with what lives in it; one that is somebody else's ends
   * the start. `known` are the folders that partitions live in, by id. @throws DataDirectoryError
   */
  claimOthers(known: ReadonlyMap<Uuid, string>): void {
    this.known = known;
    for (const directory of this.all) {
      if (directory === this.first) continue;
      try {
        this.claim(directory);
      } catch (error) {
        if (!(error instanceof DataDirectoryError && error.curable)) throw error;
        this.missing(directory, error.message);
      }
    }
  }

  private claim(directory: LogDirectory): void {
    const { files, nodeId } = this.parts;
    const { path } = directory;
    if (inspectDataDirectory(files, path).meta === null) {
      const lost = [...this.known].find(([id, at]) => at === path && !this.all.some((other) => other.id === id));
      if (lost !== undefined) {
        throw new DataDirectoryError(
          `The data folder ${path} is empty, and partitions live in the one that was there (id ${lost[0]}): is its disk mounted? If it is lost, delete their topics or name another folder.`,
          true,
        );
      }
    }
    const { clusterId = null, directoryId: catalogueIn = null } = this.first.claimed ?? {};
    directory.claimed = claimDataDirectory(files, path, { nodeId, clusterId, catalogueIn });
    directory.trouble = null;
  }

  private missing(directory: LogDirectory, trouble: string): void {
    if (directory.trouble === trouble) return;
    directory.trouble = trouble;
    this.parts.logger.error(
      { folder: directory.path },
      `a data folder is off line with all that lives in it: ${trouble}`,
    );
  }

  /** Tries again to take a folder that is missing; true where it is there now. */
  claimMissing(directory: LogDirectory): boolean {
    if (this.released || directory.claimed !== null) return false;
    try {
      this.claim(directory);
    } catch (error) {
      if (!(error instanceof DataDirectoryError)) throw error;
      this.missing(directory, error.message);
      return false;
    }
    this.parts.logger.info({ folder: directory.path }, 'a data folder is back');
    return true;
  }

  /** Those that are still looked for. */
  get missingOnes(): readonly LogDirectory[] {
    return this.released ? [] : this.all.filter(({ claimed }) => claimed === null);
  }

  /** Where each folder that is there was found, by id. */
  paths(): Map<Uuid, string> {
    const found = new Map<Uuid, string>();
    for (const { id, path } of this.all) if (id !== null) found.set(id, path);
    return found;
  }

  /** The folders for so many new partitions: each time the one with the fewest, as Kafka does it; null is the one with the catalogue. */
  deal(count: number): (Uuid | null)[] {
    const usable = this.all.filter(({ claimed, trouble }) => claimed !== null && trouble === null);
    const [first = { directory: this.first, partitions: 0 }, ...others] = usable.map((directory) => ({
      directory,
      partitions: directory.partitionCount,
    }));
    return Array.from({ length: count }, () => {
      let fewest = first;
      for (const other of others) if (other.partitions < fewest.partitions) fewest = other;
      fewest.partitions++;
      return fewest.directory === this.first ? null : fewest.directory.id;
    });
  }

  /**
   * The folder in which a partition is, or will be with its first record; a sentence where nobody can tell. What an operator
   * moved from one folder into another is found there, as Kafka would find it, but only while nothing is missing.
   */
  homeOf(housed: Housed): LogDirectory | string {
    const { topic, topicId, index, directoryId } = housed;
    const home = directoryId === null ? this.first : this.all.find(({ id }) => id === directoryId);
    if (this.all.length === 1 && home !== undefined) return home;
    const name = `${topic}-${index}`;
    const others = this.all.filter((other) => other !== home && other.held(name) && this.idIn(other, name) === topicId);
    const paths = others.map(({ path }) => path).join(' and ');
    if (others.length === 0 || (home?.held(name) && (this.idIn(home, name) ?? topicId) === topicId)) {
      if (home !== undefined && others.length > 0) {
        this.parts.logger.warn(
          { topic, partition: index, served: home.path, leftAlone: paths },
          'a partition is in several data folders',
        );
      }
      const last = directoryId === null ? undefined : this.known.get(directoryId);
      return (
        home ??
        `the data folder that the partition lives in is missing (id ${directoryId}, last at ${last ?? 'an unknown place'})`
      );
    }
    if (others.length > 1) return `the partition is in ${paths}; leave it in one of them and start again`;
    if (home === undefined && this.all.some(({ claimed }) => claimed === null)) {
      return `the data folder that the partition lives in is missing (id ${directoryId}), and what ${paths} has of it may be older`;
    }
    this.parts.logger.warn({ topic, partition: index, folder: paths }, 'a partition was moved to another data folder');
    return others[0];
  }

  /** The place in log.dirs that a folder has or had; for one that nobody knows, where something is missing. */
  indexOf(directoryId: Uuid | null): number {
    if (directoryId === null) return this.first.index;
    const path = this.known.get(directoryId);
    const at = this.all.find(({ id, path: here }) => id === directoryId || here === path);
    return (at ?? this.all.find(({ claimed }) => claimed === null) ?? this.first).index;
  }

  /** The id of the topic whose partition's folder that is; null where nothing says so. */
  private idIn({ path }: LogDirectory, name: string): Uuid | null {
    try {
      return readPartitionTopicId(this.parts.files, join(path, name));
    } catch {
      // It cannot be read: the log that is opened there will say why.
      return null;
    }
  }

  /** Gives all folders back; `clean` as for {@link ClaimedDirectory.release}. Throws where the one with the catalogue refuses. */
  release(clean: boolean, progressOf: ((directory: LogDirectory) => Iterable<DirectoryProgress>) | null): void {
    this.released = true;
    for (const directory of this.all) {
      if (directory === this.first) continue;
      try {
        directory.claimed?.release(clean, progressOf?.(directory) ?? null);
      } catch (error) {
        this.parts.logger.error({ err: error, folder: directory.path }, 'a data folder could not be given back');
      }
    }
    this.first.claimed?.release(clean, progressOf?.(this.first) ?? null);
  }
}

/** False also where nobody can say. */
function isThere(files: FileSystem, path: string): boolean {
  try {
    return files.exists(path);
  } catch {
    return false;
  }
}
