/**
 * What the catalogue's log holds: JSON values of a known type and version. Each record is the whole new state of one
 * thing and replaces the record of the same key; a tombstone ends it. Main thread.
 *
 *     key                value
 *     topic/<topic id>   {"type":"topic","version":1,"name":…,"id":…,"partitions":…,"internal":…,"configs":{…},"deleting":…}
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
  readonly version: 1;
  readonly name: string;
  readonly id: Uuid;
  /** How many partitions: indexes 0 to partitions - 1. */
  readonly partitions: number;
  readonly internal: boolean;
  /** Only what the topic sets itself. */
  readonly configs: Readonly<Record<string, string>>;
  /** The topic is gone for clients; its files may still be there. A tombstone follows once they are out of the way. */
  readonly deleting: boolean;
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
  | BrokerConfigsRecord
  | GroupConfigsRecord
  | ProducerIdsRecord
  | NodeEpochRecord;

const KNOWN_VERSION: Readonly<Record<CatalogueRecord['type'], number>> = {
  topic: 1,
  'broker-configs': 1,
  group: 1,
  'producer-ids': 1,
  'node-epoch': 1,
};

export function topicKey(id: Uuid): string {
  return `topic/${id}`;
}

export function groupKey(group: string): string {
  return `group/${group}`;
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
  if (KNOWN_VERSION[value.type] !== value.version) {
    throw new Error(
      `The catalogue holds a record '${key}' of type '${value.type}' version ${value.version}, which this release does not know; start the newer release that wrote it.`,
    );
  }
  return { key, record: value };
}
