/** `group describe`: offsets and lag, members, or state of groups. */
import { type GroupScope, withGroups } from './chosen-groups.js';
import { CliError } from './cli-error.js';
import type { KafkaClient } from './client.js';
import { type AssignedTopic, type DescribedGroup, NOT_THERE, readGroups } from './described-group.js';
import type { ListFlags } from './flags.js';
import { type PartitionLag, readLags } from './group-lag.js';
import type { Host } from './host.js';
import { printJson, printTable } from './print.js';

export interface DescribeFlags extends ListFlags, GroupScope {
  readonly members?: boolean;
  readonly state?: boolean;
  readonly verbose?: boolean;
}

type Cell = string | number;

function cell(value: Cell | null): Cell {
  return value === null || value === '' ? '-' : value;
}

/** `logs:0,1;states:2` as Kafka's tools print it. */
function assigned(topics: readonly AssignedTopic[] | null): string {
  return topics?.map(({ topic, partitions }) => `${topic}:${partitions.join(',')}`).join(';') || '-';
}

function printOffsets(
  host: Host,
  groups: readonly DescribedGroup[],
  lags: readonly PartitionLag[][],
  verbose: boolean,
) {
  const rows = groups.flatMap(({ groupId, members }, index) =>
    lags[index].map((lag): Cell[] => {
      const { topic, partition, leaderEpoch, committedOffset, logEndOffset, lagSeconds } = lag;
      const member = members.find(({ memberId }) => memberId === lag.memberId);
      return [
        groupId,
        topic,
        partition,
        ...(verbose ? [cell(leaderEpoch)] : []),
        cell(committedOffset),
        cell(logEndOffset),
        cell(lag.lag),
        lagSeconds === null ? '-' : Number(lagSeconds.toFixed(1)),
        cell(lag.memberId),
        cell(member?.host ?? null),
        cell(member?.clientId ?? null),
      ];
    }),
  );
  printTable(
    host,
    [
      ...['GROUP', 'TOPIC', 'PARTITION', ...(verbose ? ['LEADER-EPOCH'] : []), 'CURRENT-OFFSET', 'LOG-END-OFFSET'],
      ...['LAG', 'LAG-SECONDS', 'CONSUMER-ID', 'HOST', 'CLIENT-ID'],
    ],
    rows,
  );
}

function printMembers(host: Host, groups: readonly DescribedGroup[], verbose: boolean) {
  const rows = groups.flatMap(({ groupId, members }) =>
    members.map((member): Cell[] => {
      const { memberId, groupInstanceId, host: from, clientId, memberEpoch, assignment, targetAssignment } = member;
      return [
        groupId,
        memberId,
        cell(groupInstanceId),
        from,
        cell(clientId),
        assignment.reduce((sum, { partitions }) => sum + partitions.length, 0),
        ...(verbose ? [cell(memberEpoch), assigned(assignment), assigned(targetAssignment)] : []),
      ];
    }),
  );
  printTable(
    host,
    [
      ...['GROUP', 'CONSUMER-ID', 'GROUP-INSTANCE-ID', 'HOST', 'CLIENT-ID', '#PARTITIONS'],
      ...(verbose ? ['CURRENT-EPOCH', 'CURRENT-ASSIGNMENT', 'TARGET-ASSIGNMENT'] : []),
    ],
    rows,
  );
}

function printState(host: Host, groups: readonly DescribedGroup[], verbose: boolean) {
  const rows = groups.map(({ groupId, type, assignor, state, groupEpoch, assignmentEpoch, members }): Cell[] => [
    groupId,
    type,
    cell(assignor),
    state,
    ...(verbose ? [cell(groupEpoch), cell(assignmentEpoch)] : []),
    members.length,
  ]);
  printTable(
    host,
    [
      ...['GROUP', 'TYPE', 'ASSIGNMENT-STRATEGY', 'STATE'],
      ...(verbose ? ['GROUP-EPOCH', 'TARGET-ASSIGNMENT-EPOCH'] : []),
      '#MEMBERS',
    ],
    rows,
  );
}

/** Those that exist; the others are told on stderr: one that was named may only have been misspelt. */
async function readThere(client: KafkaClient, groupIds: readonly string[], host: Host): Promise<DescribedGroup[]> {
  const groups = await readGroups(client, groupIds);
  return groups.filter(({ groupId, state }) => {
    if (state === NOT_THERE) host.stderr.write(`There is no group ${groupId}.\n`);
    return state !== NOT_THERE;
  });
}

export async function describeAllGroups(named: readonly string[], flags: DescribeFlags, host: Host): Promise<number> {
  const { json = false, members = false, state = false, verbose = false } = flags;
  if (members && state) throw new CliError('--members and --state exclude each other.');
  return withGroups(named, flags, async (client, groupIds) => {
    const groups = await readThere(client, groupIds, host);
    if (!json) {
      for (const { groupId } of groups.filter((group) => group.members.length === 0)) {
        host.stderr.write(`Group ${groupId} has no active members.\n`);
      }
    }
    if (members && !json) printMembers(host, groups, verbose);
    else if (state && !json) printState(host, groups, verbose);
    else {
      const lags: PartitionLag[][] = [];
      for (const group of groups) lags.push(await readLags(client, group));
      if (json)
        printJson(
          host,
          groups.map((group, index) => ({ ...group, offsets: lags[index] })),
        );
      else printOffsets(host, groups, lags, verbose);
    }
    return groups.length === groupIds.length ? 0 : 1;
  });
}
