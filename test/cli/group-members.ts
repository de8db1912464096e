/** Members of groups over single connections, for tests that look at groups from outside. Test process. */
import assert from 'node:assert/strict';
import { KafkaClient } from '../../src/cli/client.js';
import type { AssignedTopic } from '../../src/cli/described-group.js';
import { encodeRecord } from '../../src/protocol/compile.js';
import { joinGroup } from '../../src/protocol/messages/11-join-group.js';
import { syncGroup } from '../../src/protocol/messages/14-sync-group.js';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import { consumerProtocolAssignment } from '../../src/protocol/records/consumer-protocol-assignment.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';

export interface LiveMember {
  readonly memberId: string;
  /** Closes its connection without leaving. */
  close(): void;
}

/** The only member of a classic group, in a stable generation with `assignment`. */
export async function classicMember(
  bootstrap: string,
  groupId: string,
  assignment: readonly AssignedTopic[],
): Promise<LiveMember> {
  const client = await KafkaClient.connect(bootstrap);
  const subscription = { topics: assignment.map(({ topic }) => topic), ownedPartitions: [] };
  const request = {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: encodeRecord(consumerProtocolSubscription, 1, subscription) }],
  };
  const { memberId } = await client.request(joinGroup, { ...request, memberId: '' });
  const joined = await client.request(joinGroup, { ...request, memberId });
  assert.equal(joined.errorCode, 'NONE');
  const assignedPartitions = assignment.map(({ topic, partitions }) => ({ topic, partitions: [...partitions] }));
  const synced = await client.request(syncGroup, {
    groupId,
    generationId: joined.generationId,
    memberId,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: [{ memberId, assignment: encodeRecord(consumerProtocolAssignment, 1, { assignedPartitions }) }],
  });
  assert.equal(synced.errorCode, 'NONE');
  return { memberId, close: () => client.close() };
}

/** The only member of a consumer group (KIP-848), with all partitions of `topics`. */
export async function consumerMember(
  bootstrap: string,
  groupId: string,
  topics: readonly string[],
  instanceId: string | null = null,
): Promise<LiveMember> {
  const client = await KafkaClient.connect(bootstrap);
  const memberId = `member-of-${groupId}`;
  const joined = await client.request(consumerGroupHeartbeat, {
    groupId,
    memberId,
    memberEpoch: 0,
    instanceId,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: [...topics],
    topicPartitions: [],
  });
  assert.equal(joined.errorCode, 'NONE');
  return { memberId, close: () => client.close() };
}
