/** A consumer of KIP-848 that only takes part in its group: its heartbeats bring it partitions. Runs in the load client. */
import { randomUUID } from 'node:crypto';
import { consumerGroupHeartbeat } from '../../src/protocol/messages/68-consumer-group-heartbeat.js';
import { GroupMember } from './group-member.js';

/** Member ids are made by the client from version 1 on. */
const version = 1;
const joining = 0;
const leavingForGood = -1;

interface Held {
  readonly topicId: string;
  readonly partitions: readonly number[];
}

export class ConsumerMember extends GroupMember {
  private readonly memberId = randomUUID();
  private epoch = joining;
  private held: readonly Held[] = [];
  /** Whether the broker has yet to hear that it holds what it was given. */
  private unsaid = false;

  protected async live(): Promise<void> {
    let share = this.options.phase;
    while (!this.leaving) {
      await this.beat();
      // As clients do: what was taken or given up is said at once, everything else waits for the next heartbeat.
      if (this.unsaid) continue;
      await this.pause(share);
      share = 1;
    }
  }

  protected async sayGoodbye(): Promise<void> {
    const { connection, group } = this.options;
    const goodbye = { groupId: group, memberId: this.memberId, memberEpoch: leavingForGood };
    const { errorCode } = await connection.ask(consumerGroupHeartbeat, version, goodbye);
    if (errorCode !== 'NONE') throw new Error(`the ConsumerGroupHeartbeat that leaves was answered ${errorCode}`);
  }

  private async beat(): Promise<void> {
    const { connection, group, topic } = this.options;
    const { rebalanceTimeoutMs } = GroupMember.timeouts;
    const who = { groupId: group, memberId: this.memberId, memberEpoch: this.epoch };
    const all = { rebalanceTimeoutMs, subscribedTopicNames: [topic], topicPartitions: [] };
    if (this.epoch === joining) this.joinedAtMs = performance.now();
    const news = this.epoch === joining ? all : this.unsaid ? { topicPartitions: this.held.map(copied) } : {};
    this.unsaid = false;
    const answer = await connection.ask(consumerGroupHeartbeat, version, { ...who, ...news });
    switch (answer.errorCode) {
      case 'NONE':
        break;
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_MEMBER_EPOCH':
        this.epoch = joining;
        this.held = [];
        this.hold(-1, []);
        return;
      case 'COORDINATOR_LOAD_IN_PROGRESS':
      case 'COORDINATOR_NOT_AVAILABLE':
      case 'NOT_COORDINATOR':
        return;
      default:
        throw new Error(`ConsumerGroupHeartbeat was answered ${answer.errorCode} ${answer.errorMessage ?? ''}`);
    }
    this.epoch = answer.memberEpoch;
    if (answer.assignment !== null) {
      this.held = answer.assignment.topicPartitions;
      this.unsaid = true;
    }
    this.hold(
      this.epoch,
      this.held.flatMap(({ partitions }) => partitions),
    );
  }
}

function copied({ topicId, partitions }: Held) {
  return { topicId, partitions: [...partitions] };
}
