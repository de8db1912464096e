/**
 * The data folders of earlier releases, and what the broker that made each of them told of it. Test process.
 *
 *     test/formats/<release>/data/           as that release left it after an orderly stop
 *     test/formats/<release>/contents.json   which release and which Node.js made it, and what it held then
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KafkaClient } from '../../src/cli/client.js';
import { shareGroupHeartbeat } from '../../src/protocol/messages/76-share-group-heartbeat.js';
import { shareFetch } from '../../src/protocol/messages/78-share-fetch.js';
import { projectRoot } from '../project-root.js';
import type { Contents } from './contents.js';

export interface StoredFolder {
  readonly release: string;
  readonly node: string;
  readonly contents: Contents;
  /** By offset of the share group's topic: how often a record has been delivered when it is taken next; finished ones are absent. */
  readonly deliveries: Readonly<Record<string, number>>;
}

export const FORMATS_FOLDER = join(projectRoot, 'test', 'formats');

export const IDEMPOTENT_TOPIC = 'codecs';
export const SHARE_GROUP = 'workers';
export const SHARE_TOPIC = 'jobs';

/** The folder grows old in the tree: nothing in it may go for its age. */
export const agelessOverrides = {
  'offsets.retention.minutes': 2 ** 31 - 1,
  'producer.id.expiration.ms': 2 ** 31 - 1,
  'log.cleaner.enable': 'false',
};

export function storedReleases(): string[] {
  return readdirSync(FORMATS_FOLDER).filter((name) => existsSync(join(FORMATS_FOLDER, name, 'contents.json')));
}

export function readStoredFolder(release: string): StoredFolder {
  return JSON.parse(readFileSync(join(FORMATS_FOLDER, release, 'contents.json'), 'utf8'));
}

export interface Taken {
  /** Epoch of the next request of the member's session. */
  readonly epoch: number;
  readonly topicId: string;
  /** By offset: which delivery this is. */
  readonly deliveries: Readonly<Record<string, number>>;
}

/** A member of the share group joins and takes all that it is given of the one partition. */
export async function takeShare(client: KafkaClient, memberId: string, topicId: string): Promise<Taken> {
  const member = { groupId: SHARE_GROUP, memberId };
  const joining = { ...member, memberEpoch: 0, rackId: null, subscribedTopicNames: [SHARE_TOPIC] };
  // While the group is read back it cannot be joined.
  while ((await client.request(shareGroupHeartbeat, joining)).errorCode !== 'NONE');
  for (let epoch = 0; ; ) {
    const fetched = await client.request(shareFetch, {
      ...member,
      shareSessionEpoch: epoch++,
      maxWaitMs: 100,
      minBytes: 1,
      maxBytes: 1_000_000,
      maxRecords: 100,
      batchSize: 100,
      topics: epoch === 1 ? [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }] : [],
      forgottenTopicsData: [],
    });
    if (fetched.errorCode !== 'NONE') throw new Error(`ShareFetch: ${fetched.errorCode}`);
    const deliveries: Record<string, number> = {};
    for (const { firstOffset, lastOffset, deliveryCount } of fetched.responses[0]?.partitions[0]?.acquiredRecords ??
      []) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) deliveries[offset] = deliveryCount;
    }
    if (Object.keys(deliveries).length > 0) return { epoch, topicId, deliveries };
  }
}
