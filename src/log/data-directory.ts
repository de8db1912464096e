/**
 * A data folder as a whole: who owns it, whose it is, and how the last run left it. Main thread, at start and stop only.
 *
 * ```
 *  meta.properties        Kafka's: cluster id, node id          millrace.properties   ours: on-disk version, with a checksum
 *  .lock                  held with fcntl, keeps Kafka out      millrace.pid          who holds it, for people and for ourselves
 *  .kafka_cleanshutdown   there after a clean stop only         *-offset-checkpoint   where each log stood
 *  <topic>-<partition>/   the logs
 * ```
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockFile } from '../base/libc.js';
import type { ScrubProgress } from '../base/segment-check.js';
import type { Offset } from '../base/units.js';
import { randomUuid, type Uuid } from '../base/uuid.js';
import { crc32c } from '../record/crc32c.js';
import {
  META_PROPERTIES_FILE,
  type MetaProperties,
  readMetaProperties,
  readTextFile,
  takeCleanShutdownMarker,
  writeCleanShutdownMarker,
  writeMetaProperties,
} from './checkpoint.js';
import { type DirectoryProgress, readProgress, writeProgress } from './directory-progress.js';
import type { FileSystem } from './file-system.js';
import { readScrubCheckpoint, SCRUB_CHECKPOINT_FILE } from './scrub-checkpoint.js';
import { codeOf } from './storage-error.js';

const OUR_PROPERTIES_FILE = 'millrace.properties';
/** There as long as the disk that was claimed is mounted. */
export const CLAIM_MARK_FILE = OUR_PROPERTIES_FILE;
const LOCK_FILE = '.lock';
const OWNER_FILE = 'millrace.pid';
/** Raised when an older broker could no longer read what a newer one writes. */
const ON_DISK_VERSION = 1;
const PARTITION_FOLDER = /^.+-\d+$/;
const DELETED_FOLDER = /^.+\.[\w-]{22}-delete$/;

/** The folder cannot be used; the message is one sentence for the operator. */
export class DataDirectoryError extends Error {
  override name = 'DataDirectoryError';

  constructor(
    message: string,
    /** True where the disk is to blame, which may come back; false where the folder is somebody else's, or says what it may not. */
    readonly curable: boolean,
  ) {
    super(message);
  }
}

/** What an earlier owner wrote about a folder. */
export interface InspectedDirectory {
  readonly path: string;
  /** null where the folder is fresh. */
  readonly meta: MetaProperties | null;
  /** The id of the folder that holds the catalogue of what lies here; null where it is this one. */
  readonly catalogueIn: Uuid | null;
}

export interface DirectoryIdentity {
  readonly nodeId: number;
  /** null: a fresh folder begins a cluster of its own. */
  readonly clusterId: string | null;
  /** The id of the folder that holds the catalogue, null for that one itself. */
  readonly catalogueIn: Uuid | null;
}

export interface ClaimedDirectory {
  readonly path: string;
  readonly clusterId: string;
  readonly directoryId: Uuid;
  /** What was in it. */
  readonly names: ReadonlySet<string>;
  /** True where the last owner closed every log. */
  readonly clean: boolean;
  /** By `topic partition`. */
  readonly recoveryPoints: ReadonlyMap<string, Offset>;
  readonly logStartOffsets: ReadonlyMap<string, Offset>;
  readonly firstDirtyOffsets: ReadonlyMap<string, Offset>;
  readonly damagedRanges: ReadonlyMap<string, number>;
  readonly scrubs: ReadonlyMap<string, ScrubProgress>;
  /** Folders of deleted partitions that the last owner did not come to delete. */
  readonly garbage: readonly string[];
  /** Gives the folder back; `clean` says that every log was closed and nothing is left to scan; null leaves what is known of the logs as it was. */
  release(clean: boolean, progress: Iterable<DirectoryProgress> | null): void;
}

/** Where a log stood when its folder was last written about; zeros where nothing is known. */
export interface KnownLog {
  /** Below it everything was on disk. */
  readonly recoveryPoint: Offset;
  readonly logStartOffset: Offset;
  readonly firstDirtyOffset: Offset;
  /** How many ranges of it were known to be damaged. */
  readonly damagedRanges: number;
}

/**
 * Takes the folder for this process, making it where it does not exist. Touches nothing before it is known to be ours.
 * @throws DataDirectoryError
 */
