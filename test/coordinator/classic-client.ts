/** A classic consumer as clients write them, with real subscriptions and assignments; it leads where it is asked to. Test process. */
import { decodeRecord, encodeRecord } from '../../src/protocol/compile.js';
import { consumerProtocolAssignment } from '../../src/protocol/records/consumer-protocol-assignment.js';
import { consumerProtocolSubscription } from '../../src/protocol/records/consumer-protocol-subscription.js';
import { GROUP, type GroupWorld } from './group-world.js';

export interface ClassicOptions {
  readonly name: string;
  readonly topics?: readonly string[];
  readonly instanceId?: string | null;
  /** Keeps what it has while it joins, and gives back what it is not given any more (KIP-429). */
  readonly cooperative?: boolean;
  readonly rebalanceTimeoutMs?: number;
}

type Listed = readonly { readonly topic: string; readonly partitions: readonly number[] }[];

export class ClassicClient {
  memberId = '';
  generation = -1;
  /** As `topic:partition`. */
  readonly owned = new Set<string>();
  readonly errors: string[] = [];
  phase: 'out' | 'joined' | 'stable' = 'out';
  /** Set while an answer is awaited. */
  private busy = false;
  private life = 0;
  private parts: ReadonlyMap<string, Listed> = new Map();
  /** Where it leads: of how many partitions it assigned. A leader watches its topics. */
  private assignedOf: number | null = null;

  constructor(
    readonly world: GroupWorld,
    readonly options: ClassicOptions,
  ) {}

  get topics(): readonly string[] {
    return this.options.topics ?? ['logs'];
  }

  get has(): string {
    return [...this.owned].sort().join(' ');
  }

  /** Does whatever a client would do next, unless it still waits for an answer. */
  async step(): Promise<void> {
    if (this.busy) return;
    if (this.phase === 'stable' && this.assignedOf !== null && this.assignedOf !== this.partitionCount())
      this.phase = 'out';
    if (this.phase === 'out') await this.join();
    else if (this.phase === 'joined') await this.sync();
    else this.refused(this.world.heartbeat(this.memberId, this.generation, this.instanceId));
  }

  private partitionCount(): number {
    return this.topics.reduce((sum, topic) => sum + (this.world.topics.get(topic)?.partitions.length ?? 0), 0);
  }

  private get instanceId(): string | null {
    return this.options.instanceId ?? null;
  }

  /** The process died: its answers go nowhere, and the next one knows nothing. */
  crash(): void {
    this.life++;
    this.busy = false;
    this.startOver(true, true);
  }

  async leave(): Promise<string> {
    const { memberId } = this;
    this.crash();
    const answer = await this.world.groups.leave(GROUP, [{ memberId, groupInstanceId: this.instanceId, reason: null }]);
    return answer.members?.[0].errorCode ?? answer.errorCode;
  }

  async commit(partition: number, offset: number): Promise<string> {
    return this.world.commit(offset, {
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      generationIdOrMemberEpoch: this.generation,
      topics: [
        {
          name: 'logs',
          topicId: '',
          partitions: [
            { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1, committedMetadata: '' },
          ],
        },
      ],
    });
  }

  private async join(): Promise<void> {
    if (!this.options.cooperative) this.owned.clear();
    const { life } = this;
    const { name, rebalanceTimeoutMs = 15_000, cooperative = false } = this.options;
    this.busy = true;
    const answer = await this.world.join({
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      clientId: name,
      rebalanceTimeoutMs,
      protocols: [
        {
          name: cooperative ? 'cooperative-sticky' : 'range',
          metadata: encodeRecord(consumerProtocolSubscription, 1, {
            topics: [...this.topics],
            ownedPartitions: listedOf(this.owned),
          }),
        },
      ],
    });
    if (life !== this.life) return;
    this.busy = false;
    if (answer.errorCode === 'MEMBER_ID_REQUIRED') {
      this.memberId = answer.memberId;
      return;
    }
    if (this.refused(answer.errorCode)) return;
    this.memberId = answer.memberId;
    this.generation = answer.generationId ?? -1;
    this.phase = 'joined';
    this.parts = new Map();
    this.assignedOf = answer.leader === this.memberId ? this.partitionCount() : null;
    if (this.assignedOf !== null && !answer.skipAssignment) this.parts = this.assign(answer.members);
  }

