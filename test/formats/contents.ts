/** Everything that a broker tells of what its data folder holds, as one value that can be written down and compared. Test process. */
import { KafkaClient } from '../../src/cli/client.js';
import { metadata } from '../../src/protocol/messages/03-metadata.js';
import { offsetFetch } from '../../src/protocol/messages/09-offset-fetch.js';
import { listGroups } from '../../src/protocol/messages/16-list-groups.js';
import { describeConfigs } from '../../src/protocol/messages/32-describe-configs.js';
import { describeShareGroupOffsets } from '../../src/protocol/messages/90-describe-share-group-offsets.js';
import { compressionName } from '../../src/record/compression.js';
import { decodeRecords, iterateBatches } from '../../src/record/record.js';
import {
  baseSequenceOf,
  codecOf,
  computeCrc,
  crcOf,
  lastOffsetOf,
  leaderEpochOf,
  producerEpochOf,
  producerIdOf,
} from '../../src/record/record-batch.js';
import { listedOffset, readBytes } from '../crash/load-consumer.js';

const GROUPS_VERSION_MAX = 9;
/** Resource types of DescribeConfigs, and the sources of what somebody has set. */
const [TOPIC, BROKER, GROUP] = [2, 4, 32];
const SOURCES_SET = [1, 2, 3, 8];

export interface StoredBatch {
  readonly codec: string;
  readonly leaderEpoch: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastOffset: number;
  /** Offset, time, key, value and headers of each, as one line of text. */
  readonly records: readonly string[];
}

export interface StoredPartition {
  readonly start: number;
  readonly end: number;
  readonly batches: readonly StoredBatch[];
}

export interface Contents {
  readonly clusterId: string | null;
  readonly topics: Readonly<Record<string, { readonly id: string; readonly partitions: readonly StoredPartition[] }>>;
  /** By `type name`: what somebody has set. */
  readonly configs: Readonly<Record<string, Readonly<Record<string, string | null>>>>;
  readonly groups: readonly string[];
  /** By group and partition. */
  readonly committed: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By share group and partition: from where on records are not finished. */
  readonly shareStarts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** Of all topics that clients see, and all groups. @throws Error where a batch fails its checksum or a request is refused */
export async function contentsOf(bootstrap: string): Promise<Contents> {
  const client = await KafkaClient.connect(bootstrap);
  try {
    const { clusterId, brokers, topics } = await client.request(metadata, { topics: null });
    const visible = topics.filter(({ isInternal }) => !isInternal);
    const found: Record<string, { id: string; partitions: StoredPartition[] }> = {};
    for (const { name, topicId, partitions } of visible.sort((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))) {
      const stored: StoredPartition[] = [];
      for (let index = 0; index < partitions.length; index++) stored.push(await partitionOf(client, name ?? '', index));
      found[name ?? ''] = { id: topicId ?? '', partitions: stored };
    }
    const listed = await client.request(listGroups, { statesFilter: [], typesFilter: [] });
    const groups = [...listed.groups].sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
    const ofType = (type: string) => groups.filter(({ groupType }) => groupType === type).map(({ groupId }) => groupId);
    const shareGroups = ofType('share');
    const readers = groups.map(({ groupId }) => groupId).filter((id) => !shareGroups.includes(id));
    return {
      clusterId: clusterId ?? null,
      topics: found,
      configs: await configsOf(client, [
        ...Object.keys(found).map((name) => ({ resourceType: TOPIC, resourceName: name })),
        { resourceType: BROKER, resourceName: String(brokers[0].nodeId) },
        ...groups.map(({ groupId }) => ({ resourceType: GROUP, resourceName: groupId })),
      ]),
      groups: groups.map((group) => `${group.groupId} ${group.groupType} ${group.groupState} ${group.protocolType}`),
      committed: await committedOf(client, readers),
      shareStarts: await shareStartsOf(client, shareGroups),
    };
  } finally {
    client.close();
  }
}

async function partitionOf(client: KafkaClient, topic: string, index: number): Promise<StoredPartition> {
  const start = await listedOffset(client, topic, index, 'earliest');
  const end = await listedOffset(client, topic, index, 'latest');
  const pieces = await readBytes(client, topic, index, end, start);
  const batches = pieces
    .flatMap((bytes) => [...iterateBatches(bytes)])
    .map((batch): StoredBatch => {
      if (computeCrc(batch, 0, batch.length) !== crcOf(batch, 0))
        throw new Error(`${topic}-${index}: a checksum is wrong`);
      return {
        codec: compressionName(codecOf(batch, 0)) ?? 'unknown',
        leaderEpoch: leaderEpochOf(batch, 0),
        producerId: producerIdOf(batch, 0),
        producerEpoch: producerEpochOf(batch, 0),
        baseSequence: baseSequenceOf(batch, 0),
        lastOffset: lastOffsetOf(batch, 0),
        records: [...decodeRecords(batch)].map(({ offset, timestampMs, key, value, headers }) => {
          const told = headers.map((header) => `${header.key}=${header.value}`).join(',');
          return `${offset} @${timestampMs} ${key} -> ${value} [${told}]`;
        }),
      };
    });
  return { start, end, batches };
}

async function configsOf(
  client: KafkaClient,
  resources: readonly { resourceType: number; resourceName: string }[],
): Promise<Contents['configs']> {
  const { results } = await client.request(describeConfigs, {
    resources: resources.map((resource) => ({ ...resource, configurationKeys: null })),
  });
  const set = results.map(({ errorCode, resourceType, resourceName, configs }) => {
    if (errorCode !== 'NONE') throw new Error(`configs of ${resourceName}: ${errorCode}`);
    const own = configs.filter(({ configSource }) => SOURCES_SET.includes(configSource));
    const sorted = own.sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, value }) => [name, value]);
    return [`${resourceType} ${resourceName}`, Object.fromEntries(sorted)] as const;
  });
  return Object.fromEntries(set);
}

async function committedOf(client: KafkaClient, groupIds: readonly string[]): Promise<Contents['committed']> {
  const groups = groupIds.map((groupId) => ({ groupId, topics: null }));
  const answer = await client.request(
    offsetFetch,
    { groupId: '', topics: [], groups },
    { versionMax: GROUPS_VERSION_MAX },
  );
  const found = answer.groups.map(({ groupId, topics }) => {
    const offsets = topics.flatMap(({ name, partitions }) =>
      partitions.map((one) => {
        const { committedOffset, committedLeaderEpoch, metadata: note } = one;
        return [`${name}-${one.partitionIndex}`, `${committedOffset} epoch ${committedLeaderEpoch} ${note}`] as const;
      }),
    );
    return [groupId, Object.fromEntries(offsets.sort(([a], [b]) => (a < b ? -1 : 1)))] as const;
  });
  return Object.fromEntries(found);
}

async function shareStartsOf(client: KafkaClient, groupIds: readonly string[]): Promise<Contents['shareStarts']> {
  const groups = groupIds.map((groupId) => ({ groupId, topics: null }));
  const answer = await client.request(describeShareGroupOffsets, { groups });
  const found = answer.groups.map(({ groupId, topics }) => {
    const starts = topics.flatMap(({ topicName, partitions }) =>
      partitions.map((one) => [`${topicName}-${one.partitionIndex}`, one.startOffset] as const),
    );
    return [groupId, Object.fromEntries(starts)] as const;
  });
  return Object.fromEntries(found);
}