export function claimDataDirectory(files: FileSystem, folder: string, identity: DirectoryIdentity): ClaimedDirectory {
  const inspected = inspectDataDirectory(files, folder);
  const { path, meta: existing } = inspected;
  checkIdentity(inspected, identity);
  try {
    files.mkdir(path);
  } catch (error) {
    throw new DataDirectoryError(`The data folder ${path} cannot be made: ${(error as Error).message}.`, true);
  }
  const lockFd = lock(files, path);
  try {
    const meta = existing ?? {
      clusterId: identity.clusterId ?? randomUuid(),
      nodeId: identity.nodeId,
      directoryId: randomUuid(),
    };
    if (existing === null) {
      const ours = ourProperties(ON_DISK_VERSION, identity.catalogueIn);
      files.writeFileAtomically(join(path, OUR_PROPERTIES_FILE), Buffer.from(ours));
      writeMetaProperties(files, path, meta);
    }
    const { recoveryPoints, logStartOffsets, firstDirtyOffsets, damagedRanges } = readProgress(files, path);
    const scrubs = readScrubCheckpoint(files, path) ?? new Map<string, ScrubProgress>();
    const marked = takeCleanShutdownMarker(files, path);
    const found = files.readdir(path);
    return {
      path,
      clusterId: meta.clusterId,
      directoryId: meta.directoryId,
      names: new Set(found),
      // A fresh folder has nothing to scan; one that only lost its name has.
      clean:
        (existing === null && !found.some((name) => PARTITION_FOLDER.test(name))) ||
        (marked && recoveryPoints !== null),
      recoveryPoints: recoveryPoints ?? new Map<string, Offset>(),
      logStartOffsets,
      firstDirtyOffsets,
      damagedRanges,
      scrubs,
      garbage: found.filter((name) => DELETED_FOLDER.test(name)).map((name) => join(path, name)),
      release: (clean, progress) => {
        try {
          if (progress !== null) writeProgress(files, path, progress);
          if (clean) writeCleanShutdownMarker(files, path);
        } finally {
          files.unlink(join(path, OWNER_FILE));
          files.close(lockFd);
        }
      },
    };
  } catch (error) {
    files.close(lockFd);
    if (error instanceof DataDirectoryError) throw error;
    throw new DataDirectoryError(`The data folder ${path} cannot be used: ${(error as Error).message}.`, true);
  }
}

/** A folder that no broker can take while somebody looks into it, or mends it. */
export interface HeldDirectory {
  readonly path: string;
  /** The folders of partitions, `<topic>-<partition>`: those that are there, and those that a checkpoint names. */
  readonly partitions: readonly string[];
  /** What the last owner noted about one of them. */
  known(name: string): KnownLog;
  /** Checkpoints that do not say what they should. */
  readonly broken: readonly string[];
  release(): void;
}

/**
 * Keeps brokers out of a folder. `mayWrite` false: on a disk that takes no writes nobody can be kept out, which is fine for
 * whoever only reads, as no broker could work there. @throws DataDirectoryError
 */
export function holdDataDirectory(files: FileSystem, folder: string, mayWrite: boolean): HeldDirectory {
  const { path, meta } = inspectDataDirectory(files, folder);
  if (meta === null) throw new DataDirectoryError(`${path} is not the data folder of a Millrace broker.`, false);
  let lockFd = -1;
  try {
    lockFd = lock(files, path);
  } catch (error) {
    if (mayWrite || !(error instanceof DataDirectoryError) || !error.curable) throw error;
  }
  const release = (): void => {
    if (lockFd < 0) return;
    files.unlink(join(path, OWNER_FILE));
    files.close(lockFd);
  };
  try {
    const progress = readProgress(files, path);
    const { logStartOffsets, firstDirtyOffsets, damagedRanges } = progress;
    const broken = [...progress.broken];
    if (readScrubCheckpoint(files, path) === null) broken.push(join(path, SCRUB_CHECKPOINT_FILE));
    const recoveryPoints = progress.recoveryPoints ?? new Map<string, Offset>();
    const named = [...recoveryPoints, ...logStartOffsets].filter(([, offset]) => offset > 0);
    const names = [
      ...files.readdir(path).filter((name) => PARTITION_FOLDER.test(name)),
      ...named.map(([key]) => key.replace(' ', '-')),
    ];
    return {
      path,
      partitions: [...new Set(names)].sort(),
      known(name) {
        const key = name.replace(/-(\d+)$/, ' $1');
        return {
          recoveryPoint: recoveryPoints.get(key) ?? 0,
          logStartOffset: logStartOffsets.get(key) ?? 0,
          firstDirtyOffset: firstDirtyOffsets.get(key) ?? 0,
          damagedRanges: damagedRanges.get(key) ?? 0,
        };
      },
      broken,
      release,
    };
  } catch (error) {
    release();
    throw new DataDirectoryError(`The data folder ${path} cannot be read: ${(error as Error).message}.`, true);
  }
}

