/** A consumer of the classic protocol that only takes part in its group: joins, syncs, heartbeats. Runs in the load client. */
import { decodeRecord, encodeRecord } from '../../src/protocol/compile.js';
import { joinGroup } from '../../src/protocol/messages/11-join-group.js';
import { heartbeat } from '../../src/protocol/messages/12-heartbeat.js';
import { leaveGroup } from '../../src/protocol/messages/13-leave-group.js';
import { syncGroup } from '../../src/protocol/messages/14-sync-group.js';
import { consumerProtocolAssignment } from '../../src/protocol/records/consumer-protocol-assignment.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';
import { GroupMember } from './group-member.js';

/** Newest versions whose layouts all brokers since Kafka 2.4 know. */
const versions = { join: 5, sync: 3, heartbeat: 3, leave: 3 } as const;
const recordVersion = 1;
const protocolName = 'bench-round-robin';
const protocolType = 'consumer';

export class ClassicMember extends GroupMember {
  private memberId = '';

  protected async live(): Promise<void> {
    let share = this.options.phase;
    while (!this.leaving) {
      if (await this.enter()) {
        do {
          await this.pause(share);
          share = 1;
        } while (!this.leaving && (await this.isStillIn()));
      }
    }
  }

  protected async sayGoodbye(): Promise<void> {
    const { connection, group } = this.options;
    const members = [{ memberId: this.memberId, groupInstanceId: null }];
    const { errorCode } = await connection.ask(leaveGroup, versions.leave, { groupId: group, members });
    if (errorCode !== 'NONE') throw new Error(`LeaveGroup was answered ${errorCode}`);
  }

  /** Join and sync; false where the group has moved on meanwhile. */
  private async enter(): Promise<boolean> {
    const { connection, group, topic } = this.options;
    const subscription = { topics: [topic], userData: null, ownedPartitions: [] };
    const metadata = encodeRecord(consumerProtocolSubscription, recordVersion, subscription);
    this.joinedAtMs = performance.now();
    const joined = await connection.ask(joinGroup, versions.join, {
      groupId: group,
      ...GroupMember.timeouts,
      memberId: this.memberId,
      protocolType,
      protocols: [{ name: protocolName, metadata }],
    });
    if (joined.errorCode === 'MEMBER_ID_REQUIRED') this.memberId = joined.memberId;
    if (!this.passed('JoinGroup', joined.errorCode)) return false;
    this.memberId = joined.memberId;
    const ids = joined.members.map(({ memberId }) => memberId);
    const synced = await connection.ask(syncGroup, versions.sync, {
      groupId: group,
      generationId: joined.generationId,
      memberId: this.memberId,
      protocolType,
      protocolName,
      assignments: joined.leader === this.memberId ? this.dealOut(ids) : [],
    });
    if (!this.passed('SyncGroup', synced.errorCode)) return false;
    const { assignedPartitions } = decodeRecord(consumerProtocolAssignment, synced.assignment);
    this.hold(
      joined.generationId,
      assignedPartitions.flatMap(({ partitions }) => partitions),
    );
    return true;
  }

  private async isStillIn(): Promise<boolean> {
    const { connection, group } = this.options;
    const { errorCode } = await connection.ask(heartbeat, versions.heartbeat, {
      groupId: group,
      generationId: this.generation,
      memberId: this.memberId,
    });
    return this.passed('Heartbeat', errorCode);
  }

  /** Round robin, by the leader. */
  private dealOut(members: readonly string[]) {
    const { topic, partitions } = this.options;
    const shares = members.map((): number[] => []);
    for (let partition = 0; partition < partitions; partition++) shares[partition % members.length].push(partition);
    return members.map((memberId, at) => {
      const assigned = { assignedPartitions: [{ topic, partitions: shares[at] }], userData: null };
      return { memberId, assignment: encodeRecord(consumerProtocolAssignment, recordVersion, assigned) };
    });
  }

  /** false where it has to join again. */
  private passed(request: string, error: string): boolean {
    switch (error) {
      case 'NONE':
        return true;
      case 'UNKNOWN_MEMBER_ID':
        this.memberId = '';
        return false;
      case 'MEMBER_ID_REQUIRED':
      case 'REBALANCE_IN_PROGRESS':
      case 'ILLEGAL_GENERATION':
      case 'COORDINATOR_LOAD_IN_PROGRESS':
      case 'COORDINATOR_NOT_AVAILABLE':
      case 'NOT_COORDINATOR':
        return false;
      default:
        throw new Error(`${request} was answered ${error}`);
    }
  }
}
