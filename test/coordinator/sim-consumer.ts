/** A consumer as clients write them: joins, deals partitions where it leads, syncs, heartbeats, commits, and starts over when told. Test process. */
import type { GroupWorld } from './group-world.js';

export const PARTITIONS = 4;

/** What consumers of one group saw, and may never contradict. */
export class Witness {
  /** By generation, who was given each partition. */
  readonly owners = new Map<number, Map<number, string>>();
  /** By partition, what was acknowledged last, and what was asked for since and may have been kept or not. */
  readonly acknowledged = new Map<number, number>();
  readonly doubtful = new Map<number, Set<number>>();
  readonly complaints: string[] = [];
  highestSynced = 0;

  assigned(generation: number, consumer: string, partitions: readonly number[]): void {
    this.highestSynced = Math.max(this.highestSynced, generation);
    let owners = this.owners.get(generation);
    if (!owners) {
      owners = new Map();
      this.owners.set(generation, owners);
    }
    for (const partition of partitions) {
      const other = owners.get(partition);
      if (other !== undefined && other !== consumer) {
        this.complaints.push(`partition ${partition} of generation ${generation} went to ${other} and ${consumer}`);
      }
      owners.set(partition, consumer);
    }
  }

  joined(generation: number, consumer: string): void {
    if (generation < this.highestSynced) {
      this.complaints.push(`${consumer} joined generation ${generation} after ${this.highestSynced}`);
    }
  }
}

export class SimConsumer {
  memberId = '';
  generation = -1;
  owned: readonly number[] = [];
  phase: 'out' | 'joined' | 'stable' = 'out';
  /** Set while an answer is awaited. */
  busy = false;
  stopped = false;
  private life = 0;

  constructor(
    private readonly world: GroupWorld,
    private readonly witness: Witness,
    readonly name: string,
    private readonly instanceId: string | null,
  ) {}

  /** Does whatever a client would do next, unless it still waits for an answer. */
  step(): void {
    if (this.busy || this.stopped) return;
    if (this.phase === 'out') void this.join();
    else if (this.phase === 'joined') void this.sync([]);
    else this.heartbeat();
  }

  /** The process died: its answers go nowhere, and it knows nothing any more. */
  crash(): void {
    this.life++;
    this.busy = false;
    this.startOver(true);
  }

  stop(leave: boolean): void {
    if (leave && this.memberId !== '') {
      const member = { memberId: this.memberId, groupInstanceId: this.instanceId, reason: null };
      void this.world.groups.leave('readers', [member]);
    }
    this.crash();
    this.stopped = true;
  }

  async commit(partition: number, offset: number): Promise<void> {
    if (this.phase !== 'stable' || !this.owned.includes(partition)) return;
    const { witness, memberId, instanceId, generation } = this;
    witness.doubtful.set(partition, new Set([...(witness.doubtful.get(partition) ?? []), offset]));
    const error = await this.world.commit(offset, {
      memberId,
      groupInstanceId: instanceId,
      generationIdOrMemberEpoch: generation,
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
    if (error !== 'NONE') return;
    witness.acknowledged.set(partition, offset);
    // Offsets only grow here, so what is larger was asked for later and is still open.
    witness.doubtful.set(
      partition,
      new Set([...(witness.doubtful.get(partition) ?? [])].filter((other) => other > offset)),
    );
  }

  private startOver(forgetId: boolean): void {
    if (forgetId) this.memberId = '';
    this.phase = 'out';
    this.owned = [];
    this.generation = -1;
  }

  private async join(): Promise<void> {
    const { life } = this;
    this.busy = true;
    const answer = await this.world.join({
      memberId: this.memberId,
      groupInstanceId: this.instanceId,
      clientId: this.name,
      rebalanceTimeoutMs: 20_000,
    });
    if (life !== this.life) return;
    this.busy = false;
    if (answer.errorCode === 'MEMBER_ID_REQUIRED') {
      this.memberId = answer.memberId;
      return;
    }
    if (answer.errorCode !== 'NONE') {
      this.refused(answer.errorCode);
      return;
    }
    this.memberId = answer.memberId;
    this.generation = answer.generationId ?? -1;
    this.witness.joined(this.generation, this.name);
    this.phase = 'joined';
    if (answer.leader !== answer.memberId || answer.skipAssignment) return;
    const ids = answer.members.map((member) => member.memberId);
    const parts = ids.map((id, i) => [id, [...Array(PARTITIONS).keys()].filter((p) => p % ids.length === i)] as const);
    void this.sync(parts);
  }

  private async sync(parts: readonly (readonly [string, readonly number[]])[]): Promise<void> {
    const { life, generation } = this;
    this.busy = true;
    const assignments = Object.fromEntries(parts.map(([id, partitions]) => [id, JSON.stringify(partitions)]));
    const answer = await this.world.sync(this.memberId, generation, assignments, this.instanceId);
    if (life !== this.life) return;
    this.busy = false;
    if (answer.errorCode !== 'NONE') {
      this.refused(answer.errorCode);
      return;
    }
    this.owned = answer.assignment.length === 0 ? [] : JSON.parse(answer.assignment.toString());
    this.witness.assigned(generation, this.name, this.owned);
    this.phase = 'stable';
  }

  private heartbeat(): void {
    const error = this.world.heartbeat(this.memberId, this.generation, this.instanceId);
    if (error !== 'NONE') this.refused(error);
  }

  private refused(error: string): void {
    switch (error) {
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_INSTANCE_ID':
        this.startOver(true);
        return;
      case 'ILLEGAL_GENERATION':
      case 'REBALANCE_IN_PROGRESS':
        this.startOver(false);
        return;
      case 'COORDINATOR_LOAD_IN_PROGRESS':
      case 'COORDINATOR_NOT_AVAILABLE':
      case 'NOT_COORDINATOR':
        return;
      default:
        this.witness.complaints.push(`${this.name} was told ${error}`);
    }
  }
}
