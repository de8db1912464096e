/** Which groups a verb is about: those that are named, or all consumer groups that the broker has. Command line. */
import { listGroups } from '../protocol/messages/16-list-groups.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { CliError } from './cli-error.js';
import { checkError, type KafkaClient, withClient } from './client.js';
import type { ServerFlags } from './flags.js';

export interface GroupScope {
  readonly allGroups?: boolean;
}

export type ListedGroup = DecodedResponseOf<typeof listGroups>['groups'][number];

/** Share and streams groups have offsets and members of other kinds. */
const CONSUMER_TYPES = ['', 'classic', 'consumer'];

/** By name. Empty filters let everything through. */
export async function readGroupList(
  client: KafkaClient,
  statesFilter: readonly string[] = [],
  typesFilter: readonly string[] = [],
): Promise<ListedGroup[]> {
  const request = { statesFilter: [...statesFilter], typesFilter: [...typesFilter] };
  const { errorCode, groups } = await client.request(listGroups, request);
  checkError(errorCode, null, 'Groups cannot be listed');
  return groups.sort((a, b) => (a.groupId < b.groupId ? -1 : 1));
}

/** Connects and does `work` for each of the groups once, in the order named. Throws a {@link CliError} where none are. */
export async function withGroups<Result>(
  named: readonly string[],
  { bootstrapServer, allGroups = false }: ServerFlags & GroupScope,
  work: (client: KafkaClient, groupIds: readonly string[]) => Promise<Result>,
): Promise<Result> {
  if (allGroups === named.length > 0) throw new CliError('Name groups, or say --all-groups.');
  return withClient(bootstrapServer, async (client) => {
    if (!allGroups) return work(client, [...new Set(named)]);
    const all = await readGroupList(client);
    const consumers = all.filter(({ groupType }) => CONSUMER_TYPES.includes(groupType));
    return work(
      client,
      consumers.map(({ groupId }) => groupId),
    );
  });
}
