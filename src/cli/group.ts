/** `group list|delete|delete-offsets`. */
import { errorTable } from '../base/error-code.js';
import { deleteGroups } from '../protocol/messages/42-delete-groups.js';
import { offsetDelete } from '../protocol/messages/47-offset-delete.js';
import { type GroupScope, readGroupList, withGroups } from './chosen-groups.js';
import { CliError } from './cli-error.js';
import { checkError, withClient } from './client.js';
import type { ListFlags } from './flags.js';
import type { Host } from './host.js';
import { printJson, printLine, printTable } from './print.js';
import { byTopic, inPlaceOrder } from './topic-metadata.js';
import { namedPartitions } from './topic-scope.js';

export interface GroupListFlags extends ListFlags {
  readonly state: readonly string[];
  readonly type: readonly string[];
}

export async function listAllGroups(flags: GroupListFlags, host: Host): Promise<number> {
  return withClient(flags.bootstrapServer, async (client) => {
    const groups = await readGroupList(client, flags.state, flags.type);
    if (flags.json) printJson(host, groups);
    else {
      const rows = groups.map(({ groupId, groupType, groupState, protocolType }) => [
        groupId,
        groupType,
        groupState,
        protocolType || '-',
      ]);
      printTable(host, ['GROUP', 'TYPE', 'STATE', 'PROTOCOL'], rows);
    }
    return 0;
  });
}

export async function removeGroups(
  named: readonly string[],
  flags: ListFlags & GroupScope,
  host: Host,
): Promise<number> {
  return withGroups(named, flags, async (client, groupIds) => {
    const { results } = await client.request(deleteGroups, { groupsNames: [...groupIds] });
    if (flags.json) printJson(host, results);
    else {
      for (const { groupId, errorCode } of results) {
        if (errorCode === 'NONE') printLine(host, `Deleted group ${groupId}.`);
        else host.stderr.write(`Group ${groupId} was not deleted: ${errorTable[errorCode].sentence} (${errorCode})\n`);
      }
    }
    return results.every(({ errorCode }) => errorCode === 'NONE') ? 0 : 1;
  });
}

export async function removeOffsets(
  groupId: string,
  flags: ListFlags & { readonly topic: readonly string[] },
  host: Host,
): Promise<number> {
  if (flags.topic.length === 0) throw new CliError('Say with --topic whose offsets are to go.');
  return withClient(flags.bootstrapServer, async (client) => {
    const places = await namedPartitions(client, flags.topic);
    const topics = byTopic(places, ({ partition }) => ({ partitionIndex: partition }));
    const answer = await client.request(offsetDelete, { groupId, topics });
    checkError(answer.errorCode, null, `The offsets of group ${groupId} were not deleted`);
    const results = answer.topics
      .flatMap(({ name, partitions }) =>
        partitions.map(({ partitionIndex, errorCode }) => ({ topic: name, partition: partitionIndex, errorCode })),
      )
      .sort(inPlaceOrder);
    if (flags.json) printJson(host, results);
    else {
      const rows = results.map(({ topic, partition, errorCode }) => [
        topic,
        partition,
        errorCode === 'NONE' ? 'deleted' : `${errorTable[errorCode].sentence} (${errorCode})`,
      ]);
      printTable(host, ['TOPIC', 'PARTITION', 'STATUS'], rows);
    }
    return results.every(({ errorCode }) => errorCode === 'NONE') ? 0 : 1;
  });
}
