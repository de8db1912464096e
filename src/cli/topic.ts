/** `topic create|list|describe|delete|alter`. */
import { createTopics } from '../protocol/messages/19-create-topics.js';
import { deleteTopics } from '../protocol/messages/20-delete-topics.js';
import { describeConfigs } from '../protocol/messages/32-describe-configs.js';
import { createPartitions } from '../protocol/messages/37-create-partitions.js';
import { incrementalAlterConfigs } from '../protocol/messages/44-incremental-alter-configs.js';
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient, withClient } from './client.js';
import { diskCells, diskHead, readTopicDisks } from './disk.js';
import type { ListFlags, ServerFlags } from './flags.js';
import type { Host } from './host.js';
import { printJson, printLine, printTable } from './print.js';
import { EARLIEST, LATEST, readOffsets, readTopics } from './topic-metadata.js';

const TIMEOUT_MS = 30_000;
const TOPIC_RESOURCE = 2;
const OPERATION_SET = 0;
const OPERATION_DELETE = 1;
/** The source of a value that a topic has of its own (DescribeConfigs). */
const SOURCE_TOPIC = 1;
/** Versions below use names where newer ones want topic ids. */
const DELETE_TOPICS_BY_NAME = 5;
const BROKER_DEFAULT = -1;

export interface CreateFlags extends ServerFlags {
  readonly partitions?: number;
  readonly config: Readonly<Record<string, string>>;
  readonly ifNotExists?: boolean;
}

export async function createTopic(name: string, flags: CreateFlags, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const topic = {
      name,
      numPartitions: flags.partitions ?? BROKER_DEFAULT,
      replicationFactor: BROKER_DEFAULT,
      assignments: [],
      configs: Object.entries(flags.config).map(([key, value]) => ({ name: key, value })),
    };
    const answer = await client.request(createTopics, { topics: [topic], timeoutMs: TIMEOUT_MS });
    const [created] = answer.topics;
    if (created.errorCode === 'TOPIC_ALREADY_EXISTS' && flags.ifNotExists) {
      printLine(host, `Topic ${name} exists already.`);
      return 0;
    }
    checkError(created.errorCode, created.errorMessage, `Topic ${name} was not created`);
    printLine(host, `Created topic ${name}.`);
    return 0;
  });
}

export async function listTopics(flags: ListFlags & { internal?: boolean }, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const topics = (await readTopics(client, null))
      .filter(({ isInternal }) => flags.internal || !isInternal)
      .map(({ name, topicId, partitions, isInternal }) => {
        return { name: name ?? '', topicId, partitions: partitions.length, internal: isInternal };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const disks = await readTopicDisks(flags.bootstrapServer, null);
    if (flags.json)
      printJson(
        host,
        topics.map((topic) => ({ ...topic, disk: disks?.get(topic.name) ?? null })),
      );
    else if (disks === null) {
      const rows = topics.map(({ name, partitions }) => [name, partitions]);
      printTable(host, ['TOPIC', 'PARTITIONS'], rows);
    } else {
      const rows = topics.map(({ name, partitions }) => [name, partitions, ...diskCells(disks.get(name))]);
      printTable(host, ['TOPIC', 'PARTITIONS', ...diskHead], rows);
    }
    return 0;
  });
}

interface DescribedPartition {
  readonly partition: number;
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly logStartOffset: number | null;
  readonly highWatermark: number | null;
}

interface DescribedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly internal: boolean;
  readonly configs: Readonly<Record<string, string | null>>;
  readonly partitions: readonly DescribedPartition[];
}

async function ownConfigs(client: KafkaClient, names: readonly string[]): Promise<Map<string, Record<string, string>>> {
  const resources = names.map((name) => ({
    resourceType: TOPIC_RESOURCE,
    resourceName: name,
    configurationKeys: null,
  }));
  const answer = await client.request(describeConfigs, { resources });
  return new Map(
    answer.results.map(({ resourceName, configs }) => [
      resourceName,
      Object.fromEntries(
        configs
          .filter(({ configSource }) => configSource === SOURCE_TOPIC)
          .map(({ name, value }) => [name, value ?? '']),
      ),
    ]),
  );
}

