/** How groups stand, asked for by the API of their type: classic groups have one, those of KIP-848 and share groups others. Command line. */
import { decodeRecord } from '../protocol/compile.js';
import { MalformedRequestError } from '../protocol/malformed-request-error.js';
import { describeGroups } from '../protocol/messages/15-describe-groups.js';
import { consumerGroupDescribe } from '../protocol/messages/69-consumer-group-describe.js';
import { shareGroupDescribe } from '../protocol/messages/77-share-group-describe.js';
import { consumerProtocolAssignment } from '../protocol/records/consumer-protocol-assignment.js';
import type { DecodedResponseOf } from '../protocol/schema.js';
import { checkError, type KafkaClient } from './client.js';

export interface AssignedTopic {
  readonly topic: string;
  /** In rising order. */
  readonly partitions: readonly number[];
}

export interface DescribedMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** null in classic groups, where members have none. */
  readonly memberEpoch: number | null;
  readonly assignment: readonly AssignedTopic[];
  /** What the member is on its way to; null in classic groups, and in share groups, where it is there at once. */
  readonly targetAssignment: readonly AssignedTopic[] | null;
}

export interface DescribedGroup {
  readonly groupId: string;
  readonly type: 'classic' | 'consumer' | 'share';
  /** {@link NOT_THERE} for a group that does not exist. */
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  /** null in classic groups. */
  readonly groupEpoch: number | null;
  readonly assignmentEpoch: number | null;
  readonly members: readonly DescribedMember[];
}

export const NOT_THERE = 'Dead';

type ClassicGroup = DecodedResponseOf<typeof describeGroups>['groups'][number];
type ConsumerGroup = DecodedResponseOf<typeof consumerGroupDescribe>['groups'][number];
type ShareGroup = DecodedResponseOf<typeof shareGroupDescribe>['groups'][number];
type Assignment = ShareGroup['members'][number]['assignment'];

function inOrder(topics: readonly AssignedTopic[]): AssignedTopic[] {
  return topics
    .filter(({ partitions }) => partitions.length > 0)
    .map(({ topic, partitions }) => ({ topic, partitions: [...partitions].sort((a, b) => a - b) }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

/** Only consumers write their assignments in a way that others can read, and even they need not. */
function classicAssignment(protocolType: string, bytes: Buffer): AssignedTopic[] {
  if (protocolType !== 'consumer' || bytes.length === 0) return [];
  try {
    return inOrder(decodeRecord(consumerProtocolAssignment, bytes).assignedPartitions);
  } catch (error) {
    if (error instanceof MalformedRequestError) return [];
    throw error;
  }
}

function namedAssignment({ topicPartitions }: Assignment): AssignedTopic[] {
  return inOrder(topicPartitions.map(({ topicName, partitions }) => ({ topic: topicName, partitions })));
}

function ofClassic({ groupId, groupState, protocolType, protocolData, members }: ClassicGroup): DescribedGroup {
  return {
    groupId,
    type: 'classic',
    state: groupState || NOT_THERE,
    protocolType,
    assignor: protocolData,
    groupEpoch: null,
    assignmentEpoch: null,
    members: members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => ({
      memberId,
      groupInstanceId,
      clientId,
      host: clientHost,
      memberEpoch: null,
      assignment: classicAssignment(protocolType, memberAssignment),
      targetAssignment: null,
    })),
  };
}

function ofConsumer(group: ConsumerGroup): DescribedGroup {
  const { groupId, groupState, assignorName, groupEpoch, assignmentEpoch, members } = group;
  return {
    groupId,
    type: 'consumer',
    state: groupState,
    protocolType: 'consumer',
    assignor: assignorName,
    groupEpoch,
    assignmentEpoch,
    members: members.map(
      ({ memberId, instanceId, clientId, clientHost, memberEpoch, assignment, targetAssignment }) => ({
        memberId,
        groupInstanceId: instanceId,
        clientId,
        host: clientHost,
        memberEpoch,
        assignment: namedAssignment(assignment),
        targetAssignment: namedAssignment(targetAssignment),
      }),
    ),
  };
}

function ofShare({
  groupId,
  groupState,
  assignorName,
  groupEpoch,
  assignmentEpoch,
  members,
}: ShareGroup): DescribedGroup {
  return {
    groupId,
    type: 'share',
    state: groupState,
    protocolType: 'share',
    assignor: assignorName,
    groupEpoch,
    assignmentEpoch,
    members: members.map(({ memberId, clientId, clientHost, memberEpoch, assignment }) => ({
      memberId,
      groupInstanceId: null,
      clientId,
      host: clientHost,
      memberEpoch,
      assignment: namedAssignment(assignment),
      targetAssignment: null,
    })),
  };
}

/** In the order of `groupIds`. */
export async function readGroups(client: KafkaClient, groupIds: readonly string[]): Promise<DescribedGroup[]> {
  const classic = (await client.request(describeGroups, { groups: [...groupIds] })).groups;
  // Brokers answer Dead without an error for a group that is not there, or no classic one, up to version 5.
  const isElsewhere = (group: ClassicGroup) =>
    group.errorCode === 'GROUP_ID_NOT_FOUND' || (group.errorCode === 'NONE' && group.groupState === NOT_THERE);
  const elsewhere = classic.filter(isElsewhere).map(({ groupId }) => groupId);
  const others = new Map<string, DescribedGroup>();
  const request = { groupIds: elsewhere, includeAuthorizedOperations: false };
  const learn = (group: ConsumerGroup | ShareGroup, described: () => DescribedGroup): void => {
    if (group.errorCode === 'GROUP_ID_NOT_FOUND') return;
    checkError(group.errorCode, group.errorMessage, `Group ${group.groupId}`);
    others.set(group.groupId, described());
  };
  if (elsewhere.length > 0 && client.speaks(consumerGroupDescribe)) {
    const { groups } = await client.request(consumerGroupDescribe, request);
    for (const group of groups) learn(group, () => ofConsumer(group));
  }
  if (elsewhere.length > others.size && client.speaks(shareGroupDescribe)) {
    const { groups } = await client.request(shareGroupDescribe, request);
    for (const group of groups) learn(group, () => ofShare(group));
  }
  return classic.map((group) => {
    const other = others.get(group.groupId);
    if (other) return other;
    if (!isElsewhere(group)) checkError(group.errorCode, group.errorMessage, `Group ${group.groupId}`);
    return ofClassic(group);
  });
}