/** Reads what an earlier owner wrote about the folder, and changes nothing. @throws DataDirectoryError */
export function inspectDataDirectory(files: FileSystem, folder: string): InspectedDirectory {
  const path = resolve(folder);
  try {
    // In this order: somebody may be making the folder just now, who writes ours first.
    const meta = readMetaProperties(files, path);
    const ours = readTextFile(files, join(path, OUR_PROPERTIES_FILE));
    const catalogueIn = ours === null ? null : readOurProperties(ours, path);
    if (meta !== null && ours === null) {
      throw new DataDirectoryError(
        `The data folder ${path} belongs to Apache Kafka (it has ${META_PROPERTIES_FILE} and no ${OUR_PROPERTIES_FILE}); choose another with log.dirs.`,
        false,
      );
    }
    return { path, meta, catalogueIn };
  } catch (error) {
    if (error instanceof DataDirectoryError) throw error;
    if (codeOf(error) === 'ENOTDIR')
      throw new DataDirectoryError(`The data folder ${path} is not a folder; choose another with log.dirs.`, true);
    const reason = (error as Error).message.replace(/\.$/, '');
    throw new DataDirectoryError(`The data folder ${path} cannot be read: ${reason}.`, true);
  }
}

/** Folders of different brokers must not be mixed: each has partitions that the other's catalogue knows nothing of. */
function checkIdentity({ path, meta, catalogueIn }: InspectedDirectory, identity: DirectoryIdentity): void {
  if (meta === null) return;
  if (catalogueIn !== identity.catalogueIn) {
    const whose = catalogueIn === null ? 'has a catalogue of its own' : `belongs to the one with id ${catalogueIn}`;
    throw new DataDirectoryError(
      `The data folder ${path} ${whose}, so it cannot be served together with the others; name the folders of one broker in log.dirs.`,
      false,
    );
  }
  if (catalogueIn !== null && meta.clusterId !== identity.clusterId) {
    throw new DataDirectoryError(
      `The data folder ${path} is of cluster ${meta.clusterId}, the catalogue of cluster ${identity.clusterId}; name the folders of one broker in log.dirs.`,
      false,
    );
  }
}

function ourProperties(version: number, catalogueIn: Uuid | null): string {
  const lines = `version=${version}\n${catalogueIn === null ? '' : `catalogue=${catalogueIn}\n`}`;
  return `${lines}crc32c=${crc32c(Buffer.from(lines)).toString(16)}\n`;
}

/** Returns where the catalogue is, null for here. */
function readOurProperties(text: string, path: string): Uuid | null {
  const version = Number(/^version=(\d+)$/m.exec(text)?.[1]);
  const catalogueIn = /^catalogue=(\S+)$/m.exec(text)?.[1] ?? null;
  if (text !== ourProperties(version, catalogueIn)) {
    throw new DataDirectoryError(
      `${join(path, OUR_PROPERTIES_FILE)} is damaged; put it right from a backup or remove the file together with ${META_PROPERTIES_FILE}.`,
      false,
    );
  }
  if (version > ON_DISK_VERSION) {
    throw new DataDirectoryError(
      `The data folder ${path} was written by a newer Millrace (on-disk version ${version}, this one knows up to ${ON_DISK_VERSION}); start that one, or choose another folder.`,
      false,
    );
  }
  return catalogueIn;
}

/** fcntl keeps other processes and Apache Kafka out; the owner file tells who it is, and guards where fcntl cannot be had. */
function lock(files: FileSystem, path: string): number {
  const ownerPath = join(path, OWNER_FILE);
  let fd = -1;
  try {
    const owner = readTextFile(files, ownerPath)?.trim() ?? '';
    if (owner !== '' && isAlive(owner)) throw inUse(path, ` by process ${owner.split(' ')[0]}`);
    fd = files.open(join(path, LOCK_FILE), 'create');
    if (lockFile(fd) === 'busy') throw inUse(path, '');
    files.writeFileAtomically(ownerPath, Buffer.from(`${process.pid} ${startOf(process.pid)}\n`), false);
    return fd;
  } catch (error) {
    if (fd >= 0) files.close(fd);
    if (error instanceof DataDirectoryError) throw error;
    throw new DataDirectoryError(`The data folder ${path} cannot be written: ${(error as Error).message}.`, true);
  }
}

function inUse(path: string, by: string): DataDirectoryError {
  return new DataDirectoryError(
    `The data folder ${path} is in use${by}; stop that broker, or choose another folder with log.dirs.`,
    false,
  );
}

function isAlive(owner: string): boolean {
  const [pid, start] = owner.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (codeOf(error) !== 'EPERM') return false;
  }
  // The number may have been given to another process since.
  return start === startOf(Number(pid));
}

/** When the process started, in the kernel's ticks; '-' where the system does not tell, 'ended' for one that only waits to be reaped. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return state === 'Z' || state === 'X' ? 'ended' : (fields[18] ?? '-');
  } catch {
    // No /proc: then the process number alone has to do.
    return '-';
  }
}
