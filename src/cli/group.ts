/** `group list|describe`. */
import { offsetFetch } from '../protocol/messages/09-offset-fetch.js';
import { listGroups } from '../protocol/messages/16-list-groups.js';
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient, withClient } from './client.js';
import { readGroup } from './described-group.js';
import type { Host } from './host.js';
import { printJson, printLine, printTable } from './print.js';
import type { ListFlags } from './program.js';
import { LATEST, readOffsets } from './topic-metadata.js';

/** Version 8 takes several groups, version 10 wants topic ids; one group by names is version 7. */
const OFFSET_FETCH_ONE_GROUP = 7;

export async function listAllGroups(flags: ListFlags, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const { errorCode, groups } = await client.request(listGroups, { statesFilter: [], typesFilter: [] });
    checkError(errorCode, null, 'Groups cannot be listed');
    groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
    if (flags.json) printJson(host, groups);
    else {
      const rows = groups.map(({ groupId, groupState, groupType, protocolType }) => [
        groupId,
        groupState,
        groupType,
        protocolType || '-',
      ]);
      printTable(host, ['GROUP', 'STATE', 'TYPE', 'PROTOCOL'], rows);
    }
    return 0;
  });
}

interface CommittedOffset {
  readonly topic: string;
  readonly partition: number;
  readonly committedOffset: number;
  readonly logEndOffset: number | null;
  readonly lag: number | null;
  readonly metadata: string | null;
}

async function readCommitted(client: KafkaClient, groupId: string): Promise<CommittedOffset[]> {
  const answer = await client.request(offsetFetch, { groupId, topics: null }, { versionMax: OFFSET_FETCH_ONE_GROUP });
  checkError(answer.errorCode, null, `The offsets of group ${groupId} cannot be read`);
  const committed = answer.topics
    .flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, ...partition })))
    .filter(({ committedOffset }) => committedOffset >= 0)
    .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partitionIndex - b.partitionIndex));
  if (committed.length === 0) return [];
  const places = committed.map(({ topic, partitionIndex }) => ({ topic, partition: partitionIndex }));
  const ends = await readOffsets(client, places, LATEST);
  return committed.map(({ topic, partitionIndex, committedOffset, metadata }, index) => {
    const logEndOffset = ends[index];
    const lag = logEndOffset === null ? null : Math.max(0, logEndOffset - committedOffset);
    return { topic, partition: partitionIndex, committedOffset, logEndOffset, lag, metadata };
  });
}

export async function describeGroup(groupId: string, flags: ListFlags, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const { state, protocolType, assignor, members: described } = await readGroup(client, groupId);
    const offsets = await readCommitted(client, groupId);
    if (state === 'Dead' && offsets.length === 0) throw new CliError(`There is no group ${groupId}.`);
    const members = described.map(({ memberId, groupInstanceId, clientId, clientHost }) => {
      return { memberId, groupInstanceId, clientId, clientHost };
    });
    if (flags.json) {
      printJson(host, { groupId, state, protocolType, assignor, members, offsets });
      return 0;
    }
    printLine(host, `${groupId}  ${state}${assignor ? `  assignor ${assignor}` : ''}`);
    if (members.length > 0) {
      printTable(
        host,
        ['MEMBER', 'INSTANCE', 'CLIENT', 'HOST'],
        members.map(({ memberId, groupInstanceId, clientId, clientHost }) => [
          memberId,
          groupInstanceId ?? '-',
          clientId,
          clientHost,
        ]),
      );
    }
    printTable(
      host,
      ['TOPIC', 'PARTITION', 'COMMITTED', 'LOG END', 'LAG'],
      offsets.map(({ topic, partition, committedOffset, logEndOffset, lag }) => [
        topic,
        partition,
        committedOffset,
        logEndOffset ?? '-',
        lag ?? '-',
      ]),
    );
    return 0;
  });
}
