/**
 * What the catalogue's log holds: JSON values of a known type and version. Each record is the whole new state of one
 * thing and replaces the record of the same key; a tombstone ends it. Main thread.
 *
 *     key                value
 *     topic/<topic id>   {"type":"topic","version":1,"name":…,"id":…,"partitions":…,"internal":…,"configs":{…},"deleting":…}
 *                        version 2, where there are several log.dirs, has "elsewhere":{<folder's id>:[index,…]}, too
 *     log-dirs           {"type":"log-dirs","version":1,"paths":{<folder's id>:…}}
 *     broker-configs     {"type":"broker-configs","version":1,"configs":{…}}
 *     group/<group id>   {"type":"group","version":1,"group":…,"configs":{…}}
 *     producer-ids       {"type":"producer-ids","version":1,"reservedBelow":…}
 *     node-epoch         {"type":"node-epoch","version":1,"epoch":…}
 *
 * The log's own batch CRC guards the bytes, and readable JSON lets a person mend or copy a catalogue with plain tools.
 */
import type { Uuid } from '../base/uuid.js';
import type { InternalRecord } from '../partition/internal-log.js';

export interface TopicRecord {
  readonly type: 'topic';
  readonly version: 1 | 2;
  readonly name: string;
  readonly id: Uuid;
  /** How many partitions: indexes 0 to partitions - 1. */
  readonly partitions: number;
  readonly internal: boolean;
  /** Only what the topic sets itself. */
  readonly configs: Readonly<Record<string, string>>;
  /** The topic is gone for clients; its files may still be there. A tombstone follows once they are out of the way. */
  readonly deleting: boolean;
  /** Indexes of partitions that live in other data folders than the catalogue's, by the folder's id. Only in version 2. */
  readonly elsewhere?: Readonly<Record<Uuid, readonly number[]>>;
}

/** Where the folders were last that partitions live in: for sentences, and for knowing an empty one that stands in their place. */
export interface LogDirsRecord {
  readonly type: 'log-dirs';
  readonly version: 1;
  readonly paths: Readonly<Record<Uuid, string>>;
}

export interface BrokerConfigsRecord {
  readonly type: 'broker-configs';
  readonly version: 1;
  readonly configs: Readonly<Record<string, string>>;
}

/** There only while the group sets something itself; says nothing of whether there is such a group. */
export interface GroupConfigsRecord {
  readonly type: 'group';
  readonly version: 1;
  readonly group: string;
  readonly configs: Readonly<Record<string, string>>;
}

export interface ProducerIdsRecord {
  readonly type: 'producer-ids';
  readonly version: 1;
  /** Every producer id below this may have been handed out. */
  readonly reservedBelow: number;
}

export interface NodeEpochRecord {
  readonly type: 'node-epoch';
  readonly version: 1;
  readonly epoch: number;
}

export type CatalogueRecord =
  | TopicRecord
  | LogDirsRecord
  | BrokerConfigsRecord
  | GroupConfigsRecord
  | ProducerIdsRecord
  | NodeEpochRecord;

const KNOWN_VERSIONS: Readonly<Record<CatalogueRecord['type'], readonly number[]>> = {
  topic: [1, 2],
  'log-dirs': [1],
  'broker-configs': [1],
  group: [1],
  'producer-ids': [1],
  'node-epoch': [1],
};

export function topicKey(id: Uuid): string {
  return `topic/${id}`;
}

export function groupKey(group: string): string {
  return `group/${group}`;
}

/** The folder that each partition lives in, by its id; null for the catalogue's own. */
export function homesOf({ partitions, elsewhere = {} }: TopicRecord): (Uuid | null)[] {
  const homes = new Array<Uuid | null>(partitions).fill(null);
  for (const [id, indexes] of Object.entries(elsewhere)) for (const index of indexes) homes[index] = id;
  return homes;
}

/** The record with partitions that live in `homes`, as {@link homesOf} tells them. */
export function withHomes(record: TopicRecord, homes: readonly (Uuid | null)[]): TopicRecord {
  const elsewhere: Record<Uuid, number[]> = {};
  for (const [index, id] of homes.entries()) {
    if (id === null) continue;
    elsewhere[id] ??= [];
    elsewhere[id].push(index);
  }
  const { elsewhere: _before, ...rest } = record;
  const partitions = homes.length;
  // An older release, which would look for them in the wrong place, refuses to start.
  if (Object.keys(elsewhere).length > 0) return { ...rest, version: 2, partitions, elsewhere };
  return { ...rest, version: 1, partitions };
}

/** `record` null writes a tombstone. */
export function encodeCatalogueRecord(key: string, record: CatalogueRecord | null): InternalRecord {
  return { key: Buffer.from(key), value: record === null ? null : Buffer.from(JSON.stringify(record)) };
}

/** Throws where the record is of a kind or version that this release does not know: a newer release wrote it. */
export function decodeCatalogueRecord(record: InternalRecord): { key: string; record: CatalogueRecord | null } {
  if (record.key === null) throw new Error('The catalogue holds a record without a key.');
  const key = record.key.toString('utf8');
  if (record.value === null) return { key, record: null };
  const value = JSON.parse(record.value.toString('utf8')) as CatalogueRecord;
  if (!KNOWN_VERSIONS[value.type]?.includes(value.version)) {
    throw new Error(
      `The catalogue holds a record '${key}' of type '${value.type}' version ${value.version}, which this release does not know; start the newer release that wrote it.`,
    );
  }
  return { key, record: value };
}