  private async sync(): Promise<void> {
    const { life } = this;
    this.busy = true;
    const answer = await this.world.groups.sync({
      groupId: GROUP,
      generationId: this.generation,
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      protocolType: 'consumer',
      protocolName: this.options.cooperative ? 'cooperative-sticky' : 'range',
      assignments: [...this.parts].map(([memberId, assignedPartitions]) => ({
        memberId,
        assignment: encodeRecord(consumerProtocolAssignment, 1, { assignedPartitions }),
      })),
    });
    if (life !== this.life) return;
    this.busy = false;
    if (this.refused(answer.errorCode)) return;
    this.phase = 'stable';
    const given = new Set<string>();
    if (answer.assignment.length > 0) {
      for (const { topic, partitions } of decodeRecord(consumerProtocolAssignment, answer.assignment)
        .assignedPartitions) {
        for (const partition of partitions) given.add(`${topic}:${partition}`);
      }
    }
    const lost = [...this.owned].filter((partition) => !given.has(partition));
    this.owned.clear();
    for (const partition of given) this.owned.add(partition);
    // What it gave back others wait for: it says so by joining again.
    if (lost.length > 0) this.phase = 'out';
  }

  /** Deals each topic out by turns; what a cooperative member still has goes to nobody else before it is given back. */
  private assign(members: Awaited<ReturnType<GroupWorld['join']>>['members']): Map<string, Listed> {
    const all = members.map(({ memberId, metadata }) => ({
      memberId,
      ...decodeRecord(consumerProtocolSubscription, metadata),
    }));
    const owners = new Map<string, string>();
    for (const { memberId, ownedPartitions } of all) {
      for (const { topic, partitions } of ownedPartitions)
        for (const each of partitions) owners.set(`${topic}:${each}`, memberId);
    }
    const parts = new Map<string, Set<string>>(all.map(({ memberId }) => [memberId, new Set()]));
    for (const topic of new Set(all.flatMap(({ topics }) => topics))) {
      const readers = all.filter(({ topics }) => topics.includes(topic));
      for (const { index } of this.world.topics.get(topic)?.partitions ?? []) {
        const { memberId } = readers[index % readers.length];
        const partition = `${topic}:${index}`;
        if ((owners.get(partition) ?? memberId) === memberId) parts.get(memberId)?.add(partition);
      }
    }
    return new Map([...parts].map(([memberId, partitions]) => [memberId, listedOf(partitions)]));
  }

  /** Whether `error` is one; then the client is on its way to where it begins again. */
  private refused(error: string): boolean {
    switch (error) {
      case 'NONE':
        return false;
      case 'REBALANCE_IN_PROGRESS':
        this.startOver(false, false);
        return true;
      case 'ILLEGAL_GENERATION':
        this.startOver(false, true);
        return true;
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_INSTANCE_ID':
        this.startOver(true, true);
        return true;
      default:
        this.errors.push(error);
        return true;
    }
  }

  private startOver(forgetId: boolean, losesAll: boolean): void {
    if (forgetId) this.memberId = '';
    if (losesAll) this.owned.clear();
    this.phase = 'out';
  }
}

function listedOf(owned: Iterable<string>): { topic: string; partitions: number[] }[] {
  const byTopic = new Map<string, number[]>();
  for (const each of owned) {
    const [topic, partition] = each.split(':');
    byTopic.set(topic, [...(byTopic.get(topic) ?? []), Number(partition)]);
  }
  return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }));
}