async function describeAll(client: KafkaClient, names: readonly string[]): Promise<DescribedTopic[]> {
  const topics = await readTopics(client, names.length > 0 ? names : null);
  for (const { name, errorCode } of topics) checkError(errorCode, null, `Topic ${name}`);
  if (topics.length === 0) return [];
  const configs = await ownConfigs(
    client,
    topics.map(({ name }) => name ?? ''),
  );
  const places = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name ?? '', partition: partitionIndex })),
  );
  const starts = await readOffsets(client, places, EARLIEST);
  const ends = await readOffsets(client, places, LATEST);
  const offsets = new Map(places.map(({ topic, partition }, i) => [`${topic}-${partition}`, [starts[i], ends[i]]]));
  return topics
    .map(({ name, topicId, isInternal, partitions }) => ({
      name: name ?? '',
      topicId,
      internal: isInternal,
      configs: configs.get(name ?? '') ?? {},
      partitions: partitions
        .map(({ partitionIndex, leaderId, leaderEpoch }) => {
          const [logStartOffset, highWatermark] = offsets.get(`${name}-${partitionIndex}`) ?? [null, null];
          return { partition: partitionIndex, leader: leaderId, leaderEpoch, logStartOffset, highWatermark };
        })
        .sort((a, b) => a.partition - b.partition),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function describeTopics(names: readonly string[], flags: ListFlags, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const topics = await describeAll(client, names);
    const disks = await readTopicDisks(flags.bootstrapServer, names.length > 0 ? names : null);
    if (flags.json) {
      printJson(
        host,
        topics.map((topic) => ({ ...topic, disk: disks?.get(topic.name) ?? null })),
      );
      return 0;
    }
    for (const { name, topicId, configs, partitions } of topics) {
      const settings = Object.entries(configs).map(([key, value]) => `${key}=${value}`);
      printLine(
        host,
        `${name}  id ${topicId}  ${settings.length > 0 ? settings.join(' ') : 'all settings as the broker'}`,
      );
      if (disks !== null)
        printTable(host, [`  ${diskHead[0]}`, ...diskHead.slice(1)], [indented(diskCells(disks.get(name)))]);
      printTable(
        host,
        ['  PARTITION', 'LOG START', 'HIGH WATERMARK', 'LEADER EPOCH'],
        partitions.map(({ partition, logStartOffset, highWatermark, leaderEpoch }) => [
          `  ${partition}`,
          logStartOffset ?? '-',
          highWatermark ?? '-',
          leaderEpoch,
        ]),
      );
    }
    return 0;
  });
}

function indented([first, ...others]: readonly (string | number)[]): (string | number)[] {
  return [`  ${first}`, ...others];
}

export async function removeTopics(
  names: readonly string[],
  flags: ServerFlags & { ifExists?: boolean },
  host: Host,
): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const request = { topicNames: [...names], topics: [], timeoutMs: TIMEOUT_MS };
    const answer = await client.request(deleteTopics, request, { versionMax: DELETE_TOPICS_BY_NAME });
    let exitCode = 0;
    for (const { name, errorCode, errorMessage } of answer.responses) {
      if (errorCode === 'NONE') printLine(host, `Deleted topic ${name}.`);
      else if (errorCode === 'UNKNOWN_TOPIC_OR_PARTITION' && flags.ifExists) printLine(host, `No topic ${name}.`);
      else {
        host.stderr.write(`Topic ${name} was not deleted: ${errorMessage ?? ''} (${errorCode})\n`);
        exitCode = 1;
      }
    }
    return exitCode;
  });
}

export interface AlterFlags extends ServerFlags {
  readonly partitions?: number;
  readonly config: Readonly<Record<string, string>>;
  readonly deleteConfig: readonly string[];
}

export async function alterTopic(name: string, flags: AlterFlags, host: Host): Promise<number> {
  const configs = [
    ...Object.entries(flags.config).map(([key, value]) => ({ name: key, configOperation: OPERATION_SET, value })),
    ...flags.deleteConfig.map((key) => ({ name: key, configOperation: OPERATION_DELETE, value: null })),
  ];
  if (configs.length === 0 && flags.partitions === undefined) {
    throw new CliError('Nothing to alter: give --partitions, --config or --delete-config.');
  }
  return withClient(flags.bootstrapServer, async (client) => {
    if (configs.length > 0) {
      const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: name, configs }];
      const answer = await client.request(incrementalAlterConfigs, { resources, validateOnly: false });
      const [{ errorCode, errorMessage }] = answer.responses;
      checkError(errorCode, errorMessage, `The settings of topic ${name} were not altered`);
      printLine(host, `Altered the settings of topic ${name}.`);
    }
    if (flags.partitions !== undefined) {
      const topics = [{ name, count: flags.partitions, assignments: null }];
      const answer = await client.request(createPartitions, { topics, timeoutMs: TIMEOUT_MS, validateOnly: false });
      const [{ errorCode, errorMessage }] = answer.results;
      checkError(errorCode, errorMessage, `Topic ${name} has as many partitions as before`);
      printLine(host, `Topic ${name} has ${flags.partitions} partitions.`);
    }
    return 0;
  });
}
