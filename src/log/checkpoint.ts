/**
 * The small text files of a data folder and of a partition, in Kafka's formats. Read and written by whoever owns the folder.
 *
 * ```
 *  recovery-point-, log-start-, cleaner-offset-checkpoint:          0 \n count \n (topic partition offset \n)*
 *  leader-epoch-checkpoint:                                         0 \n count \n (epoch start-offset \n)*
 *  partition.metadata:                                              version: 0 \n topic_id: base64url
 * ```
 *
 * None of them has a checksum: what cannot be read counts as absent, and everything in them can be had from the log.
 */
import { join } from 'node:path';
import type { Offset } from '../base/units.js';
import type { Uuid } from '../base/uuid.js';
import type { FileSystem } from './file-system.js';
import { codeOf } from './storage-error.js';

export const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint';
export const LOG_START_FILE = 'log-start-offset-checkpoint';
/** Where the part of each compacted log begins that no compaction has seen. */
export const FIRST_DIRTY_FILE = 'cleaner-offset-checkpoint';
export const CLEAN_SHUTDOWN_FILE = '.kafka_cleanshutdown';
export const META_PROPERTIES_FILE = 'meta.properties';
export const PARTITION_METADATA_FILE = 'partition.metadata';

export interface PartitionOffset {
  readonly topic: string;
  readonly index: number;
  readonly offset: Offset;
}

/** The file's text, or null where it does not exist. Other errors are thrown: they are the disk's. */
export function readTextFile(files: FileSystem, path: string): string | null {
  try {
    return files.readFile(path).toString('utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The lines behind version and count, or null where the text is no checkpoint. */
export function parseCheckpointLines(text: string): string[] | null {
  const lines = text.split('\n');
  if (lines[0]?.trim() !== '0' || !/^\d+$/.test(lines[1]?.trim() ?? '')) return null;
  const entries = lines.slice(2).filter((line) => line.trim() !== '');
  return entries.length === Number(lines[1]) ? entries.map((line) => line.trim()) : null;
}

/** Key of a partition in {@link readOffsetCheckpoint}'s answer. */
export function partitionKey(topic: string, index: number): string {
  return `${topic} ${index}`;
}

/** Offsets by {@link partitionKey}; empty where the file is missing, null where it is there and cannot be read as one. */
export function readOffsetCheckpoint(files: FileSystem, directory: string, name: string): Map<string, Offset> | null {
  const text = readTextFile(files, join(directory, name));
  if (text === null) return new Map();
  const lines = parseCheckpointLines(text);
  if (lines === null) return null;
  const offsets = new Map<string, Offset>();
  for (const line of lines) {
    const match = /^(\S+) (\d+) (\d+)$/.exec(line);
    if (match === null || !Number.isSafeInteger(Number(match[3]))) return null;
    offsets.set(partitionKey(match[1], Number(match[2])), Number(match[3]));
  }
  return offsets;
}

export function writeOffsetCheckpoint(
  files: FileSystem,
  directory: string,
  name: string,
  entries: readonly PartitionOffset[],
): void {
  const lines = entries.map((entry) => `${partitionKey(entry.topic, entry.index)} ${entry.offset}\n`);
  files.writeFileAtomically(join(directory, name), Buffer.from(`0\n${lines.length}\n${lines.join('')}`));
}

/**
 * Whether the last owner of the folder closed everything. The marker is good for one start: it is gone, durably, when
 * this returns, so that a crash from here on is seen as one.
 */
export function takeCleanShutdownMarker(files: FileSystem, directory: string): boolean {
  const path = join(directory, CLEAN_SHUTDOWN_FILE);
  if (!files.exists(path)) return false;
  files.unlink(path);
  files.fsyncDirectory(directory);
  return true;
}

/** To be written last, when every log of the folder was closed cleanly. */
export function writeCleanShutdownMarker(files: FileSystem, directory: string): void {
  files.writeFileAtomically(
    join(directory, CLEAN_SHUTDOWN_FILE),
    Buffer.from(JSON.stringify({ version: 0, brokerEpoch: -1 })),
  );
}

/** What Kafka keeps in `meta.properties` (version 1). */
export interface MetaProperties {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: Uuid;
}

/** null where the file is missing. @throws Error with a sentence where it is there and lacks what it must say. */
export function readMetaProperties(files: FileSystem, directory: string): MetaProperties | null {
  const path = join(directory, META_PROPERTIES_FILE);
  const text = readTextFile(files, path);
  if (text === null) return null;
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\s*([^#!\s=:][^=:\s]*)\s*[=:]\s*(.*?)\s*$/.exec(line);
    if (match !== null) values.set(match[1], match[2]);
  }
  const clusterId = values.get('cluster.id');
  const nodeId = Number(values.get('node.id'));
  if (clusterId === undefined || !Number.isInteger(nodeId)) {
    throw new Error(`${path} must name cluster.id and node.id, it does not.`);
  }
  return { clusterId, nodeId, directoryId: values.get('directory.id') ?? '' };
}

export function writeMetaProperties(files: FileSystem, directory: string, meta: MetaProperties): void {
  const lines = [
    `cluster.id=${meta.clusterId}`,
    `directory.id=${meta.directoryId}`,
    `node.id=${meta.nodeId}`,
    'version=1',
  ];
  files.writeFileAtomically(join(directory, META_PROPERTIES_FILE), Buffer.from(`${lines.join('\n')}\n`));
}

/** The topic id that a partition's folder belongs to; null where the file is missing or cannot be read. */
export function readPartitionTopicId(files: FileSystem, directory: string): Uuid | null {
  const text = readTextFile(files, join(directory, PARTITION_METADATA_FILE));
  return text === null ? null : (/^topic_id: ([A-Za-z0-9_-]{22})\s*$/m.exec(text)?.[1] ?? null);
}

/** Not durable by itself: the folder's next flush makes it so, and a lost one is written again. */
export function writePartitionTopicId(files: FileSystem, directory: string, topicId: Uuid): void {
  const text = `version: 0\ntopic_id: ${topicId}`;
  files.writeFileAtomically(join(directory, PARTITION_METADATA_FILE), Buffer.from(text), false);
}
