/** How one group stands, asked for by the API of its type: classic groups have one, those of KIP-848 another. Command line. */
import { describeGroups } from '../protocol/messages/15-describe-groups.js';
import { consumerGroupDescribe } from '../protocol/messages/69-consumer-group-describe.js';
import { checkError, type KafkaClient } from './client.js';

export interface DescribedGroup {
  /** Dead for a group that is not there. */
  readonly state: string;
  readonly protocolType: string;
  readonly assignor: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly clientId: string;
    readonly clientHost: string;
  }[];
}

const NOT_THERE: DescribedGroup = { state: 'Dead', protocolType: '', assignor: '', members: [] };

export async function readGroup(client: KafkaClient, groupId: string): Promise<DescribedGroup> {
  const [group] = (await client.request(describeGroups, { groups: [groupId] })).groups;
  // Brokers answer Dead without an error for a group that is not there, or no classic one, up to version 5.
  const isClassic = group.errorCode === 'NONE' && group.groupState !== 'Dead';
  if (!isClassic && client.speaks(consumerGroupDescribe)) {
    const request = { groupIds: [groupId], includeAuthorizedOperations: false };
    const [consumerGroup] = (await client.request(consumerGroupDescribe, request)).groups;
    if (consumerGroup.errorCode === 'NONE') {
      return {
        state: consumerGroup.groupState,
        protocolType: 'consumer',
        assignor: consumerGroup.assignorName,
        members: consumerGroup.members.map((member) => ({ ...member, groupInstanceId: member.instanceId })),
      };
    }
  }
  if (group.errorCode === 'GROUP_ID_NOT_FOUND') return NOT_THERE;
  checkError(group.errorCode, group.errorMessage, `Group ${groupId}`);
  const { groupState: state, protocolType, protocolData: assignor, members } = group;
  return { state, protocolType, assignor, members };
}
